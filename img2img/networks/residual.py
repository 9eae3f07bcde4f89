"""A small residual network at half resolution: trains in minutes on two cores."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from img2img.config import options
from img2img.networks.base import Blocks, Generator, Width

DILATIONS = (1, 2, 4, 1)


class ResidualGenerator(Generator):
    """Pixel-unshuffle by 2, residual blocks of two k3 convolutions without norm, pixel-shuffle, plus the input.

    The last convolution starts at zero, so that an untrained network gives its input back (Zhang et al. 2019,
    "Fixup"). Blocks repeat the dilations 1, 2, 4, 1: streaks are longer than a small network otherwise sees.
    """

    def __init__(self, in_channels: int, out_channels: int, width: int, blocks: int) -> None:
        super().__init__()
        self.unshuffle = nn.PixelUnshuffle(2)
        self.first = nn.Conv2d(4 * in_channels, width, 3, 1, 1)
        self.blocks = nn.ModuleList()
        self.radius = 2 * (2 + sum(DILATIONS[i % 4] + 1 for i in range(blocks))) + 1
        for i in range(blocks):
            dilation = DILATIONS[i % 4]
            self.blocks.append(
                nn.Sequential(
                    nn.Conv2d(width, width, 3, 1, dilation, dilation=dilation),
                    nn.ReLU(inplace=True),
                    nn.Conv2d(width, width, 3, 1, 1),
                )
            )
        self.last = nn.Conv2d(width, 4 * out_channels, 3, 1, 1)
        self.shuffle = nn.PixelShuffle(2)
        self.same = in_channels == out_channels
        self.multiple = 2
        self.minimum = 2
        self.channels_last = True
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                # without norms N(0, 0.02) would let the signal vanish
                module.init_name = "kaiming"  # type: ignore[assignment]
        self.last.init_name, self.last.init_std = "normal", 0.0  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(self.unshuffle(x))
        for block in self.blocks:
            y = y + block(y)
        y = self.shuffle(self.last(y))
        made: Tensor = x + y if self.same else y
        return made


@options
class Residual:
    """Small residual network at half resolution (176,700 parameters by default)."""

    width: Annotated[Width, Field(description="channels at half resolution")] = 48
    blocks: Annotated[Blocks, Field(description="residual blocks, dilated by 1, 2, 4, 1 in turn")] = 4

    def build(self, *, in_channels: int, out_channels: int, size: int | None) -> ResidualGenerator:
        return ResidualGenerator(in_channels, out_channels, self.width, self.blocks)
