"""SPADE's generator for label maps (Park et al. 2019; facts from the authors' program).

The label map is never the input of a deep stack: the first layer sees it at 1/32 of the size, and every block's
normalisation is modulated by it at that block's size.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu
from torch.nn.utils.parametrizations import spectral_norm

from img2img.config import options
from img2img.networks.base import Generator, Width

Norm = Literal["batch", "instance"]


class Spade(nn.Module):
    """norm(x) * (1 + gamma(labels)) + beta(labels), gamma and beta by two convolutions (eq. 1, 2 and appendix A)."""

    def __init__(self, channels: int, label_channels: int, hidden: int, norm: Norm) -> None:
        super().__init__()
        plain = nn.BatchNorm2d if norm == "batch" else nn.InstanceNorm2d
        self.norm = plain(channels, affine=False)
        self.shared = nn.Conv2d(label_channels, hidden, 3, 1, 1)
        self.gamma = nn.Conv2d(hidden, channels, 3, 1, 1)
        self.beta = nn.Conv2d(hidden, channels, 3, 1, 1)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """(N, C, h, w) normalised and modulated by (N, L, H, W), which is shrunk to h x w by nearest neighbours."""
        shown = torch.relu(self.shared(interpolate(labels, size=x.shape[2:], mode="nearest")))
        modulated: Tensor = self.norm(x) * (1 + self.gamma(shown)) + self.beta(shown)
        return modulated


class SpadeBlock(nn.Module):
    """SPADE, LeakyReLU, k3, twice, plus the input (through SPADE and k1 where the channels change) (figure 4)."""

    def __init__(self, given: int, made: int, label_channels: int, hidden: int, norm: Norm) -> None:
        super().__init__()
        middle = min(given, made)
        self.first_norm = Spade(given, label_channels, hidden, norm)
        self.first = spectral_norm(nn.Conv2d(given, middle, 3, 1, 1))
        self.second_norm = Spade(middle, label_channels, hidden, norm)
        self.second = spectral_norm(nn.Conv2d(middle, made, 3, 1, 1))
        self.learned = given != made
        if self.learned:
            self.skip_norm = Spade(given, label_channels, hidden, norm)
            self.skip = spectral_norm(nn.Conv2d(given, made, 1, bias=False))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        change = self.first(leaky_relu(self.first_norm(x, labels), 0.2))
        change = self.second(leaky_relu(self.second_norm(change, labels), 0.2))
        kept = self.skip(self.skip_norm(x, labels)) if self.learned else x
        summed: Tensor = kept + change
        return summed


class SpadeGenerator(Generator):
    """One k3 layer on the label map at 1/32 of its size, seven SPADE blocks with doublings between, k3, tanh.

    (N, L, H, W) one-hot, sides multiples of 2 ** ``doublings`` -> (N, C, H, W) in [-1, 1].
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int,
        hidden: int,
        norm: Norm,
        doublings: int,
    ) -> None:
        super().__init__()
        channels = [factor * width for factor in (16, 16, 16, 16, 8, 4, 2, 1)]
        self.first = nn.Conv2d(in_channels, channels[0], 3, 1, 1)
        self.blocks = nn.ModuleList(
            SpadeBlock(given, made, in_channels, hidden, norm)
            for given, made in zip(channels, channels[1:], strict=False)
        )
        self.last = nn.Conv2d(channels[-1], out_channels, 3, 1, 1)
        self.doublings = doublings
        self.multiple = 2**doublings
        self.minimum = 2 ** (doublings + 1)
        self.radius = None
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                # Xavier's with a gain of 0.02, as the program has it
                fans = module.kernel_size[0] ** 2 * (module.in_channels + module.out_channels)
                module.init_name, module.init_std = "normal", 0.02 * math.sqrt(2 / fans)  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        side = 2**self.doublings
        y = self.first(interpolate(x, size=(x.shape[2] // side, x.shape[3] // side), mode="nearest"))
        for number, block in enumerate(self.blocks):
            # the second and the third block stand at one size, unless there are six doublings
            if number > 0 and (number != 2 or self.doublings == 6):
                y = interpolate(y, scale_factor=2.0, mode="nearest")
            y = block(y, x)
        return torch.tanh(self.last(leaky_relu(y, 0.2)))


@options
class SpadeOptions:
    """SPADE's generator without an encoder (96,492,483 parameters for the 151 classes of ADE20K)."""

    width: Annotated[Width, Field(description="channels of the last block; the first ones have 16 times as many")] = 64
    hidden: Annotated[Width, Field(description="channels between the label map and each modulation")] = 128
    norm: Annotated[Norm, Field(description="normalisation that the label map modulates")] = "batch"
    doublings: Annotated[
        Literal[5, 6], Field(description="5 begins at 1/32 of the size (published for 256 px), 6 at 1/64 (512 px)")
    ] = 5

    def build(self, *, in_channels: int, out_channels: int, size: int | None) -> SpadeGenerator:
        return SpadeGenerator(in_channels, out_channels, self.width, self.hidden, self.norm, self.doublings)
