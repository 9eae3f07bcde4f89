"""PatchGAN and PixelGAN critics (Isola et al. 2017, section 6.1.2)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from img2img.config import options
from img2img.networks.base import Critic, Width
from img2img.networks.norm import Norm, norm_layer
from img2img.types import Verdict

Layers = Annotated[int, Field(ge=1, le=7)]


class PatchCritic(Critic):
    """A stack of blocks, each ending in its activation, then one convolution to a map of logits.

    (N, C, H, W) in [-1, 1] -> logits (N, 1, h, w) and one feature map a block.
    """

    def __init__(self, blocks: list[nn.Sequential], last: nn.Conv2d) -> None:
        super().__init__()
        if not any(isinstance(module, nn.InstanceNorm2d) for block in blocks for module in block):
            self.channels_last = True
        self.blocks = nn.ModuleList(blocks)
        self.last = last

    def forward(self, x: Tensor) -> Verdict:
        features = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        return Verdict((self.last(x),), tuple(features))


def _block(conv: nn.Conv2d, norm: nn.Module | None) -> nn.Sequential:
    layers: list[nn.Module] = [conv]
    if norm is not None and not isinstance(norm, nn.Identity):
        layers.append(norm)
    return nn.Sequential(*layers, nn.LeakyReLU(0.2, inplace=True))


def patch_critic(in_channels: int, width: int, layers: int, norm: Norm, padding: int = 1) -> PatchCritic:
    """PatchGAN's stack: ``layers`` k4 s2 convolutions, one s1 and one to the logits, each padded by ``padding`` px."""
    bias = norm != "batch"
    blocks = [_block(nn.Conv2d(in_channels, width, 4, 2, padding), None)]
    given = width
    for level in range(1, layers + 1):
        made = width * min(8, 2**level)
        stride = 2 if level < layers else 1
        conv = nn.Conv2d(given, made, 4, stride, padding, bias=bias)
        blocks.append(_block(conv, norm_layer(norm, made, running=False)))
        given = made
    return PatchCritic(blocks, nn.Conv2d(given, 1, 4, 1, padding))


@options
class PatchGAN:
    """``layers`` k4 s2 convolutions, one s1, one to the logits: a map of patches is judged."""

    width: Annotated[Width, Field(description="channels of the first layer, doubled up to eightfold")] = 64
    layers: Annotated[Layers, Field(description="strided layers; 1 to 5 of them see 16, 34, 70, 142, 286 px")] = 3
    norm: Annotated[
        Norm, Field(description="normalisation from the second layer on; gradient penalties need none or instance")
    ] = "batch"

    def build(self, *, in_channels: int, size: int | None) -> PatchCritic:
        return patch_critic(in_channels, self.width, self.layers, self.norm)


@options
class PixelGAN:
    """1x1 convolutions: each pixel is judged by itself."""

    width: Annotated[Width, Field(description="channels of the first layer; the second has twice as many")] = 64
    norm: Annotated[
        Norm, Field(description="normalisation of the second layer; gradient penalties need none or instance")
    ] = "batch"

    def build(self, *, in_channels: int, size: int | None) -> PatchCritic:
        bias = self.norm != "batch"
        middle = nn.Conv2d(self.width, 2 * self.width, 1, bias=bias)
        blocks = [
            _block(nn.Conv2d(in_channels, self.width, 1), None),
            _block(middle, norm_layer(self.norm, 2 * self.width, running=False)),
        ]
        return PatchCritic(blocks, nn.Conv2d(2 * self.width, 1, 1, bias=bias))
