"""Full-reference measures of a result against its target, on 8-bit pictures as they are written to disk.

PSNR and SSIM come from scikit-image with the settings of Wang et al. 2004 (window 11x11, sigma 1.5, population
covariance, border left out), data range 255: PSNR from one mean squared error over all RGB samples, SSIM the mean of
the three channels' values.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from img2img.errors import UserError

PROTOCOL = "RGB, 8 bit, no crop; PSNR of one MSE over all samples; SSIM 11x11 Gaussian sigma 1.5, mean of channels"
SSIM_WINDOW = 11


def _same(result: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> None:
    if result.shape != target.shape:
        raise UserError(
            f"sizes differ: result {result.shape[1]}x{result.shape[0]}, target {target.shape[1]}x{target.shape[0]}"
        )


def psnr(result: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> float:
    """Peak signal-to-noise ratio in dB of two (H, W, 3) uint8 pictures; ``inf`` where they are identical."""
    _same(result, target)
    difference = result.astype(np.float64) - target.astype(np.float64)
    mse = float(np.mean(difference**2))
    return math.inf if mse == 0 else 10 * math.log10(255**2 / mse)


def ssim(result: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> float:
    """Structural similarity of two (H, W, 3) uint8 pictures, in [-1, 1]; ``nan`` where a side is under 11 px."""
    from skimage.metrics import structural_similarity

    _same(result, target)
    if min(result.shape[:2]) < SSIM_WINDOW:
        return math.nan
    return float(
        structural_similarity(
            target,
            result,
            channel_axis=2,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def mae(result: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> float:
    """Mean absolute error in grey levels (0 to 255) of two (H, W, 3) uint8 pictures."""
    _same(result, target)
    return float(np.mean(np.abs(result.astype(np.float64) - target.astype(np.float64))))


Metric = Callable[[np.ndarray[Any, Any], np.ndarray[Any, Any]], float]
METRICS: dict[str, Metric] = {"psnr": psnr, "ssim": ssim, "mae": mae}
HIGHER_IS_BETTER = {"psnr": True, "ssim": True, "mae": False}


def mean(values: list[float]) -> tuple[float, int]:
    """Mean of the finite values and how many are left out (identical pictures have an infinite PSNR).

    All infinite gives ``inf``; none at all gives ``nan``.
    """
    finite = [value for value in values if math.isfinite(value)]
    if finite:
        return math.fsum(finite) / len(finite), len(values) - len(finite)
    infinite = [value for value in values if value == math.inf]
    return (math.inf if infinite else math.nan), len(values)
