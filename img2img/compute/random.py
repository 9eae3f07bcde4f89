"""Random numbers of one forward, by name; each process takes the rows of its own samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from img2img.compute.transfer import moved
from img2img.randomness import torch_generator


def seed_torch(seed: int, device: torch.device) -> None:
    """Seed torch's own generators, which dropout draws from, for work on ``device``.

    For each kind of device that might still be started ``torch.manual_seed`` notes from where it was called: half a
    millisecond, of which a step on a CPU has no use.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


@dataclass(frozen=True)
class NamedRandom:
    """Numbers are functions of (seed, step, forward, name): the whole global batch's are drawn, ``rows`` are kept.

    So the number of processes and of micro-batches changes none of them.
    """

    seed: int
    step: int
    forward: str
    start: int
    total: int
    device: torch.device

    def __call__(self, name: str, shape: Sequence[int]) -> Tensor:
        """Uniform [0, 1) float32 of ``shape``; ``shape[0]`` samples from ``start`` on out of ``total``."""
        generator = torch_generator(self.seed, name, self.step, self.forward)
        numbers = torch.rand((self.total, *shape[1:]), generator=generator)
        return moved(numbers[self.start : self.start + shape[0]], self.device)
