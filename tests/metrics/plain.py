"""The measures' formulas written out once more with numpy and scipy, so that each known mistake can be made on purpose.

A local mean is a function of a plane: which window and which border it has is what programs differ in.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import correlate1d

Plane = np.ndarray
Local = Callable[[Plane], Plane]


def taps(size: int, sigma: float) -> Plane:
    made = np.exp(-((np.arange(size) - (size - 1) / 2) ** 2) / (2 * sigma**2))
    return made / made.sum()


def whole(mode: str, axes: tuple[int, ...] = (0, 1)) -> Local:
    """SSIM's Gaussian with a border made up, so that the map is as large as the picture."""
    window = taps(11, 1.5)

    def local(plane: Plane) -> Plane:
        for axis in axes:
            plane = correlate1d(plane, window, axis, mode=mode)
        return plane

    return local


def valid(plane: Plane, size: int = 11, sigma: float = 1.5) -> Plane:
    """Gaussian means only where the window fits."""
    window = taps(size, sigma)
    for axis in (0, 1):
        plane = np.apply_along_axis(np.convolve, axis, plane, window, "valid")
    return plane


def ssim(x: Plane, y: Plane, local: Local = valid, data_range: float = 255, clamp: bool = False) -> float:
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mx, my = local(x), local(y)
    vx, vy, cov = local(x * x) - mx**2, local(y * y) - my**2, local(x * y) - mx * my
    contrast = (2 * cov + c2) / (vx + vy + c2)
    if clamp:
        contrast = np.maximum(contrast, 0)
    return float(np.mean((2 * mx * my + c1) / (mx**2 + my**2 + c1) * contrast))


def quality(mx: Plane, my: Plane, squares: Plane, products: Plane, count: float = 1) -> Plane:
    """UQI of blocks from their means, or with their ``count`` from their sums."""
    both, energy = mx * my, mx**2 + my**2
    return 4 * (count * products - both) * both / ((count * squares - energy) * energy)


def vifp(
    target: Plane,
    result: Plane,
    local: Callable[[Plane, int], Plane] | None = None,
    noise: float = 2,
    sizes: tuple[int, ...] = (17, 9, 5, 3),
) -> float:
    """``local`` takes a plane and the size of the scale's window, whose sigma is a fifth of it."""
    local = local or (lambda plane, size: valid(plane, size, size / 5))
    kept = there = 0.0
    x, y = target, result
    for size in sizes:
        if size < 17:
            x, y = local(x, size)[::2, ::2], local(y, size)[::2, ::2]
        mx, my = local(x, size), local(y, size)
        vx, vy = np.maximum(local(x * x, size) - mx**2, 0), np.maximum(local(y * y, size) - my**2, 0)
        cov = local(x * y, size) - mx * my
        gain = cov / (vx + 1e-10)
        rest = vy - gain * cov
        for case, value in ((vx < 1e-10, vy), (vy < 1e-10, 0), (gain < 0, vy)):
            gain, rest = np.where(case, 0, gain), np.where(case, value, rest)
        vx = np.where(vx < 1e-10, 0, vx)
        kept += np.log10(1 + gain**2 * vx / (np.maximum(rest, 1e-10) + noise)).sum()
        there += np.log10(1 + vx / noise).sum()
    return float(kept / there)
