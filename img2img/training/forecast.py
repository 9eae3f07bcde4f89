"""The measurement before step 0: which precision, how many steps, how long, how much memory."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Self, TypeVar

import torch
from torch import nn

from img2img.compute.distributed import World
from img2img.compute.memory import peak_bytes
from img2img.compute.precision import Precision, has_bf16
from img2img.data.loader import on_device
from img2img.engine.rules import Rules
from img2img.engine.step import Engine
from img2img.errors import UserError
from img2img.progress import Reporter, duration, say, say_if_slow
from img2img.recipes.train_config import TrainConfig
from img2img.training.build import state_bytes
from img2img.training.loop import Source
from img2img.types import Batch

# seconds that steps are timed for after one of each precision to warm up, and again those for a validation
BUDGET_S = 6.0
# auto takes half precision only where a step in it takes less than this share of the time in fp32: two precisions that
# are about as fast must not be chosen between by the noise of a measurement, or seeds of one table would differ in it
WORTH = 0.9
# rounds of steps at most: where the answer decides something, and where it is only told
ROUNDS, FEW_ROUNDS = 50, 2
# where a clock is turned into steps, fast ones are looked at for as long as the seconds allow, so that a moment's load
# is not taken for the machine's speed; but for no more than this share of the clock
CLOCK_ROUNDS, CLOCK_SHARE = 1000, 1 / 30

Clock = Callable[[], float]
# what is timed by turns: a precision, or an arm of a table in one
Turn = TypeVar("Turn")
# seconds a validation takes, found within a budget in seconds
Rehearse = Callable[[nn.ModuleDict, float], float]


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Seconds a step (of the precision chosen) and a validation take, memory in bytes, seconds a step by precision."""

    precision: str
    seconds_per_step: float = 0.0
    seconds_per_validation: float = 0.0
    memory_bytes: int = 0
    measured: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Resolved(Forecast):
    """What is decided before step 0, with the figures that decided it.

    It holds for the whole run, but for the steps of a clock, which its `TimeBudget` finds anew.
    """

    steps: int

    def for_steps(self, asked: int | None, done: int = 0) -> Self:
        """The same with the steps that are ``asked`` for now, where they are a number.

        Raises:
            UserError: more are ``done`` already.
        """
        if asked is not None and asked < done:
            raise UserError(f"train.steps={asked}, but this run has already done {done} steps; ask for at least {done}")
        return replace(self, steps=asked or self.steps)


def resolve(plan: TrainConfig, engine: Engine, source: Source, samples: int, rehearse: Rehearse | None) -> Resolved:
    """Precision and steps of a training on ``samples`` samples, by a short measurement; all processes agree."""
    world = engine.world
    precisions = candidates(engine.rules, world.device) if plan.precision == "auto" else [plan.precision]
    auto = plan.precision == "auto" and len(precisions) > 1
    with closing(source.batches(0)) as stream:
        batches = [on_device(next(stream), world.device) for _ in range(engine.batches)]
    forecast = measure(
        engine,
        batches,
        precisions,
        # a longer look where the answer decides something
        rounds=CLOCK_ROUNDS if plan.minutes is not None else ROUNDS if auto else FEW_ROUNDS,
        rehearse=rehearse,
        budget_s=BUDGET_S if plan.minutes is None else min(BUDGET_S, plan.minutes * 60 * CLOCK_SHARE),
    )
    per_step = forecast.seconds_per_step + forecast.seconds_per_validation / plan.validate_every
    steps = world.broadcast(plan.total_steps(samples, engine.batches, per_step))
    if world.is_main:
        if auto:
            figures = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in forecast.measured.items())
            say(f"precision {forecast.precision} (a step takes {figures})")
        passes = steps * plan.batch * engine.batches / samples
        say(
            f"{steps} steps of {plan.batch} images ({passes:.1f} passes), "
            f"about {duration(steps * per_step)}; memory about {forecast.memory_bytes / 2**30:.1f} GB; "
            f"checkpoint about {state_bytes(engine) / 2**20:.0f} MB"
        )
    return Resolved(steps=steps, **vars(forecast))


def candidates(rules: Rules, device: torch.device) -> list[str]:
    """Precisions that ``auto`` chooses among, the safest first.

    fp32 alone where a fitness orders children that differ by one step, where a game's values are unbounded, and on
    devices without bf16.
    """
    games = [*(mutation.game for mutation in rules.games), rules.critic_game]
    exact = rules.fitness is not None or any(game.needs_fp32 for game in games)
    return ["fp32"] if exact or not has_bf16(device) else ["fp32", "bf16"]


