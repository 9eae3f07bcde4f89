"""A method is data: networks, a flow, games and weighted losses, named in a YAML."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import Field

from img2img.config import build, choose, options
from img2img.engine.rules import Mutation, Order, Term
from img2img.engine.schedule import SCHEDULES, BySide, Schedule
from img2img.engine.selection import SELECTIONS, Selection
from img2img.errors import UserError, unknown
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
        Field(
            min_length=1,
            description="games of the generator; each of several makes a child (E-GAN), by its own `losses` weights",
        ),
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
    fitness_samples: Annotated[
        int | None, Field(ge=1, description="samples fitness is judged on (E-GAN: 256); null: the training batch")
    ] = None
    survival: Annotated[
        Spec, Field(description="how children are chosen by fitness: best, pareto (NSGA-II) or random")
    ] = "best"
    parents_compete: Annotated[
        bool, Field(description="parents stand for choice beside their children, judged anew")
    ] = False
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
        """The learning rates' factor as a function of the step, one for all or one for each side.

        Raises:
            UserError: unknown schedules or options.
        """
        sides: dict[str, Schedule] = {
            side: choose(SCHEDULES, spec, "schedule", where)
            for side, spec, where in by_name(self.schedule, ("generator", "critic"), "schedule")
        }
        one, other = sides.values()
        return one if one == other else BySide(one, other)

    def build_games(self) -> tuple[tuple[Mutation, ...], Game]:
        """(what makes the generators' children, the critic's game).

        Raises:
            UserError: unknown games or options; weights for losses that the generator does not have.
        """
        mutations: list[Mutation] = []
        for spec in self.games:
            tree: dict[str, Any] = {"name": spec} if isinstance(spec, str) else dict(spec)
            weights = self._checked_weights(tree.pop("losses", {}))
            game: Game = choose(GAMES, tree, "game", "games")
            name = name_of(spec)
            # the same game with other weights is another mutation, and needs a log key of its own
            again = sum(mutation.name.partition("#")[0] == name for mutation in mutations)
            mutations.append(Mutation(f"{name}#{again + 1}" if again else name, game, weights))
        critic = choose(GAMES, self.critic_game, "game", "critic_game") if self.critic_game else mutations[0].game
        return tuple(mutations), critic

    def _checked_weights(self, weights: Any) -> dict[str, float]:
        if not isinstance(weights, dict):
            raise UserError(f"games: losses must hold weights by name, got {weights!r}")
        for loss, weight in weights.items():
            if loss not in self.generator_losses:
                raise unknown("loss", str(loss), self.generator_losses, "games: losses")
            if isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0:
                raise UserError(f"games: losses.{loss}: a weight is a number of at least 0, got {weight!r}")
        return {str(loss): float(weight) for loss, weight in weights.items()}

    def build_selection(self) -> Selection:
        """How the next parents are chosen among the children."""
        selection: Selection = choose(SELECTIONS, self.survival, "selection", "survival")
        return selection

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


def by_name(spec: Spec, names: Sequence[str], key: str) -> list[tuple[str, Spec, str]]:
    """(name, spec, key) of each of ``names``: one spec for all, where none of its keys is one of them; else its own.

    Names without a spec of their own have what stands beside: ``{name: resnet, to_source: {name: unet}}``. A key may be
    a pattern of names (``head*``).

    Raises:
        UserError: a name has neither.
    """
    if isinstance(spec, str):
        return [(name, spec, key) for name in names]
    own = {name: option for name in names for option in reversed(spec) if fnmatchcase(name, option)}
    own |= {name: name for name in names if name in spec}
    if not own:
        return [(name, spec, key) for name in names]
    common = {option: value for option, value in spec.items() if option not in own.values()}
    missing = [name for name in names if name not in own] if "name" not in common else []
    if missing:
        raise UserError(f"{key}: says nothing of {', '.join(missing)}; give it too, or a name for all the others")
    return [(name, spec[own[name]], f"{key}.{own[name]}") if name in own else (name, common, key) for name in names]


def name_of(spec: Spec) -> str:
    """The name in a register that a spec (a name, or a mapping with ``name``) gives."""
    return spec if isinstance(spec, str) else str(spec.get("name"))
