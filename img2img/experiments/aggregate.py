"""What is said of a number over the seeds of an arm, and at which of a run's looks arms are comparable."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from img2img.experiments.plan import ArmPlan


@dataclass(frozen=True)
class OverSeeds:
    """Average and best of a number over seeds."""

    average: float
    best: float


def over_seeds(values: Sequence[float], higher_is_better: bool) -> OverSeeds:
    """Average and best of one value a seed; nan where there is none."""
    if not values:
        return OverSeeds(math.nan, math.nan)
    return OverSeeds(statistics.fmean(values), (max if higher_is_better else min)(values))


def nearest(steps: Sequence[int], wanted: float) -> int:
    """The one of ``steps`` nearest to what is wanted, the earlier of two."""
    return min(steps, key=lambda step: (abs(step - wanted), step))


def at_equal_updates(arms: Mapping[str, ArmPlan], updates: Mapping[str, int]) -> dict[str, float]:
    """The step of each arm after which all generators were updated as often as the least updated one was at its end.

    ``updates`` are those of generators in one step of an arm: parents times games, since each child is one.
    """
    least = min(arm.steps * updates[name] for name, arm in arms.items())
    return {name: least / updates[name] for name in arms}


def at_equal_time(arms: Mapping[str, ArmPlan], precision: str) -> dict[str, float]:
    """The step of each arm that it has made when the arm that ends first has ended, by the plan's seconds a step."""
    least = min(arm.steps * arm.seconds_per_step[precision] for arm in arms.values())
    return {name: least / arm.seconds_per_step[precision] for name, arm in arms.items()}
