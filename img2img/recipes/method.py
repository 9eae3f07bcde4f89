"""A method is data: networks, a flow, games and weighted losses, named in a YAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import nn

from img2img.compute.distributed import World
from img2img.config import build, choose, options
from img2img.engine.optimizers import OPTIMIZERS, OptimizerOptions
from img2img.engine.player import Player
from img2img.engine.pool import ImagePool
from img2img.engine.rules import Order, Rules, Term
from img2img.engine.schedule import SCHEDULES, Schedule
from img2img.errors import UserError
from img2img.flows import FLOWS
from img2img.losses import CRITIC_LOSSES, FITNESS, GAMES, GENERATOR_LOSSES
from img2img.networks import CRITICS, GENERATORS
from img2img.networks.init import initialize
from img2img.randomness import torch_generator
from img2img.types import Flow, Game

PENALTY_NEEDS = (
    "a gradient penalty needs per-sample gradients, but this critic has batch normalisation: "
    "set critic.norm to none or instance, or take a critic that has it"
)

Spec = str | dict[str, Any]
Weights = dict[str, float | dict[str, Any]]


@options
class Inference:
    """How results are made: normalisation by ``running`` or by the picture's own ``batch`` statistics; dropout on."""

    norm: Literal["running", "batch"] = "running"
    dropout: bool = False


@options
class Optimizers:
    """The optimiser of the generators and of the critics: a name, or a mapping with options."""

    generator: Spec = "adam"
    critic: Spec = "adam"


