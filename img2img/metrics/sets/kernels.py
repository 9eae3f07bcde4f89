"""Maximum mean discrepancy (Gretton et al. 2012) of two sets, and KID, which is one of its forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from img2img.errors import UserError, unknown
from img2img.metrics.sets.distances import checked, median_distance, squared_blocks

Estimator = Literal["unbiased", "biased"]
# a number, in the units of the samples, or a multiple of the median distance between real samples
Bandwidth = float | str
SCALES: tuple[Bandwidth, ...] = ("0.05median", "0.25median", "median")
MEDIAN = re.compile(r"(\d+(?:\.\d+)?)?median")

# of squared distances, which they may overwrite, and a bandwidth h
KERNELS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "gaussian": lambda squared, h: squared.mul(-0.5 / h**2).exp_(),
    "laplacian": lambda squared, h: squared.sqrt().mul_(-1 / h).exp_(),
}


def mmd_name(bandwidth: Bandwidth, kernel: str = "gaussian", estimator: str = "unbiased") -> str:
    """The name of one number of `mmd`: mmd2_gaussian_0.1_unbiased, mmd2_gaussian_0.25median_biased."""
    width = bandwidth if isinstance(bandwidth, str) else f"{bandwidth:g}"
    return f"mmd2_{kernel}_{width}_{estimator}"


def mmd(
    real: Tensor,
    made: Tensor,
    bandwidths: Sequence[Bandwidth] = SCALES,
    kernel: str = "gaussian",
    estimator: Estimator = "unbiased",
) -> dict[str, float]:
    """Squared maximum mean discrepancy of (N, F) and (M, F) at several bandwidths, under `mmd_name`.

    E k(x, x') + E k(y, y') - 2 E k(x, y) (Gretton et al. 2012, eq. 2). Unbiased (eq. 3): no sample is paired with
    itself; may be negative, so that its root is never taken. Biased (eq. 5): all pairs, at least 0, and of equal
    distributions about 2 (1 - E k) / N.

    Args:
        bandwidths: h, in the units of the samples; ``median`` or ``0.25median``: of `median_distance` of ``real``,
            so that all sets held against the same real one share it.
        kernel: gaussian, exp(-d^2 / (2 h^2)), or laplacian, exp(-d / h).

    Raises:
        UserError: an unknown kernel, estimator or bandwidth; bad sets, as `checked` says.
    """
    if kernel not in KERNELS:
        raise unknown("kernel", kernel, KERNELS)
    if estimator not in ("unbiased", "biased"):
        raise unknown("estimator", estimator, ("unbiased", "biased"))
    real, made = checked(real, made)
    widths = [_width(bandwidth, real) for bandwidth in bandwidths]
    within_real, within_made = (_mean_kernel(x, x, kernel, widths, estimator) for x in (real, made))
    across = _mean_kernel(real, made, kernel, widths, "biased")
    names = [mmd_name(bandwidth, kernel, estimator) for bandwidth in bandwidths]
    return dict(zip(names, (within_real + within_made - 2 * across).tolist(), strict=True))


def _width(bandwidth: Bandwidth, real: Tensor) -> float:
    if isinstance(bandwidth, str):
        found = MEDIAN.fullmatch(bandwidth)
        if found is None:
            raise UserError(f"bandwidth {bandwidth}: must be a number, median or such as 0.25median")
        width = float(found[1] or 1) * median_distance(real)
        if width <= 0:
            raise UserError(f"bandwidth {bandwidth}: half of the real samples are equal; give a number")
        return width
    if not 0 < bandwidth < float("inf"):
        raise UserError(f"bandwidth {bandwidth:g}: must be above 0")
    return float(bandwidth)


def _mean_kernel(x: Tensor, y: Tensor, kernel: str, widths: Sequence[float], estimator: Estimator) -> Tensor:
    """(bandwidths,) mean kernel of all pairs; unbiased: of all but those of a sample with itself."""
    sums = torch.zeros(len(widths), dtype=torch.float64, device=x.device)
    for _, squared in squared_blocks(x, y):
        sums += torch.stack([KERNELS[kernel](squared, width).sum() for width in widths])
    if estimator == "unbiased":
        # every kernel is 1 at distance 0
        return (sums - len(x)) / (len(x) * (len(x) - 1))
    return sums / (len(x) * len(y))


def kid(real: Tensor, made: Tensor, subsets: int = 100, size: int = 1000, seed: int = 0) -> tuple[float, float]:
    """Kernel inception distance's estimator on (N, F) and (M, F): mean and standard deviation over ``subsets``.

    Unbiased MMD^2 with the kernel (x . y / F + 1)^3, of ``size`` samples of each set, drawn without repetition
    (Binkowski et al. 2018, section 4). The name KID belongs to Inception's features.

    Raises:
        UserError: a set with fewer than ``size`` samples; bad sets.
    """
    real, made = checked(real, made, needed=max(2, size))
    generator = torch.Generator().manual_seed(seed)
    values = []
    for _ in range(subsets):
        x, y = (part[torch.randperm(len(part), generator=generator)[:size].to(part.device)] for part in (real, made))
        values.append(_without_diagonal(_cubic(x, x)) + _without_diagonal(_cubic(y, y)) - 2 * _cubic(x, y).mean())
    found = torch.stack(values)
    return float(found.mean()), float(found.std(correction=0))


def _cubic(x: Tensor, y: Tensor) -> Tensor:
    kernel = (x @ y.T / x.shape[1]).add_(1)
    return kernel.square() * kernel


def _without_diagonal(kernel: Tensor) -> Tensor:
    """Mean of a square matrix off its diagonal."""
    return (kernel.sum() - kernel.diagonal().sum()) / (len(kernel) * (len(kernel) - 1))
