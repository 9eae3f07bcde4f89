"""The measurement before a table is trained: all arms by turns, so that a machine's load meets all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import closing

import torch

from img2img.compute.distributed import World
from img2img.data.loader import on_device
from img2img.errors import UserError
from img2img.progress import Reporter
from img2img.recipes.build import rules
from img2img.recipes.settings import Settings
from img2img.training.forecast import (
    BUDGET_S,
    CLOCK_ROUNDS,
    CLOCK_SHARE,
    FEW_ROUNDS,
    ROUNDS,
    Clock,
    StepTimer,
    by_turns,
    candidates,
    worth_it,
)
from img2img.training.train import Parts, kernels_of
from img2img.types import Batch

# seconds of each step by precision
Seconds = Mapping[str, float]


def shared_precisions(arms: Mapping[str, Settings], world: World) -> list[str]:
    """Precisions that all arms may have, the safest first: fp32 alone where any arm demands it.

    Raises:
        UserError: arms whose settings say different ones.
    """
    allowed = {name: _allowed(settings, world) for name, settings in arms.items()}
    if ["fp32"] in allowed.values():
        return ["fp32"]
    first, *others = allowed.values()
    common = [precision for precision in first if all(precision in other for other in others)]
    if not common:
        said = ", ".join(f"{name} {' or '.join(names)}" for name, names in allowed.items())
        raise UserError(f"the arms have no precision in common ({said}); give train.precision=fp32 for all of them")
    return common


def _allowed(settings: Settings, world: World) -> list[str]:
    """Precisions that one arm may have."""
    said = settings.train.precision
    return candidates(rules(settings.method), world.device) if said == "auto" else [said]


def measure_by_turns(
    settings: Mapping[str, Settings],
    parts: Mapping[str, Parts],
    precisions: Sequence[str],
    world: World,
    *,
    decides: bool = False,
    clock: Clock = time.monotonic,
) -> dict[str, Seconds]:
    """The median seconds of a step by arm and precision; one step of each warms up, then each has its turn in a round.

    The engines are not as they were afterwards: they are for measuring alone. Where arms will be compared at equal time
    the answer ``decides`` something, and a longer look is taken.
    """
    turns = [(arm, precision) for precision in precisions for arm in parts]
    random = torch.get_rng_state()
    # one more than there are steps: what stays undone, since no line is wanted at the end
    with Reporter(2 * len(turns) + 1, "measurement of arms", shown=world.is_main, transient=True) as reporter:
        timers = {
            arm: StepTimer(its.engine, _batches(its, world), clock, reporter) for arm, its in parts.items()
        }  # fmt: skip

        def step(turn: tuple[str, str]) -> float:
            arm, precision = turn
            with kernels_of(settings[arm]):
                return timers[arm](precision)

        for turn in turns:
            step(turn)
        rounds, budget_s = _extent([its.train.minutes for its in settings.values()], decides or len(precisions) > 1)
        times = by_turns(step, turns, rounds=rounds, budget_s=budget_s, world=world, reporter=reporter)
    torch.set_rng_state(random)
    medians = world.broadcast({turn: statistics.median(found) for turn, found in times.items()})
    return {arm: {precision: medians[arm, precision] for precision in precisions} for arm in parts}


def _batches(parts: Parts, world: World) -> list[Batch]:
    with closing(parts.source.batches(0)) as stream:
        return [on_device(next(stream), world.device) for _ in range(parts.engine.batches)]


def _extent(minutes: Sequence[float | None], decides: bool) -> tuple[int, float]:
    """Rounds at most, and seconds for all arms together: longer where the answer decides something."""
    budget_s = BUDGET_S * len(minutes)
    clocks = [each * 60 * CLOCK_SHARE for each in minutes if each is not None]
    if clocks:
        return CLOCK_ROUNDS, min(budget_s, sum(clocks))
    return ROUNDS if decides else FEW_ROUNDS, budget_s


def one_precision(measured: Sequence[Seconds]) -> str:
    """The precision of all arms: another than the safest only where that is faster by a tenth for their sum."""
    return worth_it({precision: sum(arm[precision] for arm in measured) for precision in measured[0]})
