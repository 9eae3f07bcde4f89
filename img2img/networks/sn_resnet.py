"""The residual pair of SNGAN (Miyato et al. 2018, table 4: CIFAR-10), with SAGAN's self-attention where asked."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu

from img2img.config import options
from img2img.networks.attention import SelfAttention
from img2img.networks.base import Critic, Generator, Width
from img2img.networks.classes import beside, class_norm_layer, joined_classes, judged, projection, through
from img2img.networks.norm import Norm
from img2img.networks.sides import doublings
from img2img.networks.spectral import spectral
from img2img.types import Verdict


def _as_published(network: nn.Module) -> None:
    """Glorot's initialisation, for which the widths were chosen."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.init_name = "xavier"  # type: ignore[assignment]


class _Up(nn.Module):
    """Norm, ReLU, doubled, k3, norm, ReLU, k3; beside it doubled, k1."""

    def __init__(self, width: int, norm: Norm, normalised: bool, classes: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([class_norm_layer(norm, width, classes) for _ in range(2)])
        self.first, self.second = (spectral(nn.Conv2d(width, width, 3, 1, 1), normalised) for _ in range(2))
        self.beside = spectral(nn.Conv2d(width, width, 1), normalised)

    def forward(self, x: Tensor, classes: Tensor | None) -> Tensor:
        y = self.first(interpolate(relu(through(self.norms[0], x, classes)), scale_factor=2))
        y = self.second(relu(through(self.norms[1], y, classes)))
        result: Tensor = y + self.beside(interpolate(x, scale_factor=2))
        return result


class _Down(nn.Module):
    """ReLU (not of the picture), k3, ReLU, k3, halved where asked; beside it k1, unless nothing changes."""

    def __init__(self, given: int, width: int, normalised: bool, *, halves: bool, picture: bool = False) -> None:
        super().__init__()
        self.first = spectral(nn.Conv2d(given, width, 3, 1, 1), normalised)
        self.second = spectral(nn.Conv2d(width, width, 3, 1, 1), normalised)
        self.beside = spectral(nn.Conv2d(given, width, 1), normalised) if halves or given != width else None
        self.halves, self.picture = halves, picture

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(relu(self.first(x if self.picture else relu(x))))
        beside = x if self.beside is None else self.beside(x)
        result: Tensor = y + beside
        return avg_pool2d(result, 2) if self.halves else result


class SnResnetGenerator(Generator):
    """z projected to 4x4, doubled by residual blocks, norm, ReLU, k3, tanh. (N, z) -> (N, C, size, size).

    Of ``classes`` batch norm has gains and biases of their own; without it the class stands beside z.
    """

    def __init__(
        self,
        latent: int,
        out_channels: int,
        size: int,
        width: int,
        norm: Norm,
        normalised: bool,
        attention: bool,
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.side, times = doublings(size, "sn_resnet")
        self.joined = joined_classes(norm, classes)
        self.first = spectral(nn.Linear(latent + self.joined, width * self.side**2), normalised)
        blocks: list[nn.Module] = []
        for number in range(times):
            blocks.append(_Up(width, norm, normalised, classes))
            if attention and number == times - 2:
                blocks.append(SelfAttention(width, normalised))
        self.blocks = nn.Sequential(*blocks)
        self.norm = class_norm_layer(norm, width, classes)
        self.last = spectral(nn.Conv2d(width, out_channels, 3, 1, 1), normalised)
        self.latent = latent
        _as_published(self)

    def forward(self, x: Tensor, classes: Tensor | None = None) -> Tensor:
        x = self.first(beside(x, classes, self.joined))
        x = x.view(x.shape[0], -1, self.side, self.side)
        for block in self.blocks:
            x = block(x, classes) if isinstance(block, _Up) else block(x)
        made: Tensor = self.last(relu(through(self.norm, x, classes))).tanh()
        return made


class SnResnetCritic(Critic):
    """Residual blocks that halve down to twice the smallest side, two that do not, sum over places, one logit.

    Of ``classes`` it is a projection critic on the sums.
    """

    def __init__(
        self, in_channels: int, size: int, width: int, normalised: bool, attention: bool, classes: int = 0
    ) -> None:
        super().__init__()
        _, times = doublings(size, "sn_resnet")
        blocks: list[nn.Module] = [_Down(in_channels, width, normalised, halves=True, picture=True)]
        if attention:
            blocks.append(SelfAttention(width, normalised))
        blocks += [_Down(width, width, normalised, halves=True) for _ in range(times - 2)]
        blocks += [_Down(width, width, normalised, halves=False) for _ in range(2)]
        self.blocks = nn.ModuleList(blocks)
        self.linear = spectral(nn.Linear(width, 1), normalised)
        self.projection = projection(classes, width, normalised)
        _as_published(self)

    def forward(self, x: Tensor, classes: Tensor | None = None) -> Verdict:
        features = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        x = relu(x).sum((2, 3))
        return Verdict((judged(self.linear(x), self.projection, x, classes),), tuple(features))


Attention = Annotated[bool, Field(description="self-attention on the map of half the picture's side (SAGAN)")]


@options
class SnResnetG:
    """SNGAN's residual generator: z to a picture whose side is a small one doubled (4,276,739 parameters at 32 px)."""

    width: Annotated[Width, Field(description="channels of all maps")] = 256
    norm: Annotated[Norm, Field(description="normalisation before each ReLU")] = "batch"
    spectral: Annotated[bool, Field(description="spectral normalisation of all layers (SAGAN)")] = False
    attention: Attention = False

    def build(self, *, in_channels: int, out_channels: int, size: int | None, classes: int = 0) -> SnResnetGenerator:
        doublings(size, "sn_resnet")
        return SnResnetGenerator(
            in_channels, out_channels, int(size or 0), self.width, self.norm, self.spectral, self.attention, classes
        )


@options
class SnResnetD:
    """SNGAN's residual critic without normalisation by batch (1,053,825 parameters at 32 px)."""

    width: Annotated[Width, Field(description="channels of all maps")] = 128
    spectral: Annotated[bool, Field(description="spectral normalisation of all layers")] = True
    attention: Attention = False

    def build(self, *, in_channels: int, size: int | None, classes: int = 0) -> SnResnetCritic:
        doublings(size, "sn_resnet")
        return SnResnetCritic(in_channels, int(size or 0), self.width, self.spectral, self.attention, classes)
