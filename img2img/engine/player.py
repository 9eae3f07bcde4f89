"""A player of the game: networks with everything that changes when they are updated."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from img2img.compute.distributed import World
from img2img.compute.precision import LossScale
from img2img.engine.ema import Ema, averaged
from img2img.engine.limits import apply_limits, build_limits
from img2img.engine.optimizers import OptimizerOptions
from img2img.errors import UserError


def _like(values: Tensor, parameter: Tensor) -> Tensor:
    """``values`` (a gradient, a moment) laid out in memory as their parameter is.

    The fused optimisers of CPUs walk through memory without looking at strides: another layout would move the wrong
    weights, silently. autograd.grad gives whatever layout the convolution worked in, and a checkpoint that of the
    device it was written on.
    """
    if values.stride() == parameter.stride():
        return values
    return torch.empty_like(parameter).copy_(values)


def _owned(gradients: Sequence[Tensor]) -> list[Tensor]:
    """The gradients, none of which shares memory with another or with itself.

    They are changed in place afterwards (summed, unscaled, clipped); autograd may give two weights one tensor, or a
    single number expanded to a weight's shape.
    """
    seen: set[int] = set()
    owned = []
    for gradient in gradients:
        memory = gradient.untyped_storage().data_ptr()
        # what fills its memory without gaps is no expanded number
        expanded = not gradient.is_contiguous() and any(
            stride == 0 and size > 1 for size, stride in zip(gradient.shape, gradient.stride(), strict=True)
        )
        owned.append(gradient.clone(memory_format=torch.contiguous_format) if expanded or memory in seen else gradient)
        seen.add(memory)
    return owned


class SkipsBadSteps(Protocol):
    """What torch's fused optimisers read of themselves but do not declare."""

    found_inf: Tensor


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
        self.limits = build_limits(optimizer.limits, optimizer.clip_weights)
        self._arrange()
        self.ema = Ema(networks, ema_half_life_images) if ema_half_life_images else None
        self.scale = LossScale(world.device) if scaled else None
        self.version = 0

    def _arrange(self) -> None:
        """The weights that move, in the optimiser's order, and an optimiser without history for them."""
        by_factor: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.networks.named_parameters():
            by_factor.setdefault(self._factor(name), []).append(parameter)
        by_factor.pop(0.0, None)
        self.parameters = [parameter for group in by_factor.values() for parameter in group]
        if not self.parameters:
            raise UserError("optimizers.*.groups: every weight has the factor 0, nothing would be trained")
        groups: list[dict[str, object]] = [{"params": group} for group in by_factor.values()]
        self.optimizer = self.options.build(self.parameters if list(by_factor) == [1.0] else groups)
        self.rates = [
            float(group["lr"]) * factor for group, factor in zip(self.optimizer.param_groups, by_factor, strict=True)
        ]

    def _factor(self, name: str) -> float:
        """The factor on a weight's rate."""
        return next((factor for pattern, factor in self.options.groups.items() if fnmatchcase(name, pattern)), 1.0)

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
        twin._arrange()
        # load_state_dict keeps the given tensors (torch >= 2.1): without the deep copy siblings share their moments
        twin.optimizer.load_state_dict(copy.deepcopy(self.optimizer.state_dict()))
        twin.ema = copy.deepcopy(self.ema)
        twin.scale = copy.deepcopy(self.scale)
        return twin

    def gradients(self, objective: Tensor, *, retain: bool = False) -> list[Tensor]:
        """Derivatives of ``objective`` with respect to this player's parameters alone (zeros where unreached)."""
        # grad, not backward: nothing is added to any other player's weights on the way
        scaled = objective if self.scale is None else objective * self.scale.scale
        return _owned(torch.autograd.grad(scaled, self.parameters, retain_graph=retain, materialize_grads=True))

    def apply(self, gradients: list[Tensor], rate_factor: float = 1.0) -> None:
        """One update: all-reduce, clip, optimiser step."""
        # equal shares: the mean of the processes' gradients is that of the global batch
        self.world.all_reduce_mean_(gradients)
        if self.scale is not None:
            # fused optimisers leave weights, moments and step count alone where found_inf is 1
            cast(SkipsBadSteps, self.optimizer).found_inf = self.scale.unscale_(gradients)
        if self.options.clip_norm is not None:
            # g <- g c / |g| where |g| > c (Pascanu et al. 2013, algorithm 1), over all weights together
            norm = torch.nn.utils.get_total_norm(gradients)
            torch._foreach_mul_(gradients, (self.options.clip_norm / (norm + 1e-6)).clamp(max=1.0))
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * rate_factor
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = _like(gradient, parameter)
        self.optimizer.step()
        for parameter in self.parameters:
            parameter.grad = None
        if self.limits:
            apply_limits(self.limits, dict(self.networks.named_parameters()))
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
        self._load_optimizer(state["optimizer"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        if self.scale is not None:
            self.scale.load_state_dict(state["scale"])
        self.version = state["version"]

    def begin(self, networks: Mapping[str, Tensor], optimizer: Mapping[str, object] | None = None) -> None:
        """Begin from weights and buffers, the EMA too; from an ``optimizer``'s moments and step counts, if given.

        Rates and all other options stay this player's own.
        """
        self.networks.load_state_dict(networks)
        if self.ema is not None:
            self.ema.load_state_dict(dict(networks))
        if optimizer is not None:
            self._load_optimizer({**optimizer, "param_groups": self.optimizer.state_dict()["param_groups"]})

    def _load_optimizer(self, state: Mapping[str, object]) -> None:
        self.optimizer.load_state_dict(copy.deepcopy(dict(state)))
        for parameter, moments in self.optimizer.state.items():
            for name, value in moments.items():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    moments[name] = _like(value, parameter)


class GradientSum:
    """A player's gradients summed over the micro-batches of a batch.

    Objectives are means over their micro-batch, of which there are ``parts`` of equal size: the mean of their gradients
    is the gradient of the mean over the whole batch.
    """

    def __init__(self, player: Player, parts: int) -> None:
        self.player = player
        self.parts = parts
        self.gradients: list[Tensor] | None = None

    def add(self, objective: Tensor | None, *, retain: bool = False) -> None:
        """Add the gradients of one micro-batch's objective; None (nothing to minimise) adds nothing."""
        if objective is None:
            return
        gradients = self.player.gradients(objective / self.parts, retain=retain)
        if self.gradients is None:
            self.gradients = gradients
        else:
            torch._foreach_add_(self.gradients, gradients)

    def apply(self, rate_factor: float, child: Player | None = None) -> None:
        """Update the player, or a child of it in its place; nothing moves where nothing was added."""
        if self.gradients is not None:
            (child or self.player).apply(self.gradients, rate_factor)