@options
class Method:
    """The keys of a method's YAML (besides ``data`` and ``train``, which a method may preset)."""

    description: str = ""
    flow: Spec = "paired"
    generator: Spec
    critic: Spec | None = None
    conditional: bool = False
    games: Annotated[tuple[Spec, ...], Field(min_length=1)] = ("non_saturating",)
    critic_game: Spec | None = None
    generator_losses: Annotated[Weights, Field(min_length=1)]
    critic_losses: Weights = Field(default_factory=dict)
    critic_steps: Annotated[int, Field(ge=0)] = 1
    order: Order = "critics_first"
    simultaneous: bool = False
    pool: Annotated[int, Field(ge=0)] = 0
    parents: Annotated[int, Field(ge=1)] = 1
    fitness: Spec | None = None
    optimizers: Optimizers = Field(default_factory=Optimizers)
    schedule: Spec = "constant"
    ema_half_life_images: Annotated[float | None, Field(gt=0)] = None
    tasks: dict[str, dict[str, Any]] = Field(default_factory=dict)

    def build_flow(self) -> Flow:
        """How batches become images."""
        flow: Flow = choose(FLOWS, self.flow, "flow", "flow")
        return flow

    def build_schedule(self) -> Schedule:
        """The learning rates' factor as a function of the step."""
        schedule: Schedule = choose(SCHEDULES, self.schedule, "schedule", "schedule")
        return schedule

    def generator_spec(self) -> tuple[dict[str, Any], Inference]:
        """The generator's name and options, apart from how it is used for results."""
        tree: dict[str, Any] = {"name": self.generator} if isinstance(self.generator, str) else dict(self.generator)
        inference: dict[str, Any] = tree.pop("inference", {})
        return tree, build(Inference, inference, "generator.inference")

    def build_generators(self, source: int, target: int, size: int | None) -> nn.ModuleDict:
        """The generators by name for data of the given channels and training crop (uninitialised)."""
        spec, _ = self.generator_spec()
        maker = choose(GENERATORS, spec, "generator", "generator")
        flow = self.build_flow()
        channels = flow.channels(source, target)
        return nn.ModuleDict(
            {
                name: maker.build(in_channels=given, out_channels=made, size=size)
                for name, (given, made) in zip(flow.networks, channels, strict=True)
            }
        )

    def build_critics(self, source: int, target: int, size: int | None) -> nn.ModuleDict | None:
        """The critics by name, or None where the method has none."""
        if self.critic is None:
            return None
        maker = choose(CRITICS, self.critic, "critic", "critic")
        flow = self.build_flow()
        channels = flow.critic_channels(source, target, self.conditional)
        critics = nn.ModuleDict(
            {
                name: maker.build(in_channels=given, size=size)
                for name, given in zip(flow.critics, channels, strict=True)
            }
        )
        if self._penalised() and any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in critics.modules()):
            raise UserError(PENALTY_NEEDS)
        return critics

    def _penalised(self) -> bool:
        """Whether a critic loss differentiates the critic with respect to its input."""
        critic_terms = terms(self.critic_losses, CRITIC_LOSSES, "critic_losses")
        return any(getattr(term.loss, "penalty", False) for term in critic_terms)

    def build_games(self) -> tuple[tuple[tuple[str, Game], ...], Game]:
        """(the generators' games by name, the critic's game)."""
        games = tuple((_name(spec), choose(GAMES, spec, "game", "games")) for spec in self.games)
        critic = choose(GAMES, self.critic_game, "game", "critic_game") if self.critic_game else games[0][1]
        return games, critic

    def rules(self) -> Rules:
        """What the step needs to know; a `UserError` names what makes no sense together."""
        self.check()
        games, critic_game = self.build_games()
        fitness = choose(FITNESS, self.fitness, "fitness", "fitness") if self.fitness else None
        return Rules(
            flow=self.build_flow(),
            conditional=self.conditional,
            games=games,
            critic_game=critic_game,
            generator_losses=terms(self.generator_losses, GENERATOR_LOSSES, "generator_losses"),
            critic_losses=terms(self.critic_losses, CRITIC_LOSSES, "critic_losses"),
            fitness=fitness,
            parents=self.parents,
            critic_steps=self.critic_steps if self.critic is not None else 0,
            order=self.order,
            simultaneous=self.simultaneous,
        )

    def check(self) -> None:
        """Refuse combinations without sense.

        Raises:
            UserError: naming the keys.
        """
        choose(GENERATORS, self.generator_spec()[0], "generator", "generator")
        for player in ("generator", "critic"):
            choose(OPTIMIZERS, getattr(self.optimizers, player), "optimizer", f"optimizers.{player}")
        self.build_schedule()
        generator_terms = terms(self.generator_losses, GENERATOR_LOSSES, "generator_losses")
        critic_terms = terms(self.critic_losses, CRITIC_LOSSES, "critic_losses")
        flow = self.build_flow()
        critic = None if self.critic is None else choose(CRITICS, self.critic, "critic", "critic")
        if critic is None:
            if critic_terms:
                raise UserError("critic_losses are given, but critic is null: name a critic or drop the losses")
            for term in generator_terms:
                if needs(term.loss) & {"critic", "features"}:
                    raise UserError(f"generator_losses.{term.name} needs a critic, but critic is null")
        elif not any(term.weight for term in critic_terms):
            raise UserError("a critic without a critic loss never learns: give critic_losses a weight, or critic: null")
        if self.conditional and flow.critic_channels(1, 1, True) == flow.critic_channels(1, 1, False):
            raise UserError(f"conditional: true has no meaning in flow {_name(self.flow)!r}")
        made = {f"image:{name}" for name in flow.makes}
        for term in generator_terms:
            missing = {need for need in needs(term.loss) if need.startswith("image:")} - made
            if missing:
                names = ", ".join(sorted(name.removeprefix("image:") for name in missing))
                here = f"generator_losses.{term.name} needs images that flow {_name(self.flow)!r}"
                raise UserError(f"{here} does not make: {names}")
        # a critic without this key is looked at when it is built
        if self._penalised() and getattr(critic, "norm", None) == "batch":
            raise UserError(PENALTY_NEEDS)
        if self.simultaneous and (self.critic_steps != 1 or self.parents > 1 or len(self.games) > 1):
            raise UserError("simultaneous: true needs critic_steps: 1, one parent and one game")
        if self.simultaneous and self.order != "critics_first":
            raise UserError("simultaneous: true and order contradict each other: leave order at critics_first")
        selects = len(self.games) > 1
        if selects and self.fitness is None:
            raise UserError("several games make children to choose from: name a fitness")
        if self.fitness is not None and not selects:
            raise UserError("a fitness chooses among the children of several games, but games has one entry")
        if self.fitness is not None and self.critic is None:
            raise UserError("a fitness needs a critic, but critic is null")
        if self.fitness is not None:
            fitness = choose(FITNESS, self.fitness, "fitness", "fitness")
            if getattr(fitness, "needs_probability", False) and not self.build_games()[1].cross_entropy:
                raise UserError(
                    f"fitness {_name(self.fitness)!r} reads the critic's logits as probabilities of real, which "
                    f"critic_game {_name(self.critic_game or self.games[0])!r} does not teach: take minimax"
                )
        if self.critic is None and (self.pool or self.order == "alternate_batches"):
            raise UserError("pool and order: alternate_batches are about the critic, but critic is null")
        if self.parents > 1 and not selects:
            raise UserError("several parents are only told apart by selection: give games more than one entry")
        if self.parents > 1 and self.order == "generator_first":
            raise UserError("order: generator_first is defined for one parent")
        if self.pool and selects:
            raise UserError("an image pool and a population cannot be used together: set pool: 0")

    def accumulation_obstacle(self) -> str | None:
        """Why gradients cannot be summed over micro-batches, or None: something looks across the batch."""
        critic_terms = terms(self.critic_losses, CRITIC_LOSSES, "critic_losses")
        for term in (*terms(self.generator_losses, GENERATOR_LOSSES, "generator_losses"), *critic_terms):
            if getattr(term.loss, "across_batch", False):
                return f"the loss {term.name!r} takes its statistic over the whole batch"
        games, critic_game = self.build_games()
        for name, game in (*games, (_name(self.critic_game or self.games[0]), critic_game)):
            if game.needs_real:
                return f"the game {name!r} compares with the mean of the whole batch"
        if self.fitness:
            return "fitness is measured over the whole batch"
        if self.simultaneous:
            return "simultaneous updates use one forward of the whole batch"
        return None


