"""Peak signal-to-noise ratio."""

from __future__ import annotations

import torch
from torch import Tensor

from img2img.metrics.planes import check, each_plane


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
    mean: Tensor = torch.linalg.vecdot(difference, difference) / difference.shape[1]
    return mean
