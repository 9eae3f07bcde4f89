"""One step of every method: critics against generators, whatever their number and their games."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from img2img.compute.distributed import World
from img2img.compute.precision import Precision
from img2img.compute.random import NamedRandom, seed_torch
from img2img.engine.ema import Ema, tracking
from img2img.engine.forward import Forward, Forwards, StepLog, View
from img2img.engine.player import GradientSum, Player
from img2img.engine.pool import ImagePool
from img2img.engine.rules import Mutation, Rules, Term
from img2img.engine.schedule import Rates, factor_of
from img2img.engine.turns import Turn, turns
from img2img.losses.games import at_least_fp32
from img2img.randomness import stable_seed
from img2img.types import Batch


@contextmanager
def frozen_statistics(networks: Sequence[nn.Module]) -> Iterator[None]:
    """Within, normalisation judges by the batch and moves no running statistics."""
    norms = tracking(networks)
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
        self.log = StepLog(world.device)

    @property
    def players(self) -> list[Player]:
        """All players: the parents, then the critics where there are any."""
        return [*self.parents, *([self.critics] if self.critics is not None else [])]

    @property
    def batches(self) -> int:
        """How many batches of data one step takes: those of its turns, then those that fitness is judged on."""
        samples = self.rules.fitness_samples
        return self.rules.batches + (-(-samples // self.batch) if samples and self.rules.selects else 0)

    def step(self, step: int, batches: Sequence[Batch], rates: Rates = 1.0) -> None:
        """Play every turn once, choose the survivors where there is a choice, move the averages.

        ``batches``: as many shares of global batches as `batches` says, on the device.
        """
        self.log.critic_forwards = 0
        # D0 .. Dn, then G (Goodfellow et al. 2014, algorithm 1; Isola et al. 2017, section 3.3: one step of each), or
        # another order that the method names
        parts = [batch.chunks(self.accumulate) for batch in batches]
        before = self.parents
        play = turns(self.rules, self.accumulate)
        generators = next(turn for turn in play if turn.side != "critic")
        forwards: dict[str, list[Forwards]] = {}
        for turn in play:
            if turn.forward not in forwards:
                graph = turn.forward == generators.forward
                # critics alone look at a crowd: of their m fakes each of mu parents makes m / mu, without a graph
                # (E-GAN, Wang et al. 2019, algorithm 1). For its own update a parent makes the whole batch
                crews = [[parent] for parent in self.parents] if graph else [self.parents]
                makers = [partial(self.forward, step, turn.forward, crew, graph=graph) for crew in crews]
                forwards[turn.forward] = [Forwards(make, parts[turn.batch]) for make in makers]
            self._play(step, turn, forwards[turn.forward], rates)
        if self.rules.selects:
            # the fittest children are the next parents (E-GAN, algorithm 1). Their parents die, or compete by values
            # under the same critic: old ones, given by older critics, could not be compared
            candidates = [*self.parents, *(before if self.rules.parents_compete else ())]
            judged_on = batches[self.rules.batches :] or [batches[generators.batch]]
            values = self.fitness(step, judged_on, candidates)
            lots = NamedRandom(self.seed, step, "selection", 0, len(candidates), torch.device("cpu"))
            survivors = self.rules.selection.choose(values, self.rules.parents, lambda count: lots("lots", (count,)))
            self._log_survivors(survivors, values)
            self.parents = [candidates[number] for number in survivors]
        # averaged once a step and after selection, so that it follows one line of descent
        for parent in self.parents:
            if parent.ema is not None:
                parent.ema.update(parent.networks, self.batch)
                self._measure_statistics(parent.ema, [forward.batch for forward in forwards[generators.forward][0]])

    def _measure_statistics(self, ema: Ema, batches: Sequence[Batch]) -> None:
        """Let averaged networks see what the generators saw, where their running statistics ask for it."""
        if not ema.norms:
            return
        networks = dict(ema.networks.items())
        with ema.measuring(), self.precision.autocast():
            for batch in batches:
                self.rules.flow.images(networks, batch)

    def _log_survivors(self, survivors: Sequence[int], values: Tensor) -> None:
        """Which mutations won: the share of the next parents that each made, and the best one's parts of fitness."""
        games = self.rules.games
        # candidates are the children of each parent, a game each, and then the parents where these compete
        children = len(self.parents)
        makers = [games[number % len(games)].name if number < children else "none" for number in survivors]
        for name in [*(game.name for game in games), *(["none"] if self.rules.parents_compete else [])]:
            share = makers.count(name) / len(makers)
            self.log.add(f"survivors/{name}", torch.tensor(share, device=values.device))
        for number, value in enumerate(values[survivors[0]]):
            self.log.add(f"fitness/part {number + 1}", value)

    def _play(self, step: int, turn: Turn, crews: Sequence[Forwards], rates: Rates) -> None:
        """One turn: the gradients of its side on the forwards of each crew, then the update."""
        if turn.side == "critic":
            # the generators stand still: max over D of V(D, G) (Goodfellow et al. 2014, eq. 1)
            self._critic_gradients(step, *crews).apply(factor_of(rates, "critic"))
        elif turn.side == "generator":
            # the critics stand still: min over G of V(D, G), or of the game that took its place
            children: list[Player] = []
            for parent, forwards in zip(self.parents, crews, strict=True):
                children += self._children(self._generator_gradients(step, parent, forwards), rates)
            self.parents = children
        else:
            # simultaneous gradient descent: neither side has moved when the other's gradient is taken
            (parent,) = self.parents
            critics = self._critic_gradients(step, *crews)
            generator = self._generator_gradients(step, parent, *crews)
            critics.apply(factor_of(rates, "critic"))
            self.parents = self._children(generator, rates)

    def _critic_gradients(self, step: int, forwards: Forwards) -> GradientSum:
        """The critics' gradients, summed over micro-batches."""
        if self.critics is None:
            raise LookupError("this method has no critic")
        total = GradientSum(self.critics, self.accumulate)
        for forward in forwards:
            # where both sides share one forward, its graph is the generator's too
            total.add(self._critic_objective(step, forward), retain=forward.joint)
            # the update makes every verdict old
            if not forward.joint:
                forward.forget()
        return total

    def _generator_gradients(self, step: int, parent: Player, forwards: Forwards) -> list[GradientSum]:
        """A parent's gradients in each game, summed over micro-batches."""
        games = self.rules.games
        totals = [GradientSum(parent, self.accumulate) for _ in games]
        for forward in forwards:
            # siblings share noise, images and the critics' verdicts on them: one forward, a backward a game
            for mutation, total in zip(games, totals, strict=True):
                total.add(self._generator_objective(step, forward, mutation), retain=total is not totals[-1])
            forward.forget()
        return totals

    def _children(self, totals: Sequence[GradientSum], rates: Rates) -> list[Player]:
        """What becomes of a parent by its gradients in each game: a child a game, chosen later where they are more."""
        parent = totals[0].player
        # a child is one Adam step from its parent's weights and moments, the game its mutation (E-GAN, algorithm 1);
        # with a single game nothing else starts from the parent, which then moves itself
        children = [parent] if len(totals) == 1 else [parent.fork() for _ in totals]
        for child, total in zip(children, totals, strict=True):
            total.apply(factor_of(rates, "generator"), child)
        return children

    def _critic_objective(self, step: int, forward: Forward) -> Tensor | None:
        """What the critics minimise: their game (Goodfellow et al. 2014, eq. 1; Isola et al. 2017, eq. 1, where they
        also see the input, or eq. 2), PAN's margin (Wang et al. 2018, eq. 4), penalties (Gulrajani et al. 2017, eq. 3).
        """
        view = forward.seen_by("critic", self.rules.critic_game, "critic")
        return self._objective(step, view, [(term, term.weight) for term in self.rules.critic_losses], "critic")

    def _generator_objective(self, step: int, forward: Forward, mutation: Mutation) -> Tensor | None:
        """What a generator minimises: the other side of ``game``, and what pulls it to the target (Isola et al. 2017,
        eq. 4: lambda L1; PAN: P, Wang et al. 2018, eq. 3; Zhu et al. 2017, eq. 3: lambda times the cycle loss).
        """
        prefix = "generator" if len(self.rules.games) == 1 else f"generator[{mutation.name}]"
        view = forward.seen_by("generator", mutation.game, prefix)
        return self._objective(
            step, view, [(term, mutation.weight(term)) for term in self.rules.generator_losses], prefix
        )

    def _objective(self, step: int, view: View, weighted: Sequence[tuple[Term, float]], prefix: str) -> Tensor | None:
        """The weighted sum of the losses whose turn it is; None where every weight is 0."""
        total: Tensor | None = None
        # those that count first: what is only watched then finds their verdicts, and builds no graph of its own
        for term, weight in sorted(weighted, key=lambda pair: pair[1] == 0):
            if step % term.every:
                continue
            # a weight of 0 is no product with 0: a loss that is only watched may be infinite
            with torch.set_grad_enabled(weight != 0):
                value = term.loss(view)
            self.log.add(f"{prefix}/{term.name}", value)
            if weight:
                share = weight * term.every * value
                total = share if total is None else total + share
        if total is not None:
            self.log.check(total)
        return total

    def forward(
        self, step: int, tag: str, crew: Sequence[Player], batch: Batch, offset: int, *, graph: bool
    ) -> Forward:
        """The images that a crew of generators makes of one (micro-)batch, ready to be judged.

        Args:
            tag: names, with the step, all random numbers of the forward.
            offset: place of the batch's first sample in this process's share.
            graph: whether it is made for the generator's update: with a graph, and moving its running statistics.
        """
        prepared = self._prepared(step, tag, batch, offset)
        return self._of_prepared(step, tag, crew, prepared, offset, graph=graph, precision=self.precision)

    def _random(self, step: int, tag: str, offset: int) -> NamedRandom:
        """The random numbers of a forward, for samples from ``offset`` of this process's share on."""
        start = self.world.rank * (self.batch // self.world.size) + offset
        return NamedRandom(self.seed, step, tag, start, self.batch, self.world.device)

    def _prepared(self, step: int, tag: str, batch: Batch, offset: int = 0) -> Batch:
        """A batch with what the flow draws: z ~ p(z) (Goodfellow et al. 2014, algorithm 1); pictures draw nothing."""
        return self.rules.flow.prepare(batch, self._random(step, tag, offset))

    def _of_prepared(
        self,
        step: int,
        tag: str,
        crew: Sequence[Player],
        batch: Batch,
        offset: int,
        *,
        graph: bool,
        precision: Precision,
        shared: dict[str, Tensor] | None = None,
    ) -> Forward:
        """The forward of a batch that has been prepared; ``shared`` is what several compute once (`View.once`)."""
        rules, random = self.rules, self._random(step, tag, offset)
        # dropout draws from torch's own generator: seeded anew, it depends on nothing that ran before
        seed_torch(stable_seed(self.seed, "dropout", step, tag, self.world.rank, offset), self.world.device)
        with ExitStack() as stack:
            stack.enter_context(torch.set_grad_enabled(graph))
            stack.enter_context(precision.autocast())
            if not graph:
                # what a generator shows the critics is no step of its own
                stack.enter_context(frozen_statistics([player.networks for player in crew]))
            if len(crew) == 1:
                images = rules.flow.images(crew[0].mapping(), batch)
            else:
                images = self._shared_images(crew, batch, random.start)
        # games and losses are computed in fp32, whatever the networks ran in
        images = {name: at_least_fp32(image) for name, image in images.items()}
        return Forward(
            batch=batch,
            images=images,
            matches=rules.flow.matches(batch, images, rules.conditional) if self.critics else (),
            critics=self.critics,
            pools=self.pools,
            random=random,
            world=self.world,
            precision=precision,
            log=self.log,
            joint=rules.simultaneous,
            shared={} if shared is None else shared,
        )

    def _shared_images(self, crew: Sequence[Player], batch: Batch, start: int) -> dict[str, Tensor]:
        """Each generator makes every len(crew)-th sample of the global batch; samples keep their places."""
        device = self.world.device
        # by the place in the global batch: who makes a sample does not depend on the number of processes. Found on the
        # CPU, so that no step waits for the device to say how many they are
        rows = torch.arange(len(batch))
        maker = (rows + start) % len(crew)
        shares = [rows[maker == number] for number in range(len(crew))]
        parts = [
            self.rules.flow.images(player.mapping(), batch.rows(share.to(device)))
            for player, share in zip(crew, shares, strict=True)
            if len(share)
        ]
        back = torch.argsort(torch.cat(shares)).to(device)
        return {name: torch.cat([part[name] for part in parts])[back] for name in parts[0]}

    def fitness(self, step: int, batches: Sequence[Batch], players: Sequence[Player]) -> Tensor:
        """(players, k) values under the critics as they are, all on the same samples and numbers, in fp32.

        Children differ by one step of an optimiser: on few samples, or rounded to half precision, chance would choose.
        """
        if self.rules.fitness is None:
            return torch.zeros(len(players), 1)
        # each batch has its own numbers, so that the number of processes changes none; judged together, since a
        # statistic of all samples (Fd) is not the mean of their batches'
        tags = ["fitness", *(f"fitness{number}" for number in range(1, len(batches)))]
        drawn = [self._prepared(step, tag, batch) for tag, batch in zip(tags, batches, strict=True)]
        batch = drawn[0] if len(drawn) == 1 else Batch.joined(drawn)
        exact = Precision("fp32", self.world.device)
        # F = Fq + gamma Fd (E-GAN, eq. 8 and 9). In Fd the real side of the critic's gradient is the same for all
        # children: computed once
        shared: dict[str, Tensor] = {}
        values = []
        for player in players:
            forward = self._of_prepared(
                step, "fitness", [player], batch, 0, graph=False, precision=exact, shared=shared
            )
            view = forward.seen_by("critic", self.rules.critic_game, "fitness")
            values.append(self.rules.fitness(view).detach().reshape(-1))
            forward.forget()
        result = torch.stack(values)
        sums = result.sum(1)
        self.log.add("fitness/best", sums.max())
        self.log.add("fitness/spread", sums.max() - sums.min())
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
        """What is each process's own: its pools, and what it has logged since the last log line."""
        # the log's key is older than its name: checkpoints keep it
        return {
            "pools": {name: pool.state_dict() for name, pool in self.pools.items()},
            "notes": self.log.state_dict(),
        }

    def load_local_state(self, state: dict[str, Any]) -> None:
        """Go on from a `local_state` of the process of the same rank."""
        for name, pool in self.pools.items():
            pool.load_state_dict(state["pools"][name], self.world.device)
        self.log.load_state_dict(state["notes"])
