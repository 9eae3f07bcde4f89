"""CUT's projection heads (Park et al. 2020, section 3.2, after SimCLR)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from img2img.config import options
from img2img.networks.base import Generator, Width


class ProjectionHead(Generator):
    """Two linear layers with a ReLU between them. (N, C) features -> (N, width) of length 1, at least fp32."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(in_channels, width), nn.ReLU(inplace=True), nn.Linear(width, width))
        self.vector = True

    def forward(self, x: Tensor) -> Tensor:
        projected: Tensor = self.layers(x)
        # a temperature of 0.07 would enlarge what half precision rounds away
        return normalize(projected.to(torch.promote_types(projected.dtype, torch.float32)), dim=1, eps=1e-7)


@options
class Projection:
    """Head that a layer's features are compared by in the flow `contrast`; makes no pictures."""

    width: Annotated[Width, Field(description="length of a projected feature")] = 256

    def build(self, *, in_channels: int, out_channels: int, size: int | None) -> ProjectionHead:
        return ProjectionHead(in_channels, self.width)
