"""What all measures share: pictures are checked once, and taken plane by plane in float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from img2img.errors import UserError


def check(name: str, result: Tensor, target: Tensor, data_range: float, smallest: int = 1, why: str = "") -> None:
    """Refuse what a measure cannot mean anything for.

    Raises:
        UserError: not (N, C, H, W), sizes that differ, a side under ``smallest`` (``why`` says what needs it), values
            that are not finite or lie outside [0, data_range].
    """
    if not 0 < data_range < math.inf:
        raise UserError(
            f"{name}: data_range={data_range:g} must be the largest value that samples can have, such as 255"
        )
    if result.dim() != 4 or result.shape != target.shape:
        raise UserError(
            f"{name} needs two batches (N, C, H, W) of one shape; these are {tuple(result.shape)} (result) and "
            f"{tuple(target.shape)} (target)"
        )
    height, width = result.shape[-2:]
    if min(height, width) < smallest:
        raise UserError(f"{name} needs sides of at least {smallest} px ({why}); these are {width}x{height}")
    for what, x in (("result", result), ("target", target)):
        if (x.dtype == torch.uint8 and data_range >= 255) or x.numel() == 0:
            continue
        values = x.detach() if x.is_floating_point() else x.double()
        low, high = (float(end) for end in values.aminmax())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise UserError(f"{name}: the {what} has samples that are not finite (NaN or infinite)")
        if low < 0 or high > data_range:
            raise UserError(
                f"{name}: the {what}'s samples lie in [{low:g}, {high:g}], not in [0, {data_range:g}]: say the "
                f"data_range they are in (for pictures in [-1, 1]: add 1 and say 2)"
            )


def each_plane(measure: Callable[[Tensor, Tensor], Tensor], result: Tensor, target: Tensor) -> Tensor:
    """``measure`` of (planes, H, W) float64 result and target, for every picture and channel: (N, C).

    On a CPU one plane at a time, which stays in its caches and takes half the time.
    """
    x, y = result.flatten(0, 1), target.flatten(0, 1)
    if x.device.type == "cpu":
        values = [measure(a[None].double(), b[None].double()) for a, b in zip(x, y, strict=True)]
        of_planes = torch.cat(values) if values else x.new_zeros(0, dtype=torch.float64)
    else:
        of_planes = measure(x.double(), y.double())
    return of_planes.reshape(result.shape[:2])
