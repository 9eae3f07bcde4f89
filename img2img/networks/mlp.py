"""Fully connected pair (the toy networks of E-GAN's program); pictures are taken value by value."""

from __future__ import annotations

from math import prod
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from img2img.config import options
from img2img.networks.base import Critic, Generator
from img2img.networks.classes import beside, judged, projection
from img2img.networks.spectral import spectral
from img2img.types import Verdict


class MlpGenerator(Generator):
    """Three hidden layers with ReLU. (N, z) -> (N, F), linear; or with a side (N, C, side, side), tanh.

    Of ``classes`` the sample's stands beside z (Mirza and Osindero 2014).
    """

    def __init__(self, latent: int, out_channels: int, width: int, side: int | None, classes: int = 0) -> None:
        super().__init__()
        self.form = (out_channels,) if side is None else (out_channels, side, side)
        sides = [latent + classes, width, width, width]
        layers: list[nn.Module] = []
        for given, made in zip(sides, sides[1:], strict=False):
            layers += [nn.Linear(given, made), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Linear(width, prod(self.form)))
        self.vector = side is None
        self.latent = latent
        self.joined = classes

    def forward(self, x: Tensor, classes: Tensor | None = None) -> Tensor:
        made: Tensor = self.layers(beside(x, classes, self.joined)).view(-1, *self.form)
        return made if self.vector else made.tanh()


class MlpCritic(Critic):
    """Three hidden layers with ReLU, batch normalisation on the second where asked; features are the activations.

    Of ``classes`` it is a projection critic on the third layer.
    """

    def __init__(self, in_features: int, width: int, norm: str, normalised: bool, classes: int = 0) -> None:
        super().__init__()
        sides = [in_features, width, width, width]
        blocks = []
        for place, (given, made) in enumerate(zip(sides, sides[1:], strict=False)):
            parts: list[nn.Module] = [spectral(nn.Linear(given, made), normalised)]
            if place == 1 and norm == "batch":
                parts.append(nn.BatchNorm1d(made, track_running_stats=False))
            blocks.append(nn.Sequential(*parts, nn.ReLU(inplace=True)))
        self.blocks = nn.ModuleList(blocks)
        self.last = spectral(nn.Linear(width, 1), normalised)
        self.projection = projection(classes, width, normalised)

    def forward(self, x: Tensor, classes: Tensor | None = None) -> Verdict:
        features = []
        x = x.flatten(1)
        for block in self.blocks:
            x = block(x)
            features.append(x)
        return Verdict((judged(self.last(x), self.projection, x, classes),), tuple(features))


Units = Annotated[int, Field(ge=1, le=16_384)]


@options
class MlpG:
    """Fully connected generator."""

    width: Annotated[Units, Field(description="units of each of the three hidden layers")] = 512

    def build(self, *, in_channels: int, out_channels: int, size: int | None, classes: int = 0) -> MlpGenerator:
        return MlpGenerator(in_channels, out_channels, self.width, size, classes)


@options
class MlpD:
    """Fully connected critic."""

    width: Annotated[Units, Field(description="units of each of the three hidden layers")] = 512
    norm: Annotated[Literal["batch", "none"], Field(description="normalisation of the second layer")] = "batch"
    spectral: Annotated[bool, Field(description="spectral normalisation of all layers")] = False

    def build(self, *, in_channels: int, size: int | None, classes: int = 0) -> MlpCritic:
        return MlpCritic(in_channels * (size or 1) ** 2, self.width, self.norm, self.spectral, classes)
