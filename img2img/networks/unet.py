"""pix2pix's U-Net (Isola et al. 2017, section 6.1; layer facts from the authors' PyTorch program)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from img2img.config import options
from img2img.networks.base import Generator, Width
from img2img.networks.norm import Norm, norm_layer, scaled


class UNetGenerator(Generator):
    """Encoder and decoder of k4 s2 p1 convolutions, ``downs`` levels, mirrored levels concatenated.

    Encoder: LeakyReLU 0.2 before each convolution but the first; norm after all but the first and the innermost.
    Decoder: ReLU, transposed convolution, norm, dropout 0.5 on the ``downs - 5`` levels above the innermost; tanh.
    (N, C, H, W) in [-1, 1], H and W multiples of 2**downs.
    """

    def __init__(self, in_channels: int, out_channels: int, downs: int, width: int, norm: Norm, dropout: bool) -> None:
        super().__init__()
        down = [width * min(8, 2**level) for level in range(downs)]
        bias = norm != "batch"
        self.encoder = nn.ModuleList()
        self.decoder = nn.ModuleList()
        for level in range(downs):
            given = in_channels if level == 0 else down[level - 1]
            inner = 0 < level < downs - 1
            layers: list[nn.Module] = [nn.Conv2d(given, down[level], 4, 2, 1, bias=bias)]
            if inner:
                layers.append(norm_layer(norm, down[level]))
            self.encoder.append(nn.Sequential(*layers))
        for level in reversed(range(downs)):
            given = down[level] * (1 if level == downs - 1 else 2)
            made = out_channels if level == 0 else down[level - 1]
            up: list[nn.Module] = [nn.ConvTranspose2d(given, made, 4, 2, 1, bias=bias or level == 0)]
            if level > 0:
                up.append(norm_layer(norm, made))
            if dropout and 4 <= level < downs - 1:
                up.append(nn.Dropout(0.5))
            self.decoder.append(nn.Sequential(*up))
        self.multiple = 2**downs
        self.minimum = self.multiple

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for level, layer in enumerate(self.encoder):
            # in place is safe: the skip is read through a ReLU, whose value the LeakyReLU does not change
            x = layer(x if level == 0 else nn.functional.leaky_relu(x, 0.2, inplace=True))
            kept.append(x)
        kept.pop()
        for place, layer in enumerate(self.decoder):
            if place > 0:
                x = torch.cat([kept.pop(), x], dim=1)
            x = layer(nn.functional.relu(x))
        return torch.tanh(x)


@options
class UNet:
    """pix2pix's U-Net: mirrored levels of encoder and decoder are concatenated."""

    width: Annotated[
        Width, Field(description="channels of the first level (published: 64), doubled up to eightfold")
    ] = 64
    downs: Annotated[
        int | None,
        Field(ge=2, le=10, description="levels; null: as many as bring the crop to 1x1 (8 at 256 px, 7 at 128)"),
    ] = None
    norm: Annotated[
        Norm, Field(description="normalisation of all layers but the first, the innermost and the last")
    ] = "batch"
    dropout: Annotated[
        bool, Field(description="dropout 0.5 on the downs - 5 levels of the decoder above the innermost")
    ] = True

    def build(self, *, in_channels: int, out_channels: int, size: int | None) -> UNetGenerator:
        downs = self.downs
        if downs is None:
            # the innermost map may be larger than 1x1 where the crop is no power of two
            downs = 8
            while size and downs > 2 and size % 2**downs:
                downs -= 1
        return UNetGenerator(in_channels, out_channels, downs, scaled(64, self.width), self.norm, self.dropout)
