"""Networks for tests of tiles and memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from img2img.networks import GENERATORS


class Spy(nn.Module):
    """A network that notes what it is given; by default it gives its input back."""

    def __init__(self, inner: nn.Module | None = None, multiple: int = 1, minimum: int = 1, radius: int | None = 0):
        super().__init__()
        self.inner = inner or nn.Identity()
        self.multiple = getattr(inner, "multiple", multiple)
        self.minimum = getattr(inner, "minimum", minimum)
        self.radius = getattr(inner, "radius", radius)
        self.seen: list[tuple[int, int]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append((x.shape[2], x.shape[3]))
        return self.inner(x)


def randomised(name: str, **options) -> nn.Module:
    torch.manual_seed(0)
    network = GENERATORS[name](**options).build(in_channels=3, out_channels=3, size=None)
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(part.weight, a=0.2)
        if isinstance(part, nn.BatchNorm2d) and part.track_running_stats:
            part.running_mean.normal_(0, 0.3)
            part.running_var.uniform_(0.5, 2)
    return network.eval()