def _name(spec: Spec) -> str:
    return spec if isinstance(spec, str) else str(spec.get("name"))


def needs(loss: Any) -> frozenset[str]:
    """What a loss asks of a view."""
    wanted: frozenset[str] = getattr(loss, "needs", frozenset())
    return wanted


def terms(weights: Weights, register: Mapping[str, type[Any]], where: str) -> tuple[Term, ...]:
    """The losses of a ``{name: weight}`` or ``{name: {weight: ..., option: ...}}`` mapping."""
    result = []
    for name, value in weights.items():
        tree = {"weight": value} if not isinstance(value, dict) else dict(value)
        weight = tree.pop("weight", 1.0)
        if isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0:
            raise UserError(f"{where}.{name}: a weight is a number of at least 0, got {weight!r}")
        loss = choose(register, {"name": name, **tree}, "loss", where)
        result.append(Term(name, float(weight), loss))
    return tuple(result)


def build_players(
    method: Method,
    *,
    source: int,
    target: int,
    size: int | None,
    seed: int,
    init: str,
    world: World,
    scaled: bool,
) -> tuple[list[Player], Player | None, dict[str, ImagePool]]:
    """Parents, critics and pools of a method, initialised from the seed, on the world's device."""
    generator_options: OptimizerOptions = choose(
        OPTIMIZERS, method.optimizers.generator, "optimizer", "optimizers.generator"
    )
    critic_options: OptimizerOptions = choose(OPTIMIZERS, method.optimizers.critic, "optimizer", "optimizers.critic")
    if scaled and not (generator_options.fused and critic_options.fused):
        raise UserError("train.precision=fp16 needs optimisers that can skip an update (adam, sgd): use bf16")

    def ready(networks: nn.ModuleDict, stream: str, number: int) -> nn.ModuleDict:
        for name, network in networks.items():
            initialize(network, init, torch_generator(seed, f"init/{stream}/{name}", number))
            # tensor cores want channels last; on CPUs it depends on the network's shapes
            last = world.device.type == "cuda" or getattr(network, "channels_last", False)
            if last:
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return networks.to(world.device)

    parents = [
        Player(
            ready(method.build_generators(source, target, size), "generator", number),
            generator_options,
            world,
            ema_half_life_images=method.ema_half_life_images,
            scaled=scaled,
        )
        for number in range(method.parents)
    ]
    networks = method.build_critics(source, target, size)
    critics = None
    if networks is not None:
        critics = Player(ready(networks, "critic", 0), critic_options, world, scaled=scaled)
    pools = {name: ImagePool(method.pool) for name in (networks or {})}
    return parents, critics, pools
