"""Visual information fidelity in the pixel domain, as its authors' vifp_mscale.m (2005) computes it.

The measure is that of H. R. Sheikh and A. C. Bovik, "Image information and visual quality", IEEE Transactions on Image
Processing 15(2), 2006, on windows of pixels in place of the bands of a steerable pyramid (`img2img.metrics.vif`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from img2img.metrics.planes import check, each_plane
from img2img.metrics.windows import gaussian, separable

# variance of the visual noise, on the scale 0..255
NOISE = 2.0
TINY = 1e-10


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
        kept += torch.log1p(gain * gain * var_x / (noise + NOISE)).sum((-1, -2))
        there += torch.log1p(var_x / NOISE).sum((-1, -2))
    return kept / there
