"""ID-CGAN's de-raining network (Zhang, Sindagi, Patel 2017; layer facts from the authors' models2.lua)."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from img2img.config import options
from img2img.networks.base import Generator, Width
from img2img.networks.norm import scaled


class IdcganGenerator(Generator):
    """Twelve k3 s1 layers at full size with a one-channel neck; layers 2 and 4 are added to the mirrored ones.

    The added tensors are post-LeakyReLU, since the program's activation works in place; ``skip: before`` adds the
    norm's outputs, as PAN's copy of this network does.
    """

    def __init__(self, in_channels: int, out_channels: int, width: int, skip_activated: bool) -> None:
        super().__init__()
        full, half = scaled(64, width), scaled(32, width)
        self.skip_activated = skip_activated
        down = [in_channels, full, full, full, full, half, 1]
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, 1, 1) for a, b in zip(down, down[1:], strict=False))
        self.down_norms = nn.ModuleList(
            nn.Identity() if place == 0 else nn.BatchNorm2d(channels) for place, channels in enumerate(down[1:])
        )
        up = [1, half, full, full, full, full]
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 3, 1, 1) for a, b in zip(up, up[1:], strict=False))
        self.up_norms = nn.ModuleList(nn.BatchNorm2d(channels) for channels in up[1:])
        self.last = nn.ConvTranspose2d(full, out_channels, 3, 1, 1)
        self.radius = 12
        self.minimum = 2
        self.channels_last = True

    def forward(self, x: Tensor) -> Tensor:
        kept: dict[int, Tensor] = {}
        for number, (conv, norm) in enumerate(zip(self.down, self.down_norms, strict=True), 1):
            x = norm(conv(x))
            raw = x
            x = nn.functional.leaky_relu(x, 0.2)
            if number in (2, 4):
                kept[number] = x if self.skip_activated else raw
        for number, (deconv, norm) in enumerate(zip(self.up, self.up_norms, strict=True), 1):
            x = norm(deconv(x))
            if number in (2, 4):
                x = x + kept[{2: 4, 4: 2}[number]]
            x = nn.functional.relu(x)
        return torch.tanh(self.last(x))


@options
class Idcgan:
    """ID-CGAN's generator, 263,686 parameters."""

    width: Annotated[Width, Field(description="channels of the widest layers (published: 64)")] = 64
    skip: Annotated[
        Literal["activated", "before"],
        Field(description="what is added to the mirrored layers: after the LeakyReLU, or before it as in PAN's copy"),
    ] = "activated"

    def build(self, *, in_channels: int, out_channels: int, size: int | None) -> IdcganGenerator:
        return IdcganGenerator(in_channels, out_channels, self.width, self.skip == "activated")
