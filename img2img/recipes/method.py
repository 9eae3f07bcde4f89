"""A method is data: networks, a flow, games and weighted losses, named in a YAML."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from img2img.config import build, choose, options
from img2img.engine.rules import Order, Term
from img2img.engine.schedule import SCHEDULES, Schedule
from img2img.flows import FLOWS
from img2img.losses import CRITIC_LOSSES, GAMES, GENERATOR_LOSSES
from img2img.recipes.terms import Weights, terms
from img2img.types import Flow, Game

PENALTY_NEEDS = (
    "a gradient penalty needs per-sample gradients, but this critic has batch normalisation: "
    "set critic.norm to none or instance, or take a critic that has it"
)

Spec = str | dict[str, Any]


@options
class Inference:
    """How results are made: normalisation by ``running`` or by the picture's own ``batch`` statistics; dropout on."""

    norm: Annotated[
        Literal["running", "batch"],
        Field(description="results are normalised by training's running statistics, or by the picture's own"),
    ] = "running"
    dropout: Annotated[bool, Field(description="keep dropout on when results are made (pix2pix)")] = False


@options
class Optimizers:
    """The optimiser of the generators and of the critics: a name, or a mapping with options."""

    generator: Annotated[Spec, Field(description="optimiser of the generators")] = "adam"
    critic: Annotated[Spec, Field(description="optimiser of the critics")] = "adam"


@options
class Method:
    """The keys of a method's YAML (besides ``data`` and ``train``, which a method may preset)."""

    description: Annotated[str, Field(description="what the method is, in a sentence")] = ""
    flow: Annotated[Spec, Field(description="how a batch becomes images, and what each critic is shown")] = "paired"
    generator: Annotated[
        Spec, Field(description="network that makes pictures; `inference` among its options says how results are made")
    ]
    critic: Annotated[Spec | None, Field(description="network that judges; null: the method has none")] = None
    conditional: Annotated[bool, Field(description="the critic sees the source beside the picture it judges")] = False
    games: Annotated[
        tuple[Spec, ...],
        Field(min_length=1, description="games of the generator; several: each makes a child of every parent (E-GAN)"),
    ] = ("non_saturating",)
    critic_game: Annotated[Spec | None, Field(description="game of the critic; null: the first of games")] = None
    generator_losses: Annotated[
        Weights, Field(min_length=1, description="losses the generator minimises; weight 0: only logged")
    ]
    critic_losses: Annotated[
        Weights, Field(description="losses and penalties the critic minimises; weight 0: only logged")
    ] = Field(default_factory=dict)
    critic_steps: Annotated[int, Field(ge=0, description="updates of the critic a step, each on its own batch")] = 1
    order: Annotated[
        Order,
        Field(description="who is updated first; alternate_batches: the generator takes the batch after the critic's"),
    ] = "critics_first"
    simultaneous: Annotated[bool, Field(description="both sides' gradients at the same weights, of one forward")] = (
        False
    )
    pool: Annotated[
        int, Field(ge=0, description="earlier fakes kept, of which the critic is shown some (CycleGAN: 50); 0: none")
    ] = 0
    parents: Annotated[int, Field(ge=1, description="generators that survive a step's selection (E-GAN)")] = 1
    fitness: Annotated[
        Spec | None, Field(description="what chooses among the children of several games; null with one game")
    ] = None
    optimizers: Optimizers = Field(default_factory=Optimizers)
    schedule: Annotated[Spec, Field(description="the learning rates' factor as a function of the step")] = "constant"
    ema_half_life_images: Annotated[
        float | None,
        Field(gt=0, description="half-life, in images, of the averaged weights that make results; null: no average"),
    ] = None
    tasks: Annotated[
        dict[str, dict[str, Any]], Field(description="keys that hold for a task alone, by the task's name")
    ] = Field(default_factory=dict)

    def build_flow(self) -> Flow:
        """How batches become images."""
        flow: Flow = choose(FLOWS, self.flow, "flow", "flow")
        return flow

    def build_schedule(self) -> Schedule:
        """The learning rates' factor as a function of the step."""
        schedule: Schedule = choose(SCHEDULES, self.schedule, "schedule", "schedule")
        return schedule

    def build_games(self) -> tuple[tuple[tuple[str, Game], ...], Game]:
        """(the generators' games by name, the critic's game)."""
        games = tuple((name_of(spec), choose(GAMES, spec, "game", "games")) for spec in self.games)
        critic = choose(GAMES, self.critic_game, "game", "critic_game") if self.critic_game else games[0][1]
        return games, critic

    def generator_terms(self) -> tuple[Term, ...]:
        """The generators' weighted losses."""
        return terms(self.generator_losses, GENERATOR_LOSSES, "generator_losses")

    def critic_terms(self) -> tuple[Term, ...]:
        """The critics' weighted losses and penalties."""
        return terms(self.critic_losses, CRITIC_LOSSES, "critic_losses")

    def penalised(self) -> bool:
        """Whether a critic loss differentiates the critic with respect to its input."""
        return any(getattr(term.loss, "penalty", False) for term in self.critic_terms())

    def generator_spec(self) -> tuple[dict[str, Any], Inference]:
        """The generator's name and options, apart from how it is used for results."""
        tree: dict[str, Any] = {"name": self.generator} if isinstance(self.generator, str) else dict(self.generator)
        inference: dict[str, Any] = tree.pop("inference", {})
        return tree, build(Inference, inference, "generator.inference")


def name_of(spec: Spec) -> str:
    """The name in a register that a spec (a name, or a mapping with ``name``) gives."""
    return spec if isinstance(spec, str) else str(spec.get("name"))
