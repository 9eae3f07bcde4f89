"""Initialisation of weights by name, from a generator of random numbers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from img2img.errors import unknown

NORMS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)
LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def _normal(weight: Tensor, generator: torch.Generator, std: float) -> None:
    nn.init.normal_(weight, 0.0, std, generator=generator)


def _kaiming(weight: Tensor, generator: torch.Generator, std: float) -> None:
    nn.init.kaiming_normal_(weight, a=0.2, generator=generator)


def _xavier(weight: Tensor, generator: torch.Generator, std: float) -> None:
    nn.init.xavier_normal_(weight, generator=generator)


def _orthogonal(weight: Tensor, generator: torch.Generator, std: float) -> None:
    nn.init.orthogonal_(weight, generator=generator)


INITS: dict[str, Callable[[Tensor, torch.Generator, float], None]] = {
    "normal": _normal,
    "kaiming": _kaiming,
    "xavier": _xavier,
    "orthogonal": _orthogonal,
}


@torch.no_grad()
def initialize(network: nn.Module, name: str, generator: torch.Generator) -> None:
    """Set all weights: convolutions and linear layers as named, biases 0, norm gains N(1, 0.02).

    ``normal`` is N(0, 0.02) (pix2pix, DCGAN). A layer may carry ``init_std`` (another standard deviation) or
    ``init_name`` (another initialisation), which go before the name.

    Raises:
        UserError: unknown name.
    """
    if name not in INITS:
        raise unknown("initialisation", name, INITS, "train.init")
    for module in network.modules():
        if isinstance(module, LAYERS):
            method = INITS[str(getattr(module, "init_name", name))]
            method(module.weight, generator, float(getattr(module, "init_std", 0.02)))
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, NORMS) and module.weight is not None:
            nn.init.normal_(module.weight, 1.0, 0.02, generator=generator)
            module.bias.zero_()
