"""Residual U-Nets without norms that take rain, noise or blur off a picture: one family, from fast to good."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from img2img.config import options
from img2img.networks.base import Generator, Width

Levels = tuple[Annotated[int, Field(ge=1, le=64)], ...]


class ChannelGate(nn.Module):
    """Factors on channels out of their means over the picture (Hu et al. 2018, "Squeeze-and-Excitation")."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, max(4, channels // 4))
        self.excite = nn.Linear(max(4, channels // 4), channels)

    def forward(self, x: Tensor) -> Tensor:
        factors = torch.sigmoid(self.excite(torch.relu(self.squeeze(x.mean((2, 3))))))
        gated: Tensor = x * factors[:, :, None, None]
        return gated


class Block(nn.Module):
    """k3, ReLU, k3 that starts at zero, gate, plus the input (Zhang et al. 2019, "Fixup")."""

    def __init__(self, channels: int, gate: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, 1, 1)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1)
        self.gate = ChannelGate(channels) if gate else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.gate(self.second(torch.relu(self.first(x))))
        return x + change


class RestorerGenerator(Generator):
    """Pixel-unshuffle, a U of residual blocks, pixel-shuffle, plus the input; repeated ``stages`` times on its result.

    Levels are joined by k2 s2 convolutions and by k1 and pixel-shuffle; skips are added. All stages share their
    weights (Ren et al. 2019, PReNet): each sees the picture beside the last stage's result, and goes on from the last
    stage's innermost features. An untrained network gives its input back.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        widths: tuple[int, ...],
        blocks: tuple[int, ...],
        factor: int,
        stages: int,
        gate: bool,
    ) -> None:
        super().__init__()
        self.stages = stages
        self.same = in_channels == out_channels
        seen = in_channels + (out_channels if stages > 1 else 0)
        self.unshuffle = nn.PixelUnshuffle(factor)
        self.first = nn.Conv2d(seen * factor**2, widths[0], 3, 1, 1)

        def level(width: int, count: int) -> nn.Sequential:
            return nn.Sequential(*(Block(width, gate) for _ in range(count)))

        *outer, (inner_width, inner_blocks) = zip(widths, blocks, strict=True)
        self.encoders = nn.ModuleList(level(*given) for given in outer)
        self.middle = level(inner_width, inner_blocks)
        self.decoders = nn.ModuleList(level(*given) for given in outer)
        self.downs = nn.ModuleList(nn.Conv2d(upper, lower, 2, 2) for upper, lower in pairwise(widths))
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(lower, 4 * upper, 1), nn.PixelShuffle(2)) for upper, lower in pairwise(widths)
        )
        self.last = nn.Conv2d(widths[0], out_channels * factor**2, 3, 1, 1)
        self.shuffle = nn.PixelShuffle(factor)
        self.multiple = self.minimum = factor * 2 ** len(outer)
        self.radius = None if gate or stages > 1 else self._radius(factor, blocks)
        self.channels_last = True
        self._initialise()

    @staticmethod
    def _radius(factor: int, blocks: tuple[int, ...]) -> int:
        """Pixels around an output pixel that can move it: convolutions, and what shares an innermost cell with it."""
        *outer, inner = blocks
        cell: int = 2 ** len(outer)
        convolutions: int = 2 + sum(2 * 2 * count * 2**depth for depth, count in enumerate(outer)) + 2 * inner * cell
        return factor * (convolutions + cell) - 1

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                # without norms N(0, 0.02) would let the signal vanish
                module.init_name = "kaiming"  # type: ignore[assignment]
            if isinstance(module, Block):
                module.second.init_name, module.second.init_std = "normal", 0.0  # type: ignore[assignment]
        self.last.init_name, self.last.init_std = "normal", 0.0  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        estimate, inner = x, None
        for _ in range(self.stages):
            seen = torch.cat((x, estimate), 1) if self.stages > 1 else x
            change, inner = self._stage(seen, inner)
            estimate = estimate + change if self.same else change
        return estimate

    def _stage(self, seen: Tensor, inner: Tensor | None) -> tuple[Tensor, Tensor]:
        """What one stage changes, and its innermost features."""
        y: Tensor = self.first(self.unshuffle(seen))
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            y = encoder(y)
            skips.append(y)
            y = down(y)
        inner = self.middle(y if inner is None else y + inner)
        y = inner
        for decoder, up, skip in reversed(list(zip(self.decoders, self.ups, skips, strict=True))):
            y = decoder(up(y) + skip)
        change: Tensor = self.shuffle(self.last(y))
        return change, inner


@options
class Restorer:
    """Residual U-Net without norms for restoration (2,331,328 parameters by default)."""

    width: Annotated[Width, Field(description="channels of the outermost level")] = 48
    growth: Annotated[float, Field(ge=1, le=2, description="factor on the channels from a level to the next")] = 1.5
    blocks: Annotated[
        Levels,
        Field(min_length=1, max_length=6, description="residual blocks of each level, outermost first, both ways"),
    ] = (3, 3, 6)
    factor: Annotated[
        Literal[1, 2, 4, 8],
        Field(description="pictures are folded into channels by it: 2 is half resolution, 4 was behind it"),
    ] = 2
    stages: Annotated[
        int, Field(ge=1, le=16, description="passes with shared weights; two took 1.6 times the time and gave nothing")
    ] = 1
    gate: Annotated[bool, Field(description="weigh channels by what the whole picture has of them")] = True

    def build(self, *, in_channels: int, out_channels: int, size: int | None) -> RestorerGenerator:
        widths = tuple(8 * max(1, round(self.width * self.growth**depth / 8)) for depth in range(len(self.blocks)))
        widths = (self.width, *widths[1:])
        return RestorerGenerator(in_channels, out_channels, widths, self.blocks, self.factor, self.stages, self.gate)
