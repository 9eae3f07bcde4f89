"""A moving average of a player's networks (Karras et al. 2018; half-life counted in images)."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn


class Ema:
    """Shadow networks: parameters and float buffers averaged; counts and a spectral norm's vectors copied.

    The half-life is the number of images after which a weight's share has halved, so that batch size and number of
    processes do not change what is averaged.
    """

    def __init__(self, networks: nn.ModuleDict, half_life_images: float) -> None:
        self.half_life_images = half_life_images
        self.networks = copy.deepcopy(networks).requires_grad_(False)

    @torch.no_grad()
    def update(self, networks: nn.ModuleDict, images: int) -> None:
        """Move towards ``networks`` after a step that showed ``images`` images."""
        # 0.5 ** (n / h) of the old average stays: n images at once move it as n steps of one image each
        share = 1 - 0.5 ** (images / self.half_life_images)
        shadow, live = self._floats(self.networks), self._floats(networks)
        torch._foreach_lerp_(shadow, live, share)
        for (name, mine), theirs in zip(self.networks.named_buffers(), networks.buffers(), strict=True):
            if not averaged(name, mine):
                mine.copy_(theirs)

    @staticmethod
    def _floats(networks: nn.ModuleDict) -> list[torch.Tensor]:
        buffers = [buffer for name, buffer in networks.named_buffers() if averaged(name, buffer)]
        return [*(parameter.detach() for parameter in networks.parameters()), *buffers]

    def state_dict(self) -> dict[str, Any]:
        return dict(self.networks.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.networks.load_state_dict(state)


def averaged(name: str, buffer: torch.Tensor) -> bool:
    """Whether the mean of a buffer over steps means something: not of counts, nor of unit vectors (spectral norm)."""
    return buffer.is_floating_point() and "parametrizations" not in name.split(".")
