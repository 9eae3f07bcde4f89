"""Masks as people have them: which pixels of a picture of a mask are the hole."""

from __future__ import annotations

import numpy as np

from img2img.errors import UserError
from img2img.images.picture import Picture, Pixels

EMPTY = "the mask is empty: nothing was filled"
FULL = "the mask covers the whole picture: nothing is left to fill it from"
FROM_ALPHA = "the mask was taken from its alpha (opaque = hole), for its colour is the same everywhere"


def hole_of(mask: Picture) -> tuple[Pixels, tuple[str, ...]]:
    """(H, W) bool, true inside the hole, and notes.

    Where there are two levels the higher one is the hole, whatever they are (0 and 1, 0 and 255); with more of them all
    above the half. One level alone is an empty mask if it is 0, else a full one. Alpha is looked at where the colour is
    the same everywhere: opaque is then the hole. Colours count by the mean of their channels.

    Raises:
        UserError: two colours of the same mean: no telling which one is the hole.
    """
    pixels = mask.pixels
    notes: tuple[str, ...] = ()
    plane = _plane(pixels)
    if mask.alpha is not None and _constant(mask.alpha) is None and _constant_colour(pixels):
        plane, notes = mask.alpha, (FROM_ALPHA,)
        top = int(np.iinfo(plane.dtype).max)
    else:
        top = int(np.iinfo(pixels.dtype).max) * (1 if plane.dtype == pixels.dtype else pixels.shape[2])
        if _constant(plane) is not None and not _constant_colour(pixels):
            raise UserError("the mask has colours of the same brightness: make the hole white and the rest black")
    low, high = int(plane.min()), int(plane.max())
    if low == high:
        return np.full(plane.shape, high > 0), (*notes, FULL if high else EMPTY)
    top_level = plane == high
    hole: Pixels = top_level if bool((top_level | (plane == low)).all()) else plane > top // 2
    if not hole.any():
        notes = (*notes, EMPTY)
    return hole, notes


def _plane(pixels: Pixels) -> Pixels:
    """(H, W) of the levels of (H, W, C); the sum of channels that are not the same."""
    first = pixels[:, :, 0]
    if all(np.array_equal(first, pixels[:, :, channel]) for channel in range(1, pixels.shape[2])):
        return first
    total: Pixels = pixels.sum(2, dtype=np.uint32)
    return total


def _constant(plane: Pixels) -> int | None:
    """The level of (H, W) where it is one."""
    low, high = int(plane.min()), int(plane.max())
    return low if low == high else None


def _constant_colour(pixels: Pixels) -> bool:
    return all(_constant(pixels[:, :, channel]) is not None for channel in range(pixels.shape[2]))
