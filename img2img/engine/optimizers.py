"""Optimisers by name, with the limits put on gradients and weights around their steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Protocol

import torch
from pydantic import Field
from torch import nn

from img2img.config import options

# a list of weights, or groups of them with options of their own
ParameterGroups = list[nn.Parameter] | list[dict[str, object]]
Specs = tuple[str | dict[str, object], ...]
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

    @property
    def limits(self) -> Specs:
        """Further limits on weights after a step (`img2img.engine.limits`)."""
        ...

    @property
    def groups(self) -> Mapping[str, float]:
        """Factors on the rate of weights by a pattern of their names, the first that fits; 0: they never move."""
        ...

    def build(self, parameters: ParameterGroups) -> torch.optim.Optimizer:
        """What these options describe, for the given weights."""
        ...


@options
class AroundTheStep:
    """What every optimiser has: limits on gradients before its step and on weights after it, rates by group."""

    clip_norm: Annotated[Rate | None, Field(description="largest norm of all gradients together; null: any")] = None
    clip_weights: Annotated[
        Rate | None, Field(description="largest absolute weight after a step (WGAN); null: any")
    ] = None
    limits: Annotated[Specs, Field(description="further limits on weights after a step: clip, row_norm")] = ()
    groups: Annotated[
        dict[str, Annotated[float, Field(ge=0)]],
        Field(description="factors on the rate by a pattern of the weights' names, the first that fits; 0: frozen"),
    ] = Field(default_factory=dict)


@options
class Adam(AroundTheStep):
    """Adam (Kingma and Ba 2015); pix2pix's figures are the defaults."""

    fused: ClassVar[bool] = True
    lr: Annotated[Rate, Field(description="learning rate")] = 2e-4
    betas: Annotated[
        tuple[Beta, Beta], Field(description="decay of the gradients' running mean and of their square's")
    ] = (0.5, 0.999)
    eps: Annotated[Rate, Field(description="added to the root that is divided by")] = 1e-8
    weight_decay: Annotated[float, Field(ge=0, description="share of the weights taken off a step, times the rate")] = (
        0.0
    )

    def build(self, parameters: ParameterGroups) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            parameters, lr=self.lr, betas=self.betas, eps=self.eps, weight_decay=self.weight_decay, fused=True
        )


@options
class RmsProp(AroundTheStep):
    """RMSprop (WGAN's choice: lr 5e-5, weights clipped to 0.01)."""

    fused: ClassVar[bool] = False
    lr: Annotated[Rate, Field(description="learning rate")] = 5e-5
    alpha: Annotated[Beta, Field(description="decay of the squared gradients' running mean")] = 0.99
    eps: Annotated[Rate, Field(description="added to the root that is divided by")] = 1e-8

    def build(self, parameters: ParameterGroups) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(parameters, lr=self.lr, alpha=self.alpha, eps=self.eps)


@options
class Sgd(AroundTheStep):
    """Stochastic gradient descent with momentum."""

    fused: ClassVar[bool] = True
    lr: Annotated[Rate, Field(description="learning rate")] = 1e-2
    momentum: Annotated[Beta, Field(description="share of the last step that is kept")] = 0.0

    def build(self, parameters: ParameterGroups) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=self.lr, momentum=self.momentum, fused=True)


OPTIMIZERS: dict[str, type] = {"adam": Adam, "rmsprop": RmsProp, "sgd": Sgd}
