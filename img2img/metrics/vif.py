"""Visual information fidelity on a steerable pyramid, as its authors' vifvec.m (2005) computes it.

H. R. Sheikh and A. C. Bovik, "Image information and visual quality", IEEE Transactions on Image Processing 15(2), 2006.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from img2img.metrics.planes import check, each_plane
from img2img.metrics.steerable import bands

# the channel is estimated in windows of 2**power + 1 samples a side, from the finest level on
POWERS = (4, 3, 2, 1)
# the filter of a step down has 9 taps: so many must be left of each side at the coarsest level
SMALLEST = 9 * 2 ** (len(POWERS) - 1)
BLOCK = 3
NOISE = 0.4
TINY = 1e-15


@torch.no_grad()
def vif(result: Tensor, target: Tensor, *, data_range: float) -> Tensor:
    """Visual information fidelity (Sheikh and Bovik 2006; vifvec.m); the target is the reference.

    Horizontal and vertical bands of four levels of a steerable pyramid, blocks of 3x3, noise variance 0.4 on the scale
    0..255. At least 0; above 1 where contrast was raised; identical pictures give 1, a flat result 0, a flat target
    ``nan`` (there is no information to keep). Not symmetric. This is not the pixel form `vifp`.

    Where a band of the target is flat, or its blocks differ in fewer than nine ways (stripes), the original inverts a
    singular matrix. Here a flat band holds no information, and only the ways that exist count.

    Args:
        result: (N, C, H, W) of any real dtype, samples in [0, ``data_range``], sides of at least 72 px.
        target: of the same shape, in the same range.
        data_range: the largest value that a sample can have.

    Returns:
        (N,) float64: the mean of the channels' values.

    Raises:
        UserError: see `img2img.metrics.planes.check`; a side under 72 px.
    """
    check("vif", result, target, data_range, SMALLEST, "four levels of a steerable pyramid")
    scale = 255 / data_range
    return each_plane(lambda y, x: _fidelity(y * scale, x * scale), result, target).mean(1)


def _fidelity(result: Tensor, target: Tensor) -> Tensor:
    kept, there = torch.zeros_like(target[:, 0, 0]), torch.zeros_like(target[:, 0, 0])
    levels = len(POWERS)
    for power, ours, theirs in zip(POWERS, bands(target, levels), bands(result, levels), strict=True):
        for x, y in zip(ours, theirs, strict=True):
            height, width = (side - side % BLOCK for side in x.shape[-2:])
            x, y = x[..., :height, :width], y[..., :height, :width]
            # blocks so near to the border that their window would reach over it do not count
            border = math.ceil(2 ** (power - 1) / BLOCK)
            gain, noise = _channel(x, y, power, border)
            energy, variances = _source(x)
            signal = energy[:, None, border:-border, border:-border] * variances[:, :, None, None]
            kept += torch.log1p((gain * gain / (noise + NOISE))[:, None] * signal).sum((1, 2, 3))
            there += torch.log1p(signal / NOISE).sum((1, 2, 3))
    return kept / there


def _channel(x: Tensor, y: Tensor, power: int, border: int) -> tuple[Tensor, Tensor]:
    """Gain and noise variance with which ``y`` comes of ``x`` around each block's middle, (P, h, w) each.

    Of all blocks but ``border`` rows and columns of them at each side.
    """
    sum_x, sum_y, xx, yy, xy = (_sums(plane, power, border) for plane in (x, y, x * x, y * y, x * y))
    area = (2**power + 1) ** 2
    # TINY is meant for sums of squared deviations: the original does not divide them by the area
    xx, yy, xy = xx - sum_x * sum_x / area, yy - sum_y * sum_y / area, xy - sum_x * sum_y / area
    gain = xy / (xx.clamp_(min=0) + TINY)
    noise = ((yy.clamp_(min=0) - gain * xy) / area).clamp_(min=TINY)
    # the original gives these another noise too, but what does not come through is 0 with any
    return gain.masked_fill_((xx < TINY) | (yy < TINY) | (gain < 0), 0), noise


def _sums(x: Tensor, power: int, border: int) -> Tensor:
    """Sums over the windows around the middles of blocks, all but ``border`` rows and columns of blocks."""
    reach = 2**power
    first = border * BLOCK + BLOCK // 2 - reach // 2
    for dim in (-2, -1):
        count = (x.shape[dim] // BLOCK - 2 * border - 1) * BLOCK + 1
        last = x.narrow(dim, first + reach, count)
        x = x.narrow(dim, first, count + reach - 1)
        for step in (2**p for p in range(power)):
            x = x.narrow(dim, 0, x.shape[dim] - step) + x.narrow(dim, step, x.shape[dim] - step)
        x = x + last
        x = x[..., ::BLOCK, :] if dim == -2 else x[..., ::BLOCK]
    return x


def _source(x: Tensor) -> tuple[Tensor, Tensor]:
    """Blocks as multiples of one Gaussian's draws: (P, h, w) the squares of the factors, (P, 9) its variances."""
    rows, columns = (side - BLOCK + 1 for side in x.shape[-2:])
    places = [(i, j) for i in range(BLOCK) for j in range(BLOCK)]
    everywhere = torch.stack([x[..., i : i + rows, j : j + columns] for i, j in places], 1).flatten(2)
    everywhere -= everywhere.mean(-1, keepdim=True)
    variances, axes = torch.linalg.eigh(everywhere @ everywhere.mT / everywhere.shape[-1])
    # blocks' means stay: so does the original
    blocks = torch.stack([x[..., i::BLOCK, j::BLOCK] for i, j in places], 1)
    along = axes.mT @ blocks.flatten(2)
    weights = torch.where(variances > TINY, 1 / variances, 0)
    energy = weights[:, None] @ (along * along) / len(places)
    return energy.unflatten(-1, blocks.shape[2:]).squeeze(1), variances
