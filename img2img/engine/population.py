"""Which children become parents: the survivors of a generation (E-GAN, Wang et al. 2019, algorithm 1)."""

from __future__ import annotations

import torch
from torch import Tensor

from img2img.engine.player import Player


def survivors(fitness: Tensor, count: int) -> list[int]:
    """Indices of the ``count`` fittest, the fittest first; ties go to the earlier child, nan comes last.

    ``fitness`` (children,) is the same in every process, so the choice is too.
    """
    # F_1 > F_2 > ...: the first ``count`` survive (E-GAN, algorithm 1)
    scores = torch.nan_to_num(fitness.detach().cpu().double(), nan=-float("inf"), posinf=float("inf"))
    order = sorted(range(len(scores)), key=lambda child: (-scores[child].item(), child))
    return order[:count]


def select(children: list[Player], fitness: Tensor, count: int) -> list[Player]:
    """The ``count`` fittest children (the parents die: scores of different generations cannot be compared)."""
    return [children[index] for index in survivors(fitness, count)]
