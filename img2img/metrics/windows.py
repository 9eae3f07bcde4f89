"""Sliding windows in double precision: separable symmetric filters and box sums, only where the window fits.

Torch's own convolutions are tens of times slower in double precision than sums of shifted views, which is what these
are. Both run on any device.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad


def gaussian(size: int, sigma: float) -> tuple[float, ...]:
    """``size`` taps of a normalised Gaussian; its outer product is MATLAB's ``fspecial('gaussian', size, sigma)``."""
    centre = (size - 1) / 2
    taps = [math.exp(-((i - centre) ** 2) / (2 * sigma**2)) for i in range(size)]
    total = math.fsum(taps)
    return tuple(tap / total for tap in taps)


def _along(x: Tensor, taps: tuple[float, ...], dim: int) -> Tensor:
    """Correlation with symmetric taps along one dimension."""
    count = x.shape[dim] - len(taps) + 1
    half, odd = divmod(len(taps), 2)
    total = x.narrow(dim, half, count) * (taps[half] if odd else 0.0)
    for i in range(half):
        total.add_(x.narrow(dim, i, count), alpha=taps[i])
        total.add_(x.narrow(dim, len(taps) - 1 - i, count), alpha=taps[i])
    return total


class _Filter(torch.autograd.Function):
    """The sums above with a gradient that costs no more than they do: of symmetric taps it is the same filter."""

    @staticmethod
    def forward(context: Any, x: Tensor, taps: tuple[float, ...]) -> Tensor:
        context.taps = taps
        return _along(_along(x, taps, -1), taps, -2)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        border = len(context.taps) - 1
        wide = pad(gradients[0], (border, border, border, border))
        return _Filter.apply(wide, context.taps), None  # type: ignore[no-untyped-call]


def separable(x: Tensor, taps: tuple[float, ...]) -> Tensor:
    """(..., H, W) filtered with symmetric ``taps`` along both sides: (..., H - n + 1, W - n + 1). Differentiable."""
    filtered: Tensor = _Filter.apply(x, taps)  # type: ignore[no-untyped-call]
    return filtered


def box_sums(x: Tensor, power: int) -> Tensor:
    """Sums over every window of 2**power x 2**power samples; exact for integers of up to 2**53."""
    for dim in (-1, -2):
        for step in (2**p for p in range(power)):
            count = x.shape[dim] - step
            x = x.narrow(dim, 0, count) + x.narrow(dim, step, count)
    return x


def all_equal(x: Tensor, power: int) -> Tensor:
    """Whether all samples of a window of 2**power x 2**power are the same, for every window. Booleans."""
    side = 2**power
    along = _every(x[..., :, 1:] == x[..., :, :-1], side, side - 1)
    down = _every(x[..., 1:, :] == x[..., :-1, :], side - 1, side)
    return along & down


def _every(flags: Tensor, height: int, width: int) -> Tensor:
    """Whether all flags of a window are set, for every window."""
    for dim, size in ((-2, height), (-1, width)):
        reach = 1
        while reach < size:
            step = min(reach, size - reach)
            count = flags.shape[dim] - step
            flags = flags.narrow(dim, 0, count) & flags.narrow(dim, step, count)
            reach += step
    return flags
