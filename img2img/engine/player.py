"""A player of the game: networks with everything that changes when they are updated."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Protocol

import torch
from pydantic import Field
from torch import Tensor, nn

from img2img.compute.distributed import World
from img2img.compute.precision import LossScale
from img2img.config import options
from img2img.engine.ema import Ema, averaged

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
    lr: Annotated[Rate, Field(description="learning rate")] = 2e-4
    betas: Annotated[
        tuple[Beta, Beta], Field(description="decay of the gradients' running mean and of their square's")
    ] = (0.5, 0.999)
    eps: Annotated[Rate, Field(description="added to the root that is divided by")] = 1e-8
    weight_decay: Annotated[float, Field(ge=0, description="share of the weights taken off a step, times the rate")] = (
        0.0
    )
    clip_norm: Annotated[Rate | None, Field(description="largest norm of all gradients together; null: any")] = None
    clip_weights: Annotated[
        Rate | None, Field(description="largest absolute weight after a step (WGAN); null: any")
    ] = None

    def build(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            parameters, lr=self.lr, betas=self.betas, eps=self.eps, weight_decay=self.weight_decay, fused=True
        )


@options
class RmsProp:
    """RMSprop (WGAN's choice: lr 5e-5, weights clipped to 0.01)."""

    fused: ClassVar[bool] = False
    lr: Annotated[Rate, Field(description="learning rate")] = 5e-5
    alpha: Annotated[Beta, Field(description="decay of the squared gradients' running mean")] = 0.99
    eps: Annotated[Rate, Field(description="added to the root that is divided by")] = 1e-8
    clip_norm: Annotated[Rate | None, Field(description="largest norm of all gradients together; null: any")] = None
    clip_weights: Annotated[
        Rate | None, Field(description="largest absolute weight after a step (WGAN); null: any")
    ] = None

    def build(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(parameters, lr=self.lr, alpha=self.alpha, eps=self.eps)


@options
class Sgd:
    """Stochastic gradient descent with momentum."""

    fused: ClassVar[bool] = True
    lr: Annotated[Rate, Field(description="learning rate")] = 1e-2
    momentum: Annotated[Beta, Field(description="share of the last step that is kept")] = 0.0
    clip_norm: Annotated[Rate | None, Field(description="largest norm of all gradients together; null: any")] = None
    clip_weights: Annotated[
        Rate | None, Field(description="largest absolute weight after a step (WGAN); null: any")
    ] = None

    def build(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=self.lr, momentum=self.momentum, fused=True)


OPTIMIZERS: dict[str, type] = {"adam": Adam, "rmsprop": RmsProp, "sgd": Sgd}


def _like(values: Tensor, parameter: Tensor) -> Tensor:
    """``values`` (a gradient, a moment) laid out in memory as their parameter is.

    The fused optimisers of CPUs walk through memory without looking at strides: another layout would move the wrong
    weights, silently. autograd.grad gives whatever layout the convolution worked in, and a checkpoint that of the
    device it was written on.
    """
    if values.stride() == parameter.stride():
        return values
    return torch.empty_like(parameter).copy_(values)


class Player:
    """``networks`` (by name) with one optimiser, an EMA where asked, fp16's loss scale and a version.

    The version grows with each update, so that whatever was computed with the old weights is known to be old.
    """

    def __init__(
        self,
        networks: nn.ModuleDict,
        optimizer: OptimizerOptions,
        world: World,
        *,
        ema_half_life_images: float | None = None,
        scaled: bool = False,
    ) -> None:
        self.networks = networks
        self.options = optimizer
        self.world = world
        self.parameters = list(networks.parameters())
        self.optimizer = optimizer.build(self.parameters)
        self.rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        self.ema = Ema(networks, ema_half_life_images) if ema_half_life_images else None
        self.scale = LossScale(world.device) if scaled else None
        self.version = 0

    def __getitem__(self, name: str) -> nn.Module:
        return self.networks[name]

    def mapping(self) -> Mapping[str, nn.Module]:
        """The networks by name."""
        return dict(self.networks.items())

    def shadow(self) -> nn.ModuleDict:
        """The networks that results are made with: the EMA where there is one."""
        return self.ema.networks if self.ema else self.networks

    def fork(self) -> Player:
        """A true copy: weights, buffers, EMA, moments and step counts; nothing is shared with this one."""
        twin = Player.__new__(Player)
        twin.__dict__.update(self.__dict__)
        twin.networks = copy.deepcopy(self.networks)
        twin.parameters = list(twin.networks.parameters())
        twin.optimizer = self.options.build(twin.parameters)
        # load_state_dict keeps the given tensors (torch >= 2.1): without the deep copy siblings share their moments
        twin.optimizer.load_state_dict(copy.deepcopy(self.optimizer.state_dict()))
        twin.ema = copy.deepcopy(self.ema)
        twin.scale = copy.deepcopy(self.scale)
        return twin

    def gradients(self, objective: Tensor, *, retain: bool = False) -> list[Tensor]:
        """Derivatives of ``objective`` with respect to this player's parameters alone (zeros where unreached)."""
        scaled = objective if self.scale is None else objective * self.scale.scale
        return list(torch.autograd.grad(scaled, self.parameters, retain_graph=retain, materialize_grads=True))

    def apply(self, gradients: list[Tensor], rate_factor: float = 1.0) -> None:
        """One update: all-reduce, clip, optimiser step."""
        self.world.all_reduce_mean_(gradients)
        if self.scale is not None:
            # fused optimisers leave weights, moments and step count alone where found_inf is 1
            self.optimizer.found_inf = self.scale.unscale_(gradients)  # type: ignore[attr-defined]
        if self.options.clip_norm is not None:
            norm = torch.nn.utils.get_total_norm(gradients)
            torch._foreach_mul_(gradients, (self.options.clip_norm / (norm + 1e-6)).clamp(max=1.0))
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * rate_factor
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = _like(gradient, parameter)
        self.optimizer.step()
        for parameter in self.parameters:
            parameter.grad = None
        if self.options.clip_weights is not None:
            with torch.no_grad():
                for parameter in self.parameters:
                    parameter.clamp_(-self.options.clip_weights, self.options.clip_weights)
        self.version += 1
        # autocast remembers weights cast before this update
        torch.clear_autocast_cache()

    @torch.no_grad()
    def average_buffers(self) -> None:
        """Give every process the mean over processes of the running statistics, the EMA's too; counts stay."""
        if self.world.size == 1:
            return
        networks = [self.networks, *([self.ema.networks] if self.ema else [])]
        buffers = [value for part in networks for name, value in part.named_buffers() if averaged(name, value)]
        # in float64 the mean of equal values is that value, whatever the number of processes
        means = [buffer.double() for buffer in buffers]
        self.world.all_reduce_mean_(means)
        for buffer, mean in zip(buffers, means, strict=True):
            buffer.copy_(mean)

    def state_dict(self) -> dict[str, Any]:
        return {
            "networks": dict(self.networks.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "ema": self.ema.state_dict() if self.ema else None,
            "scale": self.scale.state_dict() if self.scale else None,
            "version": self.version,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.networks.load_state_dict(state["networks"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        for parameter, moments in self.optimizer.state.items():
            for name, value in moments.items():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    moments[name] = _like(value, parameter)
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        if self.scale is not None:
            self.scale.load_state_dict(state["scale"])
        self.version = state["version"]
