"""The values of a file's channels, kept of those that are not 8-bit grey or RGB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Pixels = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Values:
    """Of each channel (C,) of a file the lowest, the highest and the mean value, and the share at the highest."""

    dtype: str
    low: Pixels
    high: Pixels
    mean: Pixels
    at_high: Pixels


def values_of(pixels: Pixels) -> Values | None:
    """What is kept of (H, W, C); None of 8-bit grey and RGB, which other checks look at."""
    if pixels.dtype == np.uint8 and pixels.shape[2] in (1, 3):
        return None
    high = pixels.max((0, 1))
    return Values(
        pixels.dtype.name,
        pixels.min((0, 1)),
        high,
        pixels.mean((0, 1), dtype=np.float64),
        (pixels == high).mean((0, 1)),
    )
