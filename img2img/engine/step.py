"""One step of every method: critics against generators, whatever their number and their games."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from img2img.compute.distributed import World
from img2img.compute.precision import Precision
from img2img.compute.random import NamedRandom
from img2img.engine.forward import Forward, StepLog, View
from img2img.engine.player import Player
from img2img.engine.pool import ImagePool
from img2img.engine.population import select
from img2img.losses.games import at_least_fp32
from img2img.randomness import stable_seed
from img2img.types import Batch, Flow, Game, Scene

Order = Literal["critics_first", "generator_first", "alternate_batches"]


@dataclass(frozen=True)
class Term:
    """One loss with its name (its log key) and weight; weight 0 is only logged."""

    name: str
    weight: float
    loss: Callable[[Scene], Tensor]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """All that a step knows of a method."""

    flow: Flow
    conditional: bool
    games: tuple[tuple[str, Game], ...]
    critic_game: Game
    generator_losses: tuple[Term, ...]
    critic_losses: tuple[Term, ...]
    fitness: Callable[[Scene], Tensor] | None
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


@contextmanager
def frozen_statistics(networks: Sequence[nn.Module]) -> Iterator[None]:
    """Within, normalisation judges by the batch and moves no running statistics."""
    norms = [
        module
        for network in networks
        for module in network.modules()
        if isinstance(module, nn.modules.batchnorm._NormBase) and module.track_running_stats
    ]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


class Engine:
    """The players of one training and the step that moves them.

    Args:
        rules: what the method says.
        parents: the generators' players (one is the ordinary case).
        critics: one player that holds all critics, or None.
        pools: an image pool for each critic.
        batch: images in a global batch.
        accumulate: micro-batches whose gradients are summed before an update.
    """

    def __init__(
        self,
        rules: Rules,
        parents: list[Player],
        critics: Player | None,
        pools: dict[str, ImagePool],
        *,
        world: World,
        precision: Precision,
        seed: int,
        batch: int,
        accumulate: int = 1,
    ) -> None:
        self.rules = rules
        self.parents = parents
        self.critics = critics
        self.pools = pools
        self.world = world
        self.precision = precision
        self.seed = seed
        self.batch = batch
        self.accumulate = accumulate
        self.notes = StepLog(world.device)

    def step(self, step: int, batches: Sequence[Batch], rate_factor: float = 1.0) -> None:
        """Update every player once (critics ``critic_steps`` times).

        ``batches``: ``rules.batches`` shares of global batches, on the device.
        """
        rules = self.rules
        self.notes.critic_forwards = 0
        shares = [self._micro(batch) for batch in batches]
        last = max(0, rules.critic_steps - 1)
        if rules.order == "generator_first":
            stages = self._stages(step, "step0", self.parents[0], shares[0], own=True)
            self._generators(step, [stages], rate_factor)
            for k in range(rules.critic_steps):
                self._critics(step, stages if k == 0 else self._crowd(step, k, shares[k]), rate_factor)
            self._finish(step, shares[0])
            return
        reuse = self._reusable()
        kept: list[Forward] | None = None
        for k in range(rules.critic_steps):
            if reuse and k == last:
                kept = self._stages(step, f"step{k}", self.parents[0], shares[k], own=True)
            self._critics(step, kept or self._crowd(step, k, shares[k]), rate_factor)
        scenes: list[Any]
        if kept is not None:
            scenes = [kept]
        else:
            tag = "generator" if rules.critic_steps else "step0"
            scenes = [self._stages(step, tag, parent, shares[-1], own=True) for parent in self.parents]
        self._generators(step, scenes, rate_factor)
        self._finish(step, shares[-1])

    def _reusable(self) -> bool:
        """Whether the critic's last scene serves the generator's update: nothing in it has changed by then."""
        rules = self.rules
        redraws = rules.flow.redraws or rules.order == "alternate_batches"
        return not redraws and len(self.parents) == 1 and self.accumulate == 1 and rules.critic_steps > 0

    def _micro(self, batch: Batch) -> list[Batch]:
        """The micro-batches of a share."""
        if self.accumulate == 1:
            return [batch]
        size = len(batch) // self.accumulate
        return [batch.map(lambda t, i=i: t[i * size : (i + 1) * size]) for i in range(self.accumulate)]  # type: ignore[misc]

    def _stages(self, step: int, tag: str, parent: Player, shares: list[Batch], *, own: bool) -> Any:
        """One stage a micro-batch, made when asked for (all graphs at once would undo the saving of accumulation)."""
        if len(shares) == 1:
            return [self._stage(step, tag, [parent], shares[0], 0, own=own)]
        return _Lazy(
            [
                lambda i=i, share=share: self._stage(step, tag, [parent], share, i * len(share), own=own)  # type: ignore[misc]
                for i, share in enumerate(shares)
            ]
        )

    def _crowd(self, step: int, k: int, shares: list[Batch]) -> Any:
        """Scenes for the critics alone: each parent makes its part of the batch, without a graph of its own."""
        return _Lazy(
            [
                lambda i=i, share=share: self._stage(step, f"step{k}", self.parents, share, i * len(share), own=False)  # type: ignore[misc]
                for i, share in enumerate(shares)
            ]
        )

    def _stage(
        self,
        step: int,
        tag: str,
        parents: Sequence[Player],
        batch: Batch,
        offset: int,
        *,
        own: bool,
        networks: Callable[[Player], nn.ModuleDict] = lambda player: player.networks,
        shared: dict[str, Tensor] | None = None,
    ) -> Forward:
        """One scene. ``own``: made for the generator's update, so with a graph and moving its running statistics."""
        rules = self.rules
        share = self.batch // self.world.size
        draws = NamedRandom(self.seed, step, tag, self.world.rank * share + offset, self.batch, self.world.device)
        batch = rules.flow.prepare(batch, draws)
        torch.manual_seed(stable_seed(self.seed, "dropout", step, tag, self.world.rank, offset))
        modules = [networks(parent) for parent in parents]
        with ExitStack() as stack:
            stack.enter_context(torch.set_grad_enabled(own))
            stack.enter_context(self.precision.autocast())
            if not own:
                stack.enter_context(frozen_statistics(modules))
            if len(modules) == 1:
                images = rules.flow.images(dict(modules[0].items()), batch)
            else:
                images = self._shared_images(modules, batch, draws.start)
        images = {name: at_least_fp32(image) for name, image in images.items()}
        return Forward(
            batch=batch,
            images=images,
            matches=rules.flow.matches(batch, images, rules.conditional) if self.critics else (),
            critics=self.critics,
            pools=self.pools,
            draws=draws,
            world=self.world,
            precision=self.precision,
            notes=self.notes,
            joint=rules.simultaneous,
            shared={} if shared is None else shared,
        )

    def _shared_images(self, modules: list[nn.ModuleDict], batch: Batch, start: int) -> dict[str, Tensor]:
        """Each generator makes every len(modules)-th sample of the global batch; samples keep their places."""
        rows = torch.arange(len(batch), device=self.world.device)
        owner = (rows + start) % len(modules)
        mine = [rows[owner == place] for place in range(len(modules))]
        parts = [
            self.rules.flow.images(dict(module.items()), batch.map(lambda t, own=own: t[own]))  # type: ignore[misc]
            for module, own in zip(modules, mine, strict=True)
            if len(own)
        ]
        back = torch.argsort(torch.cat(mine))
        return {name: torch.cat([part[name] for part in parts])[back] for name in parts[0]}

    def _objective(self, view: View, terms: Sequence[Term], prefix: str) -> Tensor | None:
        """The weighted sum of losses; None where every weight is 0."""
        total: Tensor | None = None
        for term in terms:
            value = term.loss(view)
            self.notes.add(f"{prefix}/{term.name}", value)
            if term.weight:
                total = term.weight * value if total is None else total + term.weight * value
        if total is not None:
            self.notes.check(total)
        return total

    def _critic_objective(self, stage: Forward) -> Tensor | None:
        return self._objective(
            stage.seen_by("critic", self.rules.critic_game, "critic"), self.rules.critic_losses, "critic"
        )

    def _generator_objective(self, stage: Forward, name: str, game: Game) -> Tensor | None:
        prefix = "generator" if len(self.rules.games) == 1 else f"generator[{name}]"
        return self._objective(stage.seen_by("generator", game, prefix), self.rules.generator_losses, prefix)

    def _critics(self, step: int, stages: Any, rate_factor: float) -> None:
        """One update of the critics on the scenes of one batch (put off to the generators' where simultaneous)."""
        if self.critics is None or self.rules.simultaneous:
            return
        gradients: list[Tensor] | None = None
        for stage in stages:
            objective = self._critic_objective(stage)
            if objective is not None:
                gradients = _sum(gradients, self.critics.gradients(objective / self.accumulate))
            stage.forget()
        if gradients is not None:
            self.critics.apply(gradients, rate_factor)

    def _generators(self, step: int, scenes: list[Any], rate_factor: float) -> None:
        """Every parent plays every game; the children take the parents' place (chosen later where they are more)."""
        children: list[Player] = []
        games = self.rules.games
        for parent, stages in zip(self.parents, scenes, strict=True):
            sums: list[list[Tensor] | None] = [None] * len(games)
            for stage in stages:
                critic_gradients = self._simultaneous_critics(stage)
                for place, (name, game) in enumerate(games):
                    objective = self._generator_objective(stage, name, game)
                    if objective is None:
                        continue
                    again = place + 1 < len(games)
                    sums[place] = _sum(sums[place], parent.gradients(objective / self.accumulate, retain=again))
                stage.forget()
                if critic_gradients is not None and self.critics is not None:
                    self.critics.apply(critic_gradients, rate_factor)
            brood = [parent] if len(games) == 1 else [parent.fork() for _ in games]
            for child, gradients in zip(brood, sums, strict=True):
                if gradients is not None:
                    child.apply(gradients, rate_factor)
            children += brood
        self.parents = children

    def _simultaneous_critics(self, stage: Forward) -> list[Tensor] | None:
        """The critics' gradients at the same weights as the generator's, from the same forwards."""
        if not self.rules.simultaneous or self.critics is None:
            return None
        objective = self._critic_objective(stage)
        return None if objective is None else self.critics.gradients(objective, retain=True)

    def _finish(self, step: int, shares: list[Batch]) -> None:
        """Selection where there is a choice, then the moving averages."""
        if self.rules.selects:
            self.parents = select(self.parents, self.fitness(step, shares, self.parents), self.rules.parents)
        for parent in self.parents:
            if parent.ema is not None:
                parent.ema.update(parent.networks, self.batch)

    def fitness(
        self,
        step: int,
        shares: list[Batch],
        players: Sequence[Player],
        networks: Callable[[Player], nn.ModuleDict] = lambda player: player.networks,
    ) -> Tensor:
        """(players,) fitness under the critics as they are, all on the same batch and the same draws."""
        if self.rules.fitness is None:
            return torch.zeros(len(players))
        shared: dict[str, Tensor] = {}
        scores = []
        for player in players:
            parts = []
            for i, share in enumerate(shares):
                stage = self._stage(
                    step, "fitness", [player], share, i * len(share), own=False, networks=networks, shared=shared
                )
                parts.append(self.rules.fitness(stage.seen_by("critic", self.rules.critic_game, "fitness")).detach())
            scores.append(torch.stack(parts).mean())
        result = torch.stack(scores)
        self.notes.add("fitness/best", result.max())
        self.notes.add("fitness/spread", result.max() - result.min())
        return result

    def state_dict(self) -> dict[str, Any]:
        """All that moves: players and critics; pools are each process's own (`local_state`)."""
        return {
            "parents": [parent.state_dict() for parent in self.parents],
            "critics": self.critics.state_dict() if self.critics else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if len(state["parents"]) != len(self.parents):
            raise ValueError("another number of parents")
        for parent, saved in zip(self.parents, state["parents"], strict=True):
            parent.load_state_dict(saved)
        if self.critics is not None:
            self.critics.load_state_dict(state["critics"])

    def local_state(self) -> dict[str, Any]:
        """What is each process's own: its pools, and what it has noted since the last log line."""
        notes = {"sums": dict(self.notes.sums), "counts": dict(self.notes.counts), "bad": self.notes.bad}
        return {"pools": {name: pool.state_dict() for name, pool in self.pools.items()}, "notes": notes}

    def load_local_state(self, state: dict[str, Any]) -> None:
        """Go on from a `local_state` of the process of the same rank."""
        for name, pool in self.pools.items():
            pool.load_state_dict(state["pools"][name], self.world.device)
        device = self.world.device
        self.notes.sums = {name: value.clone().to(device) for name, value in state["notes"]["sums"].items()}
        self.notes.counts = dict(state["notes"]["counts"])
        self.notes.bad = state["notes"]["bad"].clone().to(device)


class _Lazy:
    """Stages made one at a time when first asked for, and kept: whoever asks again is shown the same images."""

    def __init__(self, makers: list[Callable[[], Forward]]) -> None:
        self.makers = makers
        self.made: list[Forward] = []

    def __iter__(self) -> Iterator[Forward]:
        for place, make in enumerate(self.makers):
            if place == len(self.made):
                self.made.append(make())
            yield self.made[place]


def _sum(total: list[Tensor] | None, gradients: list[Tensor]) -> list[Tensor]:
    if total is None:
        return gradients
    torch._foreach_add_(total, gradients)
    return total
