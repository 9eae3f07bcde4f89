"""Measures over the hole of a picture alone, for in-painting: what is known comes back and would flatter them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from img2img.errors import UserError
from img2img.metrics.planes import check, each_plane
from img2img.metrics.ssim import similarity_map
from img2img.metrics.windows import gaussian


def _inside(values: Callable[[Tensor, Tensor], Tensor], result: Tensor, target: Tensor, hole: Tensor) -> Tensor:
    """Mean over the hole (H, W) of ``values`` of (planes, H, W), for every picture: (N,)."""
    return each_plane(lambda x, y: values(x, y)[:, hole].mean(-1), result, target).mean(1)


def psnr_of_hole(result: Tensor, target: Tensor, hole: Tensor, *, data_range: float) -> Tensor:
    """PSNR of one mean squared error over the samples inside the ``hole`` (H, W), bool."""
    check("psnr", result, target, data_range)
    return 10 * torch.log10(data_range**2 / _inside(lambda x, y: (x - y) ** 2, result, target, hole))


def mae_of_hole(result: Tensor, target: Tensor, hole: Tensor, *, data_range: float) -> Tensor:
    """Mean absolute error over the samples inside the ``hole`` (H, W), bool."""
    check("mae", result, target, data_range)
    return _inside(lambda x, y: (x - y).abs(), result, target, hole)


def ssim_of_hole(result: Tensor, target: Tensor, hole: Tensor, *, data_range: float) -> Tensor:
    """Mean of SSIM's map over windows whose centre lies inside the ``hole`` (H, W), bool.

    Windows at its border see known pixels too, which are alike in result and target: it is no measure of the hole's
    pixels alone. Windows that do not fit into the picture have no value, as in `img2img.metrics.ssim`.

    Raises:
        UserError: no window that fits has its centre in the hole.
    """
    check("ssim", result, target, data_range, 11, "the 11x11 window")
    centres = hole[5:-5, 5:-5]
    if not bool(centres.any()):
        raise UserError("ssim is undefined: no 11x11 window within the picture has its centre in the hole")
    taps = gaussian(11, 1.5)
    return _inside(lambda x, y: similarity_map(x, y, data_range, taps), result, target, centres)


# of the names in `METRICS`; the others are sums over scales or whole blocks, which no hole can be cut out of
OF_HOLE: dict[str, Callable[..., Tensor]] = {"psnr": psnr_of_hole, "mae": mae_of_hole, "ssim": ssim_of_hole}
