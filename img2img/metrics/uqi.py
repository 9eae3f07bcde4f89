"""The universal quality index, as its authors' img_qi.m computes it.

Z. Wang and A. C. Bovik, "A universal image quality index", IEEE Signal Processing Letters 9(3), 2002.
"""

from __future__ import annotations

import torch
from torch import Tensor

from img2img.metrics.planes import check, each_plane
from img2img.metrics.windows import all_equal, box_sums

# blocks of 2**POWER samples a side
POWER = 3


def uqi(result: Tensor, target: Tensor, *, data_range: float) -> Tensor:
    """Universal quality index (Wang and Bovik 2002; img_qi.m) over every 8x8 block, in [-1, 1]; symmetric.

    Blocks flat in both pictures compare brightness alone (both black: 1), blocks flat in one of them give 0. Flatness
    is decided on the samples, not on sums: on planes that are not whole numbers (Y) those leave rounding noise, of
    which the original program makes arbitrary values.

    Raises:
        UserError: see `check`; a side under 8 px.
    """
    side = 2**POWER
    check("uqi", result, target, data_range, side, f"blocks of {side}x{side}")
    return each_plane(_quality_index, result, target).mean(1)


def _quality_index(x: Tensor, y: Tensor) -> Tensor:
    count = 4**POWER
    sum_x, sum_y, squares, products = box_sums(torch.stack([x, y, x * x + y * y, x * y]), POWER)
    both, energy = sum_x * sum_y, sum_x * sum_x + sum_y * sum_y
    spread = count * squares - energy
    flat_x, flat_y = all_equal(x, POWER), all_equal(y, POWER)
    brightness = torch.where(energy == 0, 1.0, 2 * both / energy)
    index = 4 * (count * products - both) * both / (spread * energy)
    index = torch.where(flat_x ^ flat_y, 0.0, torch.where(flat_x & flat_y, brightness, index))
    return index.mean((-1, -2))
