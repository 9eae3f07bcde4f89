"""Jitter: load size, crop and flip, one draw for all pictures of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Pixels = np.ndarray[Any, Any]


def resize_short(picture: Pixels, side: int, *, nearest: bool = False) -> Pixels:
    """(H, W, C) with its short side ``side`` px: block means when it shrinks (no aliasing), bicubic when it grows.

    ``nearest``: neither, but the pixel whose centre lies nearest.
    """
    import cv2

    height, width = picture.shape[:2]
    scale = side / min(height, width)
    if scale == 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    method = cv2.INTER_NEAREST_EXACT if nearest else method
    # OpenCV shrinks no more than four channels at once
    parts = [picture[:, :, first : first + 4] for first in range(0, picture.shape[2], 4)]
    scaled = [cv2.resize(np.ascontiguousarray(part), size, interpolation=method) for part in parts]
    resized: Pixels = np.dstack(scaled) if len(scaled) > 1 else scaled[0]
    return resized.reshape(size[1], size[0], -1)


def resized(pictures: Mapping[str, Pixels], load: int | None, labels: str | None = None) -> dict[str, Pixels]:
    """Every picture with its short side ``load`` px (None: as it is); masks stay 0 and 255.

    The side called ``labels`` is a label map: each pixel is one of its own, the nearest.
    """
    if load is None:
        return dict(pictures)
    scaled = {name: resize_short(picture, load, nearest=name == labels) for name, picture in pictures.items()}
    return {name: np.where(p > 127, 255, 0).astype(np.uint8) if name == "mask" else p for name, p in scaled.items()}


def random_cut(
    pictures: Mapping[str, Pixels], crop: int | None, flip: bool, rng: np.random.Generator
) -> dict[str, Pixels]:
    """The same ``crop`` px square of every picture (all of one size), in half of the cases mirrored left to right.

    Top, left and flip are three draws of one generator: where a crop lies says nothing about how it is turned.
    Pictures smaller than the crop are mirrored at the right and below to fit.
    """
    cut = dict(pictures)
    if crop is not None:
        height, width = next(iter(pictures.values())).shape[:2]
        top = int(rng.integers(max(1, height - crop + 1)))
        left = int(rng.integers(max(1, width - crop + 1)))
        lack = ((0, max(0, crop - height)), (0, max(0, crop - width)), (0, 0))
        for name, picture in cut.items():
            part = picture[top : top + crop, left : left + crop]
            cut[name] = np.pad(part, lack, mode="reflect") if lack[0][1] or lack[1][1] else part
    if flip and rng.random() < 0.5:
        cut = {name: picture[:, ::-1] for name, picture in cut.items()}
    return cut


def centre_cut(pictures: Mapping[str, Pixels], side: int | None) -> dict[str, Pixels]:
    """The centre of at most ``side`` px of every picture (None: all of it)."""
    if side is None:
        return dict(pictures)
    cut = {}
    for name, picture in pictures.items():
        height, width = picture.shape[:2]
        top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
        cut[name] = picture[top : top + side, left : left + side]
    return cut
