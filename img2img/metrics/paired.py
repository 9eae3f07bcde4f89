"""Full-reference measures of results against targets: pure functions of batched pictures, computed in float64.

All take (N, C, H, W) tensors of any real dtype, on any device, whose samples lie in [0, data_range], and give (N,)
float64: PSNR and MAE over all samples of a picture, the others the mean of its channels' values. The range is always
said, never guessed. Definitions, special cases and the authors' programs are those of docs/metrics.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from img2img.errors import UserError
from img2img.metrics.windows import all_equal, box_sums, gaussian, separable

UQI_POWER = 3
VIFP_NOISE = 2.0
TINY = 1e-10


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
        made = torch.cat(values) if values else x.new_zeros(0, dtype=torch.float64)
    else:
        made = measure(x.double(), y.double())
    return made.reshape(result.shape[:2])


def psnr(result: Tensor, target: Tensor, *, data_range: float) -> Tensor:
    """Peak signal-to-noise ratio in dB, of one mean squared error over all samples of a picture; symmetric.

    Identical pictures give ``inf``. No constant is added to the error.

    Raises:
        UserError: see `check`.
    """
    check("psnr", result, target, data_range)
    mse = each_plane(_squared_error, result, target).mean(1)
    return 10 * torch.log10(data_range**2 / mse)


def _squared_error(result: Tensor, target: Tensor) -> Tensor:
    difference = (result - target).flatten(1)
    made: Tensor = torch.linalg.vecdot(difference, difference) / difference.shape[1]
    return made


def mae(result: Tensor, target: Tensor, *, data_range: float) -> Tensor:
    """Mean absolute error on the samples' own scale, [0, data_range]; symmetric.

    Raises:
        UserError: see `check`.
    """
    check("mae", result, target, data_range)
    return each_plane(lambda x, y: (x - y).abs().mean((-1, -2)), result, target).mean(1)


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
    c1, c2 = (k1 * data_range) ** 2, (k2 * data_range) ** 2

    def measure(x: Tensor, y: Tensor) -> Tensor:
        # the two variances are only ever added: four filtered planes suffice
        mean_x, mean_y, squares, products = separable(torch.stack([x, y, x * x + y * y, x * y]), taps)
        means, energies = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
        numerator = (2 * means + c1) * (2 * (products - means) + c2)
        index: Tensor = numerator / ((energies + c1) * (squares - energies + c2))
        return index.mean((-1, -2))

    return each_plane(measure, result, target).mean(1)


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
    x = x.double()
    if factor == 1:
        return x
    for dim in (-2, -1):
        length = x.shape[dim]
        count = -(-length // factor)
        place = torch.arange(count * factor, device=x.device) - (factor - 1) // 2
        place = torch.where(place < 0, -1 - place, place)
        place = torch.where(place >= length, 2 * length - 1 - place, place)
        x = torch.unflatten(x.index_select(dim, place), dim, (count, factor)).mean(dim)
    return x


def uqi(result: Tensor, target: Tensor, *, data_range: float) -> Tensor:
    """Universal quality index (Wang and Bovik 2002; img_qi.m) over every 8x8 block, in [-1, 1]; symmetric.

    Blocks flat in both pictures compare brightness alone (both black: 1), blocks flat in one of them give 0. Flatness
    is decided on the samples, not on sums: on planes that are not whole numbers (Y) those leave rounding noise, of
    which the original program makes arbitrary values.

    Raises:
        UserError: see `check`; a side under 8 px.
    """
    side = 2**UQI_POWER
    check("uqi", result, target, data_range, side, f"blocks of {side}x{side}")
    return each_plane(_quality_index, result, target).mean(1)


def _quality_index(x: Tensor, y: Tensor) -> Tensor:
    count = 4**UQI_POWER
    sum_x, sum_y, squares, products = box_sums(torch.stack([x, y, x * x + y * y, x * y]), UQI_POWER)
    both, energy = sum_x * sum_y, sum_x * sum_x + sum_y * sum_y
    spread = count * squares - energy
    flat_x, flat_y = all_equal(x, UQI_POWER), all_equal(y, UQI_POWER)
    brightness = torch.where(energy == 0, 1.0, 2 * both / energy)
    index = 4 * (count * products - both) * both / (spread * energy)
    index = torch.where(flat_x ^ flat_y, 0.0, torch.where(flat_x & flat_y, brightness, index))
    return index.mean((-1, -2))


@torch.no_grad()
def vifp(result: Tensor, target: Tensor, *, data_range: float) -> Tensor:
    """Visual information fidelity in the pixel domain (Sheikh 2005; vifp_mscale.m); the target is the reference.

    Four scales, noise variance 2 on the scale 0..255. At least 0; above 1 where contrast was raised; a flat result
    gives 0, a flat target ``nan`` (there is no information to keep). From 41 px on all four scales count, under that
    fewer. This is not the wavelet `vif`.

    Raises:
        UserError: see `check`; a side under 17 px.
    """
    check("vifp", result, target, data_range, 17, "the 17x17 window of the first scale")
    scale = 255 / data_range
    return each_plane(lambda y, x: _fidelity(y * scale, x * scale), result, target).mean(1)


def _fidelity(result: Tensor, target: Tensor) -> Tensor:
    x, y = target, result
    kept, there = torch.zeros_like(x[:, 0, 0]), torch.zeros_like(x[:, 0, 0])
    for size in (17, 9, 5, 3):
        taps = gaussian(size, size / 5)
        if size < 17:
            x, y = (separable(plane, taps)[..., ::2, ::2] for plane in (x, y))
        if min(x.shape[-2:]) < size:
            break
        mean_x, mean_y, xx, yy, xy = separable(torch.stack([x, y, x * x, y * y, x * y]), taps)
        var_x, var_y = (xx - mean_x * mean_x).clamp_(min=0), (yy - mean_y * mean_y).clamp_(min=0)
        covariance = xy - mean_x * mean_y
        gain = covariance / (var_x + TINY)
        noise = var_y - gain * covariance
        flat_x, flat_y, negative = var_x < TINY, var_y < TINY, gain < 0
        gain = gain.masked_fill_(flat_x | flat_y | negative, 0)
        noise = torch.where(flat_x | negative, var_y, noise).masked_fill_(flat_y, 0).clamp_(min=TINY)
        var_x = var_x.masked_fill_(flat_x, 0)
        kept += torch.log1p(gain * gain * var_x / (noise + VIFP_NOISE)).sum((-1, -2))
        there += torch.log1p(var_x / VIFP_NOISE).sum((-1, -2))
    return kept / there
