"""The bands of a steerable pyramid that visual information fidelity looks at, in double precision on any device.

The pyramid is that of Simoncelli and Freeman (ICIP 1995) with six orientations, as ``buildSpyr`` of matlabPyrTools
makes it with ``sp5Filters`` and ``reflect1`` (borders mirrored without repeating the edge). The taps are those of
sp5Filters.m (E. Simoncelli 1996, MIT licence), with the 8 digits printed there. All are mirror images of themselves
along both sides, but for the sign of some: a quarter says all.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import pad

Taps = tuple[tuple[float, ...], ...]

# rows from the middle downwards, columns from the middle to the right
FIRST: Taps = (
    (0.40304148, 0.15925570, -0.03848215),
    (0.15925570, 0.05586982, -0.01551246),
    (-0.03848215, -0.01551246, 0.00341614),
)
HALVING: Taps = (
    (0.10096540, 0.08169618, 0.03981393, 0.01002988, -0.00962054),
    (0.08169618, 0.06426333, 0.03277038, 0.00410600, -0.00944432),
    (0.03981393, 0.03277038, 0.01396746, -0.00661117, -0.00387812),
    (0.01002988, 0.00410600, -0.00661117, -0.00523281, -0.00244917),
    (-0.00962054, -0.00944432, -0.00387812, -0.00244917, 0.00085404),
)
# by which sp5Filters.m multiplies the taps above
HALVING_GAIN = 2.0
# odd from top to bottom: the middle row is 0
BAND: Taps = (
    (0.11732297, 0.08226445, 0.03075356, 0.01021852),
    (-0.02755155, -0.01189859, 0.00893064, 0.00986904),
    (-0.01455399, -0.01026699, -0.00496194, -0.00277643),
)


def bands(x: Tensor, levels: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The fourth and the first of the six bands of every level, from the finest on, of (P, H, W) float64 planes.

    The fourth, (P, h, w), is odd along the height (its sign is turned). The first is that of the transposed plane, and
    so it comes, (P, w, h): for use where neither sign nor direction matters.
    """
    low = _correlate(x, FIRST)
    for level in range(levels):
        if level:
            low = HALVING_GAIN * _correlate(low, HALVING, step=2)
        yield _correlate(low, BAND, odd=True), _correlate(low.mT, BAND, odd=True)


def _correlate(x: Tensor, taps: Taps, step: int = 1, odd: bool = False) -> Tensor:
    """Correlation with a filter given by its quarter, at every ``step``-th sample from the first."""
    half = len(taps[0]) - 1
    height, width = x.shape[-2:]
    x = pad(x, (half, half, half, half), mode="reflect")
    total = x.new_zeros((*x.shape[:-2], -(-height // step), -(-width // step)))
    for i, row in enumerate(taps, start=1 if odd else 0):
        rows = x[..., half + i : half + i + height : step, :]
        if i:
            # rows meet before they are weighted, so that an odd filter gives 0 where nothing changes, not rounding
            rows = torch.add(rows, x[..., half - i : half - i + height : step, :], alpha=-1 if odd else 1)
        for j, tap in enumerate(row):
            for start in {half - j, half + j}:
                total.add_(rows[..., start : start + width : step], alpha=tap)
    return total
