"""Where the modes of the toy mixtures lie."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def mixture_modes(shape: str) -> tuple[Tensor, float] | None:
    """(centres (K, 2) float64, standard deviation in each coordinate) of a mixture of `MIXTURES`; None: it has none."""
    if shape == "8gaussians":
        turns = torch.arange(8, dtype=torch.float64) * math.pi / 4
        return torch.stack([turns.cos(), turns.sin()], 1) * 2 / 1.414, 0.02 / 1.414
    if shape == "25gaussians":
        steps = (torch.arange(5, dtype=torch.float64) - 2) * 2 / 2.828
        return torch.cartesian_prod(steps, steps), 0.05 / 2.828
    return None
