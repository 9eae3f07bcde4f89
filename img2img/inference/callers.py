"""Tensors and arrays of callers: checked before they are translated, and results in their shape."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from img2img.errors import UserError
from img2img.images import Picture, Pixels, as_rgb, joined


def check_alike(pictures: Sequence[Picture], holes: Sequence[Picture]) -> None:
    """Pictures that go together have one shape and depth, and masks their size.

    Raises:
        UserError: they do not.
    """
    first = pictures[0].pixels
    if any(picture.pixels.shape != first.shape or picture.pixels.dtype != first.dtype for picture in pictures):
        raise UserError("pictures that are translated together must have one shape and depth")
    height, width, _ = first.shape
    for hole in holes:
        if hole.pixels.shape[:2] != (height, width):
            raise UserError(f"the mask is {hole.pixels.shape[1]}x{hole.pixels.shape[0]}, the picture {width}x{height}")


def check_values(source: Tensor, mask: Tensor | None, channels: int) -> tuple[int, ...]:
    """The shape that a mask beside a caller's tensor has; the tensor must be float, in [-1, 1], of ``channels``.

    Raises:
        UserError: another type, shape or range, of the tensor or the mask.
    """
    shape = tuple(source.shape)
    fits = source.ndim in (3, 4) and shape[-3] == channels and source.numel()
    if not fits or not source.is_floating_point():
        raise UserError(
            f"a tensor must be ({channels}, H, W) or (N, {channels}, H, W), float in [-1, 1], "
            f"got {str(source.dtype).removeprefix('torch.')} {shape}"
        )
    lowest, highest = (float(value) for value in source.detach().aminmax())
    # a little beyond is what resizing does; not-a-number fails too
    if not (lowest >= -1.1 and highest <= 1.1):
        raise UserError(
            f"a tensor's values must lie in [-1, 1], got {lowest:g} to {highest:g}; 8-bit levels are brought there "
            f"by x / 127.5 - 1, or go in as a uint8 array"
        )
    if lowest >= 0 and 0.5 < highest <= 1:
        warnings.warn(
            f"a tensor with values from {lowest:g} to {highest:g} is taken as in [-1, 1], where 0 is mid-grey; "
            f"one in [0, 1] goes in with unit=True, or as 2 * x - 1",
            stacklevel=4,
        )
    wanted = (*shape[:-3], 1, *shape[-2:])
    if mask is not None and tuple(mask.shape) != wanted:
        raise UserError(f"the mask beside a tensor {shape} must be {wanted}, got {tuple(mask.shape)}")
    return wanted


def from_unit(source: Pixels | Tensor, channels: int) -> Tensor:
    """Floats in [0, 1], an array (H, W) or (H, W, C) or a tensor (C, H, W) or (N, C, H, W), as (N, C, H, W) in [-1, 1].

    Raises:
        UserError: another type, shape or range.
    """
    array = isinstance(source, np.ndarray)
    values = torch.from_numpy(np.array(source)) if isinstance(source, np.ndarray) else source.detach()
    if array and values.ndim in (2, 3):
        values = values.reshape(*values.shape[:2], -1).permute(2, 0, 1)
    fits = values.ndim in (3, 4) and values.numel() and values.shape[-3] in (channels, 1 if array else channels)
    if not fits or not values.is_floating_point():
        shape = f"(H, W) or (H, W, {channels})" if array else f"({channels}, H, W) or (N, {channels}, H, W)"
        kind = str(source.dtype).removeprefix("torch.")
        raise UserError(f"unit=True: floats {shape} in [0, 1] are needed, got {kind} {tuple(source.shape)}")
    lowest, highest = (float(value) for value in values.aminmax())
    # a little beyond is what resizing does; not-a-number fails too
    if not (lowest >= -0.05 and highest <= 1.05):
        raise UserError(f"unit=True: values must lie in [0, 1], got {lowest:g} to {highest:g}")
    batch = values.float().reshape(-1, *values.shape[-3:])
    return (batch.expand(-1, channels, -1, -1) * 2 - 1).clamp(-1, 1)


def in_unit(source: Pixels | Tensor, result: Tensor) -> Pixels | Tensor:
    """(N, C, H, W) in [-1, 1] of `from_unit` as floats in [0, 1] of the kind and shape of ``source``."""
    values = (result + 1) / 2
    if isinstance(source, Tensor):
        return values.reshape(*source.shape[:-3], *values.shape[1:]).to(source)
    grey = source.ndim == 2 or source.shape[2] == 1
    if grey and values.shape[1] == 3:
        values = values.mean(1, keepdim=True)
    array: Pixels = values[0].permute(1, 2, 0).numpy().astype(source.dtype)
    return array.reshape(source.shape) if array.size == source.size else array


def shaped_as(source: Pixels, result: Picture) -> Pixels:
    """A result as an array of its source's shape: grey repeated, and opaque where its alpha was laid onto a ground."""
    channels = 1 if source.ndim == 2 else source.shape[2]
    pixels = as_rgb(result) if channels >= 3 else result.pixels
    alpha = result.alpha
    if channels in (2, 4) and alpha is None:
        alpha = np.full(pixels.shape[:2], np.iinfo(pixels.dtype).max, pixels.dtype)
    array = joined(replace(result, pixels=pixels, alpha=alpha))
    # of a label map in one channel the result has three
    return array.reshape(source.shape) if array.size == source.size else array