def measure(
    engine: Engine,
    batches: Sequence[Batch],
    precisions: Sequence[str],
    *,
    rounds: int,
    rehearse: Rehearse | None = None,
    budget_s: float = BUDGET_S,
    clock: Clock = time.monotonic,
) -> Forecast:
    """Time a few steps on ``batches`` (those of one step), and a validation; a precision is chosen.

    That is the first one, or the fastest of the others where that is faster by a tenth at least.

    One step of each precision warms up; then as many rounds of one step each as fit into ``budget_s`` seconds, at least
    one and at most ``rounds``. The engine's state is put back bit for bit; all processes get the main one's answer.
    """
    world = engine.world
    # one more than there are steps: a validation, or what stays undone, since no line is wanted at the end
    count = 2 * len(precisions) + 1
    line = f"measuring before the start: {'precision, ' if precisions[1:] else ''}time and memory of a step ..."
    with (
        say_if_slow(line, shown=world.is_main),
        Reporter(count, "measurement", shown=world.is_main, transient=True) as reporter,
    ):
        with untouched(engine):
            timer = StepTimer(engine, batches, clock, reporter)
            for name in precisions:
                timer(name)
            times = by_turns(timer, precisions, rounds=rounds, budget_s=budget_s, world=world, reporter=reporter)
        medians: dict[str, float] = world.broadcast({name: statistics.median(found) for name, found in times.items()})
        validation = 0.0
        if rehearse is not None:
            validation = world.broadcast(rehearse(engine.parents[0].shadow(), budget_s))
    best = worth_it(medians)
    return Forecast(
        precision=best,
        seconds_per_step=medians[best],
        seconds_per_validation=validation,
        memory_bytes=most_memory(world.device),
        measured=medians,
    )


def worth_it(seconds: Mapping[str, float]) -> str:
    """Of precisions, the safest first: that one, or the fastest of the others where that is faster by a tenth."""
    safest, best = next(iter(seconds)), min(seconds, key=lambda name: seconds[name])
    return safest if seconds[best] > WORTH * seconds[safest] else best


@dataclass
class StepTimer:
    """Steps the engine in a precision and says how many seconds that took."""

    engine: Engine
    batches: Sequence[Batch]
    clock: Clock
    reporter: Reporter
    done: int = 0

    def __call__(self, precision: str) -> float:
        device = self.engine.world.device
        self.engine.precision = Precision(precision, device)
        began = self.clock()
        self.engine.step(0, self.batches)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds = self.clock() - began
        self.done += 1
        self.reporter.advance(self.done)
        return seconds


def by_turns(
    step: Callable[[Turn], float],
    turns: Sequence[Turn],
    *,
    rounds: int,
    budget_s: float,
    world: World,
    reporter: Reporter,
) -> dict[Turn, list[float]]:
    """Seconds of each ``step``; one of each turn a round, so that a change of the machine's speed meets all alike.

    As many rounds as fit into ``budget_s`` seconds, at least one and at most ``rounds``; all processes make as many.
    """
    times: dict[Turn, list[float]] = {turn: [] for turn in turns}
    spent, passed, fitting = 0.0, 0, 1
    while world.broadcast(passed < fitting):
        for turn in turns:
            times[turn].append(step(turn))
            spent += times[turn][-1]
        passed += 1
        fitting = min(rounds, int(budget_s * passed / max(spent, 1e-9)))
        reporter.total += len(turns) * (passed < fitting)
    return times


@contextmanager
def untouched(engine: Engine) -> Iterator[None]:
    """Within, the engine may be stepped; afterwards its state and the global generator's are as before, bit for bit."""
    state, local = copy.deepcopy(engine.state_dict()), copy.deepcopy(engine.local_state())
    random, precision = torch.get_rng_state(), engine.precision
    yield
    engine.precision = precision
    engine.load_state_dict(state)
    engine.load_local_state(local)
    torch.set_rng_state(random)
    # nothing of this is logged
    engine.log.clear()
    engine.log.bad = torch.zeros_like(engine.log.bad)


def most_memory(device: torch.device) -> int:
    """The most bytes that this process has had of a device at once."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return peak_bytes()
