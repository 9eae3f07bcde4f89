"""CycleGAN's generator (Zhu et al. 2017, after Johnson et al. 2016); with four ``downs`` pix2pixHD's global one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from img2img.config import options
from img2img.errors import UserError
from img2img.networks.base import Blocks, Generator, Width
from img2img.networks.norm import Norm, norm_layer
from img2img.networks.padding import ReflectionPad


class _Block(nn.Module):
    def __init__(self, channels: int, norm: Norm, bias: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ReflectionPad(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            norm_layer(norm, channels),
            nn.ReLU(inplace=True),
            ReflectionPad(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            norm_layer(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = x + self.body(x)
        return made


class ResnetGenerator(Generator):
    """k7, ``downs`` k3 s2 down, ``blocks`` residual blocks, as many transposed k3 s2 up, k7, tanh."""

    def __init__(self, in_channels: int, out_channels: int, blocks: int, width: int, norm: Norm, downs: int) -> None:
        super().__init__()
        bias = norm != "batch"
        layers: list[nn.Module] = [
            ReflectionPad(3),
            nn.Conv2d(in_channels, width, 7, bias=bias),
            norm_layer(norm, width),
            nn.ReLU(inplace=True),
        ]
        widths = [width * 2**level for level in range(downs + 1)]
        for given in widths[:-1]:
            layers += [
                nn.Conv2d(given, 2 * given, 3, 2, 1, bias=bias),
                norm_layer(norm, 2 * given),
                nn.ReLU(inplace=True),
            ]
        layers += [_Block(widths[-1], norm, bias) for _ in range(blocks)]
        for given in widths[:0:-1]:
            layers += [
                nn.ConvTranspose2d(given, given // 2, 3, 2, 1, output_padding=1, bias=bias),
                norm_layer(norm, given // 2),
                nn.ReLU(inplace=True),
            ]
        layers += [ReflectionPad(3), nn.Conv2d(width, out_channels, 7), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.multiple = 2**downs
        # the reflecting pads of the blocks need two rows at the least size, those of the ends four at the full one
        self.minimum = max(4, 2 * self.multiple)
        # statistics of instance normalisation are the whole picture's
        self.radius = None if norm == "instance" else 4 + 2 * self.multiple * (1 + blocks)

        # what features are taken after: each halving's convolution, then each block
        self._marks = [4 + 3 * level for level in range(downs)] + [4 + 3 * downs + block for block in range(blocks)]

    def forward(self, x: Tensor, layers: tuple[int, ...] = ()) -> Any:
        """Pictures to pictures, or with ``layers`` to a list of their features, without going on to a picture.

        Layer 0 is the picture itself, 1 to ``downs`` are the halvings' convolutions, then the blocks follow.

        Raises:
            UserError: a layer that the network does not have.
        """
        return self._features(x, layers) if layers else self.layers(x)

    def _features(self, x: Tensor, layers: tuple[int, ...]) -> list[Tensor]:
        if max(layers) > len(self._marks):
            raise UserError(f"layer {max(layers)}: this generator has the layers 0 to {len(self._marks)} to compare")
        found = {0: x}
        deepest = self._marks[max(layers) - 1] + 1 if max(layers) else 0
        for place, layer in enumerate(list(self.layers)[:deepest]):
            x = layer(x)
            if place in self._marks:
                # a copy, which the activation behind it does not work in
                found[len(found)] = x.clone()
        return [found[number] for number in layers]


@options
class Resnet:
    """ResNet generator; by default 9 blocks from 256 px on (11,378,179 parameters), 6 below (7,837,699)."""

    width: Annotated[Width, Field(description="channels of the first layer (published: 64), doubled by each down")] = 64
    blocks: Annotated[
        Blocks | None, Field(description="residual blocks; null: 9 where the training crop is at least 256 px, else 6")
    ] = None
    norm: Annotated[Norm, Field(description="normalisation of all layers but the last")] = "instance"
    downs: Annotated[
        int, Field(ge=1, le=8, description="halvings before the blocks (CycleGAN: 2, pix2pixHD's global generator: 4)")
    ] = 2

    def build(self, *, in_channels: int, out_channels: int, size: int | None) -> ResnetGenerator:
        blocks = self.blocks or (9 if size is None or size >= 256 else 6)
        return ResnetGenerator(in_channels, out_channels, blocks, self.width, self.norm, self.downs)
