"""Self-ensembles: a picture translated several times, mirrored and turned, and the mean of the results."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Ensemble = Literal[1, 2, 4, 8]
# two more for each: mirrored left to right, upside down, rows as columns
SIZES = (1, 2, 4, 8)


class SelfEnsemble(nn.Module):
    """The mean of a generator's results over ``count`` views of its input (Lim et al. 2017, EDSR, section 3.3).

    2: as it is and mirrored left to right; 4: both upside down as well; 8: all of them with rows as columns. Pictures
    (N, C, H, W) in [-1, 1], sides multiples of `multiple`; the mean is taken in float32.
    """

    def __init__(self, network: nn.Module, count: Ensemble) -> None:
        super().__init__()
        self.network = network
        self.count = count
        self.multiple: int = int(getattr(network, "multiple", 1))
        self.minimum: int = int(getattr(network, "minimum", 1))
        self.whole_only = bool(getattr(network, "whole_only", False))
        radius = getattr(network, "radius", None)
        self.radius: int | None = None if radius is None else int(radius)

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros((), dtype=torch.float32, device=x.device)
        for view in range(self.count):
            total = total + self._viewed(self.network(self._viewed(x, view)), view, back=True).float()
        return (total / self.count).to(x.dtype)

    @staticmethod
    def _viewed(x: Tensor, view: int, *, back: bool = False) -> Tensor:
        """A view by the bits of its number, or ``back`` from it."""
        mirrored = [axis for bit, axis in ((1, 3), (2, 2)) if view & bit]
        turned = bool(view & 4)
        if turned and not back:
            x = x.transpose(2, 3)
        x = x.flip(mirrored) if mirrored else x
        return x.transpose(2, 3) if turned and back else x
