"""Initialisation of weights by name, from a generator of random numbers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from img2img.errors import unknown

NORMS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)
LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
# as torch does when it makes a spectral norm
POWER_ITERATIONS = 15


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
    ``init_name`` (another initialisation), which go before the name. Under a spectral norm (Miyato et al. 2018) it is
    the weight before the normalisation that is set, and its singular vectors are found anew.

    Raises:
        UserError: unknown name.
    """
    if name not in INITS:
        raise unknown("initialisation", name, INITS, "train.init")
    for module in network.modules():
        if isinstance(module, LAYERS):
            method = INITS[str(getattr(module, "init_name", name))]
            method(original_weight(module), generator, float(getattr(module, "init_std", 0.02)))
            _find_singular_vectors(module, generator)
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, NORMS) and module.weight is not None:
            nn.init.normal_(module.weight, 1.0, 0.02, generator=generator)
            module.bias.zero_()


def original_weight(module: nn.Module) -> Tensor:
    """The parameter behind ``module.weight``; what is parametrised is computed anew at each access."""
    parametrizations = getattr(module, "parametrizations", {})
    weight = parametrizations["weight"].original if "weight" in parametrizations else module.weight
    if not isinstance(weight, Tensor):
        raise TypeError(f"{type(module).__name__} has several weights")
    return weight


def _find_singular_vectors(module: nn.Module, generator: torch.Generator) -> None:
    """Draw a spectral norm's vectors from ``generator`` and let them turn towards the new weight's."""
    if not parametrize.is_parametrized(module, "weight"):
        return
    for vector in module.parametrizations["weight"].buffers():  # type: ignore[union-attr,index]
        drawn = torch.randn(vector.shape, generator=generator).to(vector)
        vector.copy_(nn.functional.normalize(drawn, dim=0))
    training = module.training
    module.train()
    for _ in range(POWER_ITERATIONS):
        _ = module.weight  # in training each access is one power iteration
    module.train(training)
