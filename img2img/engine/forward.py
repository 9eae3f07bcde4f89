"""One generator forward over one batch, and the critics' verdicts on it, computed when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

import torch
from torch import Tensor, nn

from img2img.compute.distributed import World
from img2img.compute.precision import Precision
from img2img.compute.random import NamedRandom
from img2img.engine.player import Player
from img2img.engine.pool import ImagePool
from img2img.losses.games import at_least_fp32
from img2img.types import Batch, Game, Match, Shown, Verdict

Side = Literal["critic", "generator"]
Features = TypeVar("Features")


@dataclass
class StepLog:
    """What a step has to say: scalars for the log, the critic forwards made, whether every objective was finite."""

    device: torch.device
    sums: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    critic_forwards: int = 0
    bad: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.bad = torch.zeros((), dtype=torch.bool, device=self.device)

    def add(self, name: str, value: Tensor) -> None:
        """Note a scalar without reading it: nothing waits for the device."""
        value = value.detach().float()
        self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.counts[name] = self.counts.get(name, 0) + 1

    def check(self, objective: Tensor) -> None:
        """Remember whether an objective was not finite."""
        self.bad = self.bad | ~torch.isfinite(objective.detach())

    def means(self) -> dict[str, Tensor]:
        """The mean of each scalar since the last `clear`."""
        return {name: total / self.counts[name] for name, total in self.sums.items()}

    def clear(self) -> None:
        """Begin anew, after a log line."""
        self.sums, self.counts = {}, {}

    def state_dict(self) -> dict[str, Any]:
        return {"sums": dict(self.sums), "counts": dict(self.counts), "bad": self.bad}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.sums = {name: value.clone().to(self.device) for name, value in state["sums"].items()}
        self.counts = dict(state["counts"])
        self.bad = state["bad"].clone().to(self.device)


@dataclass
class Forward:
    """One generator forward's images and everything needed to judge them; both sides of the game share it.

    ``joint`` is for simultaneous updates: both sides then use one forward with both graphs.
    """

    batch: Batch
    images: Mapping[str, Tensor]
    matches: Sequence[Match]
    critics: Player | None
    pools: Mapping[str, ImagePool]
    random: NamedRandom
    world: World
    precision: Precision
    log: StepLog
    joint: bool = False
    shared: dict[str, Tensor] = field(default_factory=dict)
    _verdicts: dict[tuple[str, int, str, int, bool, bool, bool], Verdict] = field(default_factory=dict)
    _pooled: dict[int, Tensor] = field(default_factory=dict)
    _features: dict[tuple[int, int], tuple[Tensor, object]] = field(default_factory=dict)

    def seen_by(self, side: Side, game: Game, prefix: str) -> View:
        """The forward as the losses of one side see it; ``prefix`` begins the names of what they log."""
        return View(self, side, game, prefix)

    def player(self) -> Player:
        """The critics."""
        if self.critics is None:
            raise LookupError("this method has no critic")
        return self.critics

    def forget(self) -> None:
        """Drop remembered verdicts (their graphs are spent, or their critic has moved on)."""
        self._verdicts.clear()
        self._features.clear()

    def inputs(self, number: int, fake: bool, detached: bool, pooled: bool) -> Shown:
        """What the critic of match ``number`` is shown of one side."""
        match = self.matches[number]
        images = match.fake if fake else match.real
        # in the critic's step G(z) is data (Goodfellow et al. 2014, algorithm 1): no gradient goes on to the generator
        if detached:
            images = images.detach()
        # D(x, y) and D(x, G(x)) (Isola et al. 2017, eq. 1) against D(y) and D(G(x)) (eq. 2; PAN)
        shown = Shown(images, match.condition)
        if not pooled:
            return shown
        # asked once a forward, however many steps the critic takes on it: each query changes the pool
        if number not in self._pooled:
            self._pooled[number] = self.pools[match.critic].query(shown.joined(), self.random, match.critic)
        if match.condition is None:
            return Shown(self._pooled[number])
        # an older image stands beside the condition that it was made from
        width = match.condition.shape[1]
        return Shown(self._pooled[number][:, width:], self._pooled[number][:, :width])

    def verdict(self, number: int, *, fake: bool, detached: bool, graph: bool, pooled: bool) -> Verdict:
        """A critic's verdict on one side of match ``number``, remembered for the critic's present weights."""
        critics = self.player()
        name = self.matches[number].critic
        watched = not torch.is_grad_enabled()
        key = (name, critics.version, "fake" if fake else "real", number, detached, graph and not watched, pooled)
        # what is only watched takes what is there, with a graph or without
        if watched and (*key[:5], graph, pooled) in self._verdicts:
            key = (*key[:5], graph, pooled)
        # real and fake go through the critic apart, so that neither enters the other's batch statistics
        if key not in self._verdicts:
            shown = self.inputs(number, fake, detached, pooled)
            with torch.set_grad_enabled(not watched and (graph or not detached)), self.precision.autocast():
                self._verdicts[key] = critics[name](shown.joined(), **self.matches[number].given)
            self.log.critic_forwards += 1
        return self._verdicts[key]

    def run(self, network: Callable[[Tensor], Features], images: Tensor) -> Features:
        """What a frozen network makes of ``images``; remembered as long as the graphs of this forward are."""
        key = (id(network), id(images))
        # the images are kept beside the answer: while they are, nothing else can have their identity
        if key not in self._features:
            with self.precision.autocast():
                self._features[key] = (images, network(images))
        return cast(Features, self._features[key][1])

    def judge(self, number: int, shown: Shown) -> Verdict:
        """A verdict on other images, in fp32: penalties differentiate it twice (Gulrajani et al. 2017, eq. 3)."""
        self.log.critic_forwards += 1
        with self.precision.exact():
            match = self.matches[number]
            verdict: Verdict = self.player()[match.critic](at_least_fp32(shown.joined()), **match.given)
            return verdict


class View:
    """`img2img.types.ForwardView` for the losses of one side."""

    def __init__(self, forward: Forward, side: Side, game: Game, prefix: str) -> None:
        self._forward = forward
        self._side = side
        self._game = game
        self._prefix = prefix

    @property
    def batch(self) -> Batch:
        return self._forward.batch

    @property
    def images(self) -> Mapping[str, Tensor]:
        return self._forward.images

    @property
    def matches(self) -> Sequence[Match]:
        return self._forward.matches

    @property
    def game(self) -> Game:
        return self._game

    def _number(self, match: Match) -> int:
        return next(number for number, mine in enumerate(self._forward.matches) if mine is match)

    def _pooled(self, match: Match) -> bool:
        return self._side == "critic" and self._forward.pools[match.critic].size > 0

    def real(self, match: Match) -> Verdict:
        # for the generator the features of the real picture are a target, not a variable (PAN, Wang et al. 2018, eq. 3)
        graph = self._side == "critic" or self._forward.joint
        verdict = self._forward.verdict(self._number(match), fake=False, detached=True, graph=graph, pooled=False)
        if self._side == "generator" and self._forward.joint:
            logits, features = (tuple(part.detach() for part in parts) for parts in (verdict.logits, verdict.features))
            return Verdict(logits, features)
        return verdict

    def fake(self, match: Match) -> Verdict:
        # the history is for the critic alone (Shrivastava et al. 2017, section 2.3); the generator answers for what it
        # made now
        number, pooled = self._number(match), self._pooled(match)
        if self._side == "generator" or (self._forward.joint and not pooled):
            return self._forward.verdict(number, fake=True, detached=False, graph=True, pooled=False)
        return self._forward.verdict(number, fake=True, detached=True, graph=True, pooled=pooled)

    def shown(self, match: Match) -> tuple[Shown, Shown]:
        number = self._number(match)
        detached = self._side == "critic"
        real = self._forward.inputs(number, False, True, False)
        fake = self._forward.inputs(number, True, detached, self._pooled(match))
        return _at_least_fp32(real), _at_least_fp32(fake)

    def judge(self, match: Match, shown: Shown) -> Verdict:
        return self._forward.judge(self._number(match), shown)

    def run(self, network: Callable[[Tensor], Features], images: Tensor) -> Features:
        return self._forward.run(network, images)

    def critic_parameters(self, match: Match) -> Sequence[nn.Parameter]:
        return list(self._forward.player()[match.critic].parameters())

    def draw(self, name: str, shape: Sequence[int]) -> Tensor:
        return self._forward.random(name, shape)

    def mean(self, values: Tensor) -> Tensor:
        return self._forward.world.mean(values)

    def reduce(self, values: Tensor) -> Tensor:
        return self._forward.world.all_reduce_mean(values)

    def log(self, name: str, value: Tensor) -> None:
        self._forward.log.add(f"{self._prefix}/{name}", value)

    def once(self, name: str, compute: Callable[[], Tensor]) -> Tensor:
        if name not in self._forward.shared:
            self._forward.shared[name] = compute()
        return self._forward.shared[name]


def _at_least_fp32(shown: Shown) -> Shown:
    return Shown(at_least_fp32(shown.images), None if shown.condition is None else at_least_fp32(shown.condition))


class Forwards:
    """The forwards of one crew over the micro-batches of a batch: each made when first asked for, then kept.

    Made late, because all their graphs at once would undo the saving of accumulation (a backward frees its own); kept,
    because whoever looks again must see the same images.

    Args:
        make: the forward of a micro-batch, given with the place of its first sample in the batch.
    """

    def __init__(self, make: Callable[[Batch, int], Forward], parts: Sequence[Batch]) -> None:
        self._make = make
        self._parts = parts
        self._kept: list[Forward] = []

    def __iter__(self) -> Iterator[Forward]:
        for number, part in enumerate(self._parts):
            if number == len(self._kept):
                self._kept.append(self._make(part, number * len(part)))
            yield self._kept[number]
