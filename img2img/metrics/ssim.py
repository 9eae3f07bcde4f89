"""Structural similarity, as its authors' ssim_index.m (2004) and ssim.m (2009, it shrinks large pictures) compute it.

Z. Wang, A. C. Bovik, H. R. Sheikh and E. P. Simoncelli, "Image quality assessment: from error visibility to structural
similarity", IEEE Transactions on Image Processing 13(4), 2004.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from img2img.metrics.planes import check, each_plane
from img2img.metrics.windows import gaussian, separable


def ssim(
    result: Tensor,
    target: Tensor,
    *,
    data_range: float,
    window: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Tensor:
    """Structural similarity (Wang et al. 2004; ssim_index.m) in [-1, 1]; symmetric; negative values are not clamped.

    A Gaussian window, population covariance, only windows that fit, no downsampling. Gradients flow to both pictures.

    Raises:
        UserError: see `check`; a side under ``window``.
    """
    check("ssim", result, target, data_range, window, f"the {window}x{window} window")
    return structural_similarity(result, target, data_range, gaussian(window, sigma), k1, k2)


def structural_similarity(
    result: Tensor, target: Tensor, data_range: float, taps: tuple[float, ...], k1: float = 0.01, k2: float = 0.03
) -> Tensor:
    """`ssim` without its checks, which wait for the device: for losses."""

    def measure(x: Tensor, y: Tensor) -> Tensor:
        return similarity_map(x, y, data_range, taps, k1, k2).mean((-1, -2))

    return each_plane(measure, result, target).mean(1)


def similarity_map(
    x: Tensor, y: Tensor, data_range: float, taps: tuple[float, ...], k1: float = 0.01, k2: float = 0.03
) -> Tensor:
    """The index of every window that fits, of (planes, H, W): (planes, H - n + 1, W - n + 1) for n ``taps``."""
    c1, c2 = (k1 * data_range) ** 2, (k2 * data_range) ** 2
    # the two variances are only ever added: four filtered planes suffice
    mean_x, mean_y, squares, products = separable(torch.stack([x, y, x * x + y * y, x * y]), taps)
    means, energies = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    numerator = (2 * means + c1) * (2 * (products - means) + c2)
    index: Tensor = numerator / ((energies + c1) * (squares - energies + c2))
    return index


def ssim_auto(result: Tensor, target: Tensor, *, data_range: float) -> Tensor:
    """`ssim` after the automatic downsampling of ssim.m (Wang 2009): sides from 384 px on are first made smaller.

    The factor is the shorter side / 256, rounded half up; means over factor x factor samples, borders mirrored with
    the edge repeated.

    Raises:
        UserError: see `check`; a side under 11 px.
    """
    check("ssim_auto", result, target, data_range, 11, "the 11x11 window")
    factor = max(1, math.floor(min(result.shape[-2:]) / 256 + 0.5))
    return structural_similarity(_shrink(result, factor), _shrink(target, factor), data_range, gaussian(11, 1.5))


def _shrink(x: Tensor, factor: int) -> Tensor:
    """Means over ``factor`` x ``factor`` samples, in float64."""
    x = x.double()
    if factor == 1:
        return x
    for dim in (-2, -1):
        length = x.shape[dim]
        count = -(-length // factor)
        index = torch.arange(count * factor, device=x.device) - (factor - 1) // 2
        index = torch.where(index < 0, -1 - index, index)
        index = torch.where(index >= length, 2 * length - 1 - index, index)
        x = torch.unflatten(x.index_select(dim, index), dim, (count, factor)).mean(dim)
    return x
