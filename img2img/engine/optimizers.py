"""Optimisers by name, with the limits put on gradients and weights around their steps."""

from __future__ import annotations

from typing import Annotated, ClassVar, Protocol

import torch
from pydantic import Field
from torch import nn

from img2img.config import options

Rate = Annotated[float, Field(gt=0)]
Beta = Annotated[float, Field(ge=0, lt=1)]


class OptimizerOptions(Protocol):
    """What makes an optimiser, with the limits put on gradients and weights around its step."""

    fused: ClassVar[bool]

    @property
    def clip_norm(self) -> float | None:
        """Largest norm of all gradients together."""
        ...

    @property
    def clip_weights(self) -> float | None:
        """Largest absolute weight after a step (WGAN)."""
        ...

    def build(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """What these options describe, for the given weights."""
        ...


@options
class Adam:
    """Adam (Kingma and Ba 2015); pix2pix's figures are the defaults."""

    fused: ClassVar[bool] = True
    lr: Rate = 2e-4
    betas: tuple[Beta, Beta] = (0.5, 0.999)
    eps: Rate = 1e-8
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip_norm: Rate | None = None
    clip_weights: Rate | None = None

    def build(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            parameters, lr=self.lr, betas=self.betas, eps=self.eps, weight_decay=self.weight_decay, fused=True
        )


@options
class RmsProp:
    """RMSprop (WGAN's choice: lr 5e-5, weights clipped to 0.01)."""

    fused: ClassVar[bool] = False
    lr: Rate = 5e-5
    alpha: Beta = 0.99
    eps: Rate = 1e-8
    clip_norm: Rate | None = None
    clip_weights: Rate | None = None

    def build(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(parameters, lr=self.lr, alpha=self.alpha, eps=self.eps)


@options
class Sgd:
    """Stochastic gradient descent with momentum."""

    fused: ClassVar[bool] = True
    lr: Rate = 1e-2
    momentum: Beta = 0.0
    clip_norm: Rate | None = None
    clip_weights: Rate | None = None

    def build(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=self.lr, momentum=self.momentum, fused=True)


OPTIMIZERS: dict[str, type[OptimizerOptions]] = {"adam": Adam, "rmsprop": RmsProp, "sgd": Sgd}
