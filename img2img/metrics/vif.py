"""Visual information fidelity over a steerable pyramid (Sheikh and Bovik, IEEE Trans. Image Processing 15(2), 2006).

As the authors' vifvec.m (2005) computes it, over the taps of sp5Filters of matlabPyrTools (E. Simoncelli; printed with
eight digits there). This is the wavelet measure; ``vifp`` in `img2img.metrics.paired` is its pixel-domain form.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from img2img.metrics.paired import check, each_plane

LEVELS = 4
SMALLEST = 72
BLOCK = 3
NOISE = 0.4
TINY = 1e-15

Taps = Sequence[Sequence[float]]


def _mirrored(quarter: Taps) -> list[list[float]]:
    """A symmetric filter from its rows and columns up to the middle."""
    rows = [[*row, *reversed(row[:-1])] for row in quarter]
    return [*rows, *reversed(rows[:-1])]


LOW = _mirrored(
    (
        (0.00341614, -0.01551246, -0.03848215),
        (-0.01551246, 0.05586982, 0.1592557),
        (-0.03848215, 0.1592557, 0.40304148),
    )
)
NEXT = _mirrored(
    (
        (0.00170808, -0.00489834, -0.00775624, -0.01888864, -0.01924108),
        (-0.00489834, -0.01046562, -0.01322234, 0.00821200, 0.02005976),
        (-0.00775624, -0.01322234, 0.02793492, 0.06554076, 0.07962786),
        (-0.01888864, 0.00821200, 0.06554076, 0.12852666, 0.16339236),
        (-0.01924108, 0.02005976, 0.07962786, 0.16339236, 0.20193080),
    )
)
_SIDE = (
    (0.00277643, -0.00986904, -0.01021852),
    (0.00496194, -0.00893064, -0.03075356),
    (0.01026699, 0.01189859, -0.08226445),
    (0.01455399, 0.02755155, -0.11732297),
)
# the first orientation is odd from left to right; the fourth is the same turned (its sign has no effect here)
FIRST = [[*row, 0.0, *(-tap for tap in reversed(row))] for row in (*_SIDE, *reversed(_SIDE[:-1]))]
FOURTH = [list(column) for column in zip(*FIRST, strict=True)]


@torch.no_grad()
def vif(result: Tensor, target: Tensor, *, data_range: float) -> Tensor:
    """Visual information fidelity of (N, C, H, W) in [0, data_range]: (N,) float64, mean of the channels' values.

    The target is the reference; noise variance 0.4 on the scale 0..255. At least 0; above 1 where contrast was raised;
    1 for identical pictures; a flat result gives 0, a flat target ``nan`` (there is no information to keep).

    Raises:
        UserError: see `img2img.metrics.paired.check`; a side under 72 px.
    """
    check("vif", result, target, data_range, SMALLEST, "four levels of a steerable pyramid")
    scale = 255 / data_range
    return each_plane(lambda y, x: _fidelity(x * scale, y * scale), result, target).mean(1)


def _fidelity(target: Tensor, result: Tensor) -> Tensor:
    low = _correlate(torch.stack([target, result]), LOW)
    kept, there = torch.zeros_like(target[:, 0, 0]), torch.zeros_like(target[:, 0, 0])
    for level in range(LEVELS):
        window = 2 ** (LEVELS - level) + 1
        for taps in (FIRST, FOURTH):
            bands = _correlate(low, taps)
            height, width = (side // BLOCK * BLOCK for side in bands.shape[-2:])
            more = _information(bands[0, :, :height, :width], bands[1, :, :height, :width], window)
            kept += more[0]
            there += more[1]
        if level < LEVELS - 1:
            low = _correlate(low, NEXT, step=2)
    flat = target.flatten(1).amin(1) == target.flatten(1).amax(1)
    return torch.where(flat, torch.nan, kept / there)


def _correlate(x: Tensor, taps: Taps, step: int = 1) -> Tensor:
    """(..., H, W) correlated with square taps, borders mirrored (the edge once), every ``step``-th sample."""
    border = len(taps) // 2
    wide = pad(x, (border, border, border, border), mode="reflect")
    height, width = x.shape[-2:]
    made = torch.zeros_like(x[..., ::step, ::step])
    for i, row in enumerate(taps):
        for j, tap in enumerate(row):
            if tap:
                made.add_(wide[..., i : i + height : step, j : j + width : step], alpha=tap)
    return made


def _information(target: Tensor, result: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """What the result keeps of a band's information, and all there is (in nats: the unit cancels)."""
    eigenvalues, energy = _mixture(target)
    gain, noise = _channel(target, result, window)
    edge = -(-(window // 2) // BLOCK)
    energy, gain, noise = (x[..., edge : x.shape[-2] - edge, edge : x.shape[-1] - edge] for x in (energy, gain, noise))
    ratio = gain * gain / (noise + NOISE)
    kept, there = torch.ones_like(energy), torch.ones_like(energy)
    for eigenvalue in eigenvalues.unbind(1):
        signal = energy * eigenvalue[:, None, None]
        # one logarithm of nine factors, which stay far below the largest double
        kept.mul_(1 + ratio * signal)
        there.mul_(1 + signal / NOISE)
    return kept.log_().sum((-1, -2)), there.log_().sum((-1, -2))


def _mixture(band: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (planes, 9) of the covariance of all 3x3 blocks, and each non-overlapping block's energy under it."""
    height, width = band.shape[-2:]
    shifted = [
        band[:, i : height - BLOCK + 1 + i, j : width - BLOCK + 1 + j].flatten(1)
        for i in range(BLOCK)
        for j in range(BLOCK)
    ]
    vectors = torch.stack(shifted, 1)
    vectors = vectors - vectors.mean(-1, keepdim=True)
    covariance = vectors @ vectors.mT / vectors.shape[-1]
    blocks = band.reshape(-1, height // BLOCK, BLOCK, width // BLOCK, BLOCK).permute(0, 2, 4, 1, 3).flatten(1, 2)
    flat = blocks.flatten(2)
    inverse, failed = torch.linalg.inv_ex(covariance)
    # a band without any content has no inverse, and no energy either
    inverse = torch.where((failed != 0)[:, None, None], 0.0, inverse)
    energy = (flat * (inverse @ flat)).sum(1) / BLOCK**2
    return torch.linalg.eigvalsh(covariance).clamp(min=0), energy.reshape(blocks.shape[0], *blocks.shape[2:])


def _channel(target: Tensor, result: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Gain and noise variance of the distortion at each block's centre, over ``window`` x ``window`` samples."""
    count = window * window
    x, y, xx, yy, xy = _sums(torch.stack([target, result, target**2, result**2, target * result]), window)
    spread_x = (xx - x * x / count).clamp_(min=0)
    spread_y = (yy - y * y / count).clamp_(min=0)
    together = xy - x * y / count
    gain = together / (spread_x + TINY)
    noise = (spread_y - gain * together) / count
    flat_x, flat_y = spread_x < TINY, spread_y < TINY
    gain, noise = gain.masked_fill(flat_x, 0), torch.where(flat_x, spread_y, noise)
    gain, noise = gain.masked_fill(flat_y, 0), noise.masked_fill(flat_y, 0)
    # not divided by the count: so is the original
    noise = torch.where(gain < 0, spread_y, noise)
    return gain.clamp(min=0), noise.clamp(min=TINY)


def _sums(x: Tensor, window: int) -> Tensor:
    """Sums over windows around the centres of 3x3 blocks, borders mirrored."""
    border, start = window // 2, BLOCK // 2
    wide = pad(x, (border, border, border, border), mode="reflect")
    for dim, length in ((-2, x.shape[-2]), (-1, x.shape[-1])):
        views = [wide.narrow(dim, start + i, length - start) for i in range(window)]
        made = _every_third(views[0], dim).clone()
        for view in views[1:]:
            made += _every_third(view, dim)
        wide = made
    return wide


def _every_third(x: Tensor, dim: int) -> Tensor:
    return x[..., ::BLOCK, :] if dim == -2 else x[..., ::BLOCK]
