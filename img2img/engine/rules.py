"""What the step is told of a method: the losses of both sides, the games, and the order of play."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from img2img.types import Flow, ForwardView, Game

Order = Literal["critics_first", "generator_first", "alternate_batches"]


@dataclass(frozen=True)
class Term:
    """One loss with its name (its log key) and weight; weight 0 is only logged."""

    name: str
    weight: float
    loss: Callable[[ForwardView], Tensor]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """All that a step knows of a method."""

    flow: Flow
    conditional: bool
    games: tuple[tuple[str, Game], ...]
    critic_game: Game
    generator_losses: tuple[Term, ...]
    critic_losses: tuple[Term, ...]
    fitness: Callable[[ForwardView], Tensor] | None
    parents: int
    critic_steps: int
    order: Order
    simultaneous: bool

    @property
    def batches(self) -> int:
        """How many batches of data one step takes."""
        return max(1, self.critic_steps) + (self.order == "alternate_batches")

    @property
    def selects(self) -> bool:
        """Whether there is a choice among children."""
        return self.parents * len(self.games) > self.parents
