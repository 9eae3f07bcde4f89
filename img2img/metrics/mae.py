"""Mean absolute error."""

from __future__ import annotations

from torch import Tensor

from img2img.metrics.planes import check, each_plane


def mae(result: Tensor, target: Tensor, *, data_range: float) -> Tensor:
    """Mean absolute error on the samples' own scale, [0, data_range]; symmetric.

    Raises:
        UserError: see `check`.
    """
    check("mae", result, target, data_range)
    return each_plane(lambda x, y: (x - y).abs().mean((-1, -2)), result, target).mean(1)
