"""Layers that know a picture's class, given as rows of 0 and one 1: (N, K)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from img2img.networks.norm import Norm, norm_layer
from img2img.networks.spectral import spectral


class ClassNorm(nn.Module):
    """Batch normalisation whose gain and bias are the class's own (Dumoulin et al. 2017; Miyato and Koyama 2018).

    They begin as 1 and 0. Statistics are those of all classes together.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = nn.Parameter(torch.ones(classes, channels))
        self.bias = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, x: Tensor, classes: Tensor) -> Tensor:
        """(N, C, H, W) and (N, K) to (N, C, H, W)."""
        gain, bias = (classes @ values for values in (self.gain, self.bias))
        normalised: Tensor = self.norm(x) * gain[:, :, None, None] + bias[:, :, None, None]
        return normalised


class ClassProjection(nn.Module):
    """<embed(y), h(x)>, what a projection critic adds to its logit (Miyato and Koyama 2018, equation 3)."""

    def __init__(self, classes: int, features: int, normalised: bool) -> None:
        super().__init__()
        self.embed = spectral(nn.Linear(classes, features, bias=False), normalised)

    def forward(self, features: Tensor, classes: Tensor) -> Tensor:
        """(N, F) and (N, K) to (N, 1)."""
        product: Tensor = self.embed(classes) * features
        return product.sum(1, keepdim=True)


def projection(classes: int, features: int, normalised: bool) -> ClassProjection | None:
    """What a critic of ``classes`` adds to its logit; None where there are no classes."""
    return ClassProjection(classes, features, normalised) if classes else None


def judged(logit: Tensor, added: ClassProjection | None, features: Tensor, classes: Tensor | None) -> Tensor:
    """The logit (N, 1) of pictures whose last ``features`` (N, F) and ``classes`` (N, K) are these."""
    return logit if added is None or classes is None else logit + added(features, classes)


def class_norm_layer(name: Norm, channels: int, classes: int) -> nn.Module:
    """`norm_layer`; batch normalisation has a gain and a bias for each class, where there are any."""
    return ClassNorm(channels, classes) if classes and name == "batch" else norm_layer(name, channels)


def through(layer: nn.Module, x: Tensor, classes: Tensor | None) -> Tensor:
    """What a layer of a generator makes of ``x``, told the classes where it has use for them."""
    result: Tensor = layer(x, classes) if isinstance(layer, ClassNorm) else layer(x)
    return result


def joined_classes(name: Norm, classes: int) -> int:
    """How many values of the class stand beside z: none where batch normalisation tells it, else all K."""
    return 0 if name == "batch" else classes


def beside(z: Tensor, classes: Tensor | None, count: int) -> Tensor:
    """z, with the class beside it (Mirza and Osindero 2014) where a generator takes ``count`` values of it."""
    return torch.cat([z, classes], 1) if count and classes is not None else z
