"""What the step is told of a method: the losses of both sides, the games, and the order of play."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from img2img.engine.selection import Selection
from img2img.types import Flow, ForwardView, Game

Order = Literal["critics_first", "generator_first", "alternate_batches"]


@dataclass(frozen=True)
class Term:
    """One loss with its name (its log key) and weight; weight 0 is only logged.

    With ``every`` k it is computed in each k-th step alone, k times as heavy (lazy regularisation, Karras et al. 2020,
    section 3.1).
    """

    name: str
    weight: float
    loss: Callable[[ForwardView], Tensor]
    every: int = 1


@dataclass(frozen=True)
class Mutation:
    """What makes a child of a parent: a game of the generator, with weights in place of its losses' own by name."""

    name: str
    game: Game
    weights: Mapping[str, float] = field(default_factory=dict)

    def weight(self, term: Term) -> float:
        """How heavy a loss is for this child."""
        return self.weights.get(term.name, term.weight)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """All that a step knows of a method."""

    flow: Flow
    conditional: bool
    games: tuple[Mutation, ...]
    critic_game: Game
    generator_losses: tuple[Term, ...]
    critic_losses: tuple[Term, ...]
    fitness: Callable[[ForwardView], Tensor] | None
    fitness_samples: int | None
    selection: Selection
    parents_compete: bool
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
