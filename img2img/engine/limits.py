"""Limits put on weights after an optimiser's step, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Protocol

import torch
from pydantic import Field
from torch import Tensor

from img2img.config import choose, options

Most = Annotated[float, Field(gt=0)]
Pattern = Annotated[str | None, Field(description="pattern of the weights' names it holds for; null: all")]


class Limit(Protocol):
    """What is done to weights after each step."""

    def apply(self, weights: Mapping[str, Tensor]) -> None:
        """Change the weights (by name) in place; without gradient."""
        ...


def _matching(weights: Mapping[str, Tensor], pattern: str | None) -> list[Tensor]:
    return [weight for name, weight in weights.items() if pattern is None or fnmatchcase(name, pattern)]


@options
class Clip:
    """w <- clip(w, -most, most) (WGAN, Arjovsky et al. 2017, algorithm 1, line 7)."""

    most: Annotated[Most, Field(description="largest absolute weight")] = 0.01
    weights: Pattern = None

    def apply(self, weights: Mapping[str, Tensor]) -> None:
        for weight in _matching(weights, self.weights):
            weight.clamp_(-self.most, self.most)


@options
class RowNorm:
    """Rows of a weight (what leads to one output) are shrunk to a norm of at most ``most``; vectors are left alone."""

    most: Annotated[Most, Field(description="largest norm of the weights that lead to one output")] = 1.0
    weights: Pattern = None

    def apply(self, weights: Mapping[str, Tensor]) -> None:
        for weight in _matching(weights, self.weights):
            if weight.ndim > 1:
                norms = weight.flatten(1).norm(dim=1).clamp_min(1e-12)
                weight.mul_((self.most / norms).clamp(max=1).reshape(-1, *[1] * (weight.ndim - 1)))


LIMITS: dict[str, type] = {"clip": Clip, "row_norm": RowNorm}


def build_limits(specs: Sequence[str | Mapping[str, object]], clip_weights: float | None) -> list[Limit]:
    """The limits of an optimiser's options, ``clip_weights`` first.

    Raises:
        UserError: unknown names or options.
    """
    limits: list[Limit] = [Clip(most=clip_weights)] if clip_weights is not None else []
    return [*limits, *(choose(LIMITS, spec, "limit", "optimizers.*.limits") for spec in specs)]


def apply_limits(limits: list[Limit], weights: Mapping[str, Tensor]) -> None:
    """All of them, in order."""
    with torch.no_grad():
        for limit in limits:
            limit.apply(weights)
