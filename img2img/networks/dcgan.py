"""DCGAN's pair for the noise flow (Radford et al. 2016), sized by the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from img2img.config import options
from img2img.errors import UserError
from img2img.networks.base import Critic, Generator, Width
from img2img.networks.classes import beside, class_norm_layer, joined_classes, judged, projection, through
from img2img.networks.norm import Norm, norm_layer
from img2img.networks.sides import doublings
from img2img.networks.spectral import spectral
from img2img.types import Verdict


class DcganGenerator(Generator):
    """z projected to 4x4 (7x7 for 28 px), doubled by k4 s2 p1 transposed convolutions, ReLU, tanh.

    ``channels``: of the maps from the smallest on; one more than doublings end in a k3 convolution to the picture.
    (N, z) -> (N, C, size, size). Of ``classes`` batch norm has gains and biases of their own; without it the class
    stands beside z.
    """

    def __init__(
        self, latent: int, out_channels: int, size: int, channels: Sequence[int], norm: Norm, classes: int = 0
    ) -> None:
        super().__init__()
        self.side, levels = doublings(size, "dcgan")
        self.joined = joined_classes(norm, classes)
        self.first = nn.Linear(latent + self.joined, channels[0] * self.side**2)
        self.first_norm = class_norm_layer(norm, channels[0], classes)
        layers: list[nn.Module] = []
        for given, made in zip(channels, channels[1:], strict=False):
            normalised = class_norm_layer(norm, made, classes)
            layers += [nn.ConvTranspose2d(given, made, 4, 2, 1), normalised, nn.ReLU(inplace=True)]
        last: nn.Module = nn.Conv2d(channels[-1], out_channels, 3, 1, 1)
        if len(channels) == levels:
            last = nn.ConvTranspose2d(channels[-1], out_channels, 4, 2, 1)
        layers += [last, nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.latent = latent
        if norm != "instance":
            self.channels_last = True

    def forward(self, x: Tensor, classes: Tensor | None = None) -> Tensor:
        x = self.first(beside(x, classes, self.joined))
        x = nn.functional.relu(through(self.first_norm, x.view(x.shape[0], -1, self.side, self.side), classes))
        for layer in self.layers:
            x = through(layer, x, classes)
        return x


class DcganCritic(Critic):
    """k4 s2 p1 convolutions down to 4x4 (7x7 of 28 px), norm from the second on, LeakyReLU 0.2, one logit a picture.

    Of ``classes`` it is a projection critic on all values of its last map.
    """

    def __init__(self, in_channels: int, size: int, width: int, norm: Norm, normalised: bool, classes: int = 0) -> None:
        super().__init__()
        side, levels = doublings(size, "dcgan")
        blocks = []
        given = in_channels
        for level in range(levels):
            made = width * 2**level
            parts: list[nn.Module] = [spectral(nn.Conv2d(given, made, 4, 2, 1), normalised)]
            if level > 0 and norm != "none":
                parts.append(norm_layer(norm, made, running=False))
            parts.append(nn.LeakyReLU(0.2, inplace=True))
            blocks.append(nn.Sequential(*parts))
            given = made
        self.blocks = nn.ModuleList(blocks)
        if norm != "instance":
            self.channels_last = True
        self.linear = spectral(nn.Linear(given * side**2, 1), normalised)
        self.projection = projection(classes, given * side**2, normalised)

    def forward(self, x: Tensor, classes: Tensor | None = None) -> Verdict:
        features = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        x = x.flatten(1)
        return Verdict((judged(self.linear(x), self.projection, x, classes),), tuple(features))


@options
class DcganG:
    """DCGAN generator: z to a picture whose side is a small one doubled (32, 28, 64)."""

    width: Annotated[Width, Field(description="channels of the last hidden layer; doubled towards z")] = 64
    norm: Annotated[Norm, Field(description="normalisation of all layers but the last")] = "batch"
    channels: Annotated[
        tuple[Width, ...],
        Field(description="of each map from the smallest on, instead of width; one more ends in a k3 convolution"),
    ] = ()

    def build(self, *, in_channels: int, out_channels: int, size: int | None, classes: int = 0) -> DcganGenerator:
        _, levels = doublings(size, "dcgan")
        if self.channels and len(self.channels) not in (levels, levels + 1):
            raise UserError(
                f"generator.channels: {len(self.channels)} numbers; {size} px take {levels}, or {levels + 1} with a "
                f"last convolution"
            )
        channels = self.channels or [self.width * 2 ** (levels - 1 - level) for level in range(levels)]
        return DcganGenerator(in_channels, out_channels, int(size or 0), channels, self.norm, classes)


@options
class DcganD:
    """DCGAN critic, for pictures whose side is a small one doubled (32, 28, 64)."""

    width: Annotated[Width, Field(description="channels of the first layer; doubled down to 4x4")] = 64
    norm: Annotated[
        Norm, Field(description="normalisation from the second layer on; gradient penalties need none or instance")
    ] = "batch"
    spectral: Annotated[bool, Field(description="spectral normalisation of all layers")] = False

    def build(self, *, in_channels: int, size: int | None, classes: int = 0) -> DcganCritic:
        doublings(size, "dcgan")
        return DcganCritic(in_channels, int(size or 0), self.width, self.norm, self.spectral, classes)
