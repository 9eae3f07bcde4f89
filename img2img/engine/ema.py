"""A moving average of a player's networks (Karras et al. 2018; half-life counted in images)."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

Norm = nn.modules.batchnorm._NormBase


def tracking(networks: Iterable[nn.Module]) -> list[Norm]:
    """The normalisations that keep running statistics."""
    modules = [module for network in networks for module in network.modules()]
    return [module for module in modules if isinstance(module, Norm) and module.track_running_stats]


class Ema:
    """Shadow networks: parameters averaged; counts and a spectral norm's vectors copied; running statistics its own.

    The half-life is the number of images after which a weight's share has halved, so that batch size and number of
    processes do not change what is averaged.

    Averages of the statistics that the moving networks had would not be those of the averaged weights: far from them
    while weights move fast, so that a picture comes out flat. They are measured on what the shadow makes (`measuring`).
    """

    def __init__(self, networks: nn.ModuleDict, half_life_images: float) -> None:
        self.half_life_images = half_life_images
        self.networks = copy.deepcopy(networks).requires_grad_(False)
        self.norms = tracking([self.networks])

    @torch.no_grad()
    def update(self, networks: nn.ModuleDict, images: int) -> None:
        """Move towards ``networks`` after a step that showed ``images`` images."""
        # 0.5 ** (n / h) of the old average stays: n images at once move it as n steps of one image each
        share = 1 - 0.5 ** (images / self.half_life_images)
        shadow, live = ([weight.detach() for weight in each.parameters()] for each in (self.networks, networks))
        own = {id(buffer) for norm in self.norms for buffer in norm.buffers()}
        for (name, mine), theirs in zip(self.networks.named_buffers(), networks.buffers(), strict=True):
            if id(mine) in own:
                continue
            if averaged(name, mine):
                shadow.append(mine)
                live.append(theirs)
            else:
                mine.copy_(theirs)
        torch._foreach_lerp_(shadow, live, share)

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Within, what the shadow makes moves its running statistics, as training moves those of live networks."""
        modules = list(self.networks.modules())
        before = [module.training for module in modules]
        self.networks.eval()
        for norm in self.norms:
            norm.train()
        try:
            with torch.no_grad():
                yield
        finally:
            for module, training in zip(modules, before, strict=True):
                module.training = training

    def state_dict(self) -> dict[str, Any]:
        return dict(self.networks.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.networks.load_state_dict(state)


def averaged(name: str, buffer: torch.Tensor) -> bool:
    """Whether the mean of a buffer over steps means something: not of counts, nor of unit vectors (spectral norm)."""
    return buffer.is_floating_point() and "parametrizations" not in name.split(".")
