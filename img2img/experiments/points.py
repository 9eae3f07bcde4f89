"""The table of mixtures: measures of sets on what generators of points made at each look of their training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field

from img2img.config import options
from img2img.data.modes import mixture_modes
from img2img.data.samples import Mixture
from img2img.errors import UserError
from img2img.experiments.aggregate import at_equal_time, at_equal_updates, nearest, over_seeds
from img2img.experiments.job import Measured, Part, Reproduction, left_out
from img2img.experiments.plan import Plan
from img2img.experiments.points_figures import draw_figures
from img2img.experiments.texts import Texts, quoted, shown
from img2img.metrics.sets.registry import SetNumber, measure_sets, set_numbers
from img2img.metrics.sets.sample_set import SampleSet
from img2img.metrics.sets.spaces import PIXELS
from img2img.progress import duration
from img2img.reports.writing import counted
from img2img.training.points import POINTS, kept_steps, read_points
from img2img.training.train import Parts

# seeds of the points that are measured against, and of those that show what a perfect set would score
REAL, OTHERS = 900_001, 900_002
NUMBERS = ("mmd2_gaussian_0.1_unbiased", "mmd2_gaussian_median_unbiased", "modes", "high_quality")


@options
class Points:
    """Measures of sets on points of a mixture, at the end, and where arms had equal updates or equal time.

    Attributes:
        numbers: names of `img2img.metrics.sets.registry`.
        frames: of the filmstrip.
    """

    takes_diverged: ClassVar[bool] = True
    compares_time: ClassVar[bool] = True

    numbers: tuple[str, ...] = NUMBERS
    frames: Annotated[int, Field(ge=1)] = 6

    def __post_init__(self) -> None:
        for name, number in set_numbers(self.numbers, "measure.numbers").items():
            if number.space != PIXELS.name:
                raise ValueError(f"{name}: points are compared by their values; leave the feature network out")

    def check(self, job: Reproduction, set_name: str, parts: Mapping[str, Parts]) -> None:
        """Refuse sets that are no points of a mixture with modes.

        Raises:
            UserError: naming the set.
        """
        for its in parts.values():
            mixture = its.data.train
            if not isinstance(mixture, Mixture) or mixture_modes(mixture.shape) is None:
                raise UserError(f"sets.{set_name}: measure: points is of mixtures with modes; {job.places[set_name]}")

    def measure(self, job: Reproduction, plan: Plan, set_name: str) -> Measured:
        """Tables of a set, and figures beside its runs."""
        parts = Looks(job, plan, set_name, set_numbers(self.numbers)).tables()
        if job.world.is_main:
            draw_figures(job, plan, set_name, self.frames)
        return Measured(parts)

    def together(self, job: Reproduction, measured: Mapping[str, Measured]) -> list[Part]:
        """Set after set, and the quoted tables."""
        return [*(part for its in measured.values() for part in its.parts), *map(quoted, job.table.quoted)]


@dataclass(frozen=True)
class Looks:
    """What all runs on a set made at each look, measured."""

    job: Reproduction
    plan: Plan
    set_name: str
    numbers: Mapping[str, SetNumber]
    known: dict[tuple[str, int, int], dict[str, float]] = field(default_factory=dict)

    @cached_property
    def mixture(self) -> str:
        """The name of the set's distribution, a value of ``data.mixture``."""
        return self.job.settings(self.set_name, self.job.asked.arms[0], ("train.steps=1",)).data.mixture

    @cached_property
    def real(self) -> SampleSet:
        """The points that all are measured against."""
        return self.sampled(drawn(self.mixture, POINTS, REAL))

    @cached_property
    def updates(self) -> dict[str, int]:
        """Updates of generators in a step of each arm."""
        return {arm: generator_updates(self.job, self.set_name, arm) for arm in self.plan.runs[self.set_name]}

    def sampled(self, points: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> SampleSet:
        """Points (N, 2) float32 as a set that knows the modes of the mixture."""
        return SampleSet(torch.from_numpy(points), "values", mixture=mixture_modes(self.mixture))

    @cached_property
    def perfect(self) -> dict[str, float]:
        """The numbers of as many other points of the mixture."""
        return measure_sets(self.real, self.sampled(drawn(self.mixture, POINTS, OTHERS)), list(self.numbers))

    def values(self, arm: str, seed: int, step: int) -> dict[str, float]:
        """The numbers of a run at a look, measured once."""
        if (arm, seed, step) not in self.known:
            path = kept_steps(self.job.run_folder(self.set_name, arm, seed))[step]
            found = measure_sets(self.real, self.sampled(read_points(path)[0]), list(self.numbers))
            self.known[arm, seed, step] = found
        return self.known[arm, seed, step]

    def tables(self) -> list[Part]:
        """At the end, and where all arms had as many updates, or as much time, as the first to end."""
        arms = self.plan.runs[self.set_name]
        title = self.job.table.sets[self.set_name].title
        ends = {arm: float(its.steps) for arm, its in arms.items()}
        found = [self.table(f"{title}: at the end of every run", ends, self.notes())]
        for what, steps in (
            ("at equal generator updates", at_equal_updates(arms, self.updates)),
            ("at equal time", at_equal_time(arms, self.plan.precision)),
        ):
            if steps != ends:
                found.append(self.table(f"{title}: {what}", steps))
        return [texts.part() for texts in found]

    def table(self, title: str, wanted: Mapping[str, float], notes: tuple[str, ...] = ()) -> Texts:
        """A row an arm: average and best of each number over seeds, steps, generator updates and time."""
        heads = [f"{number.title}, {what}" for number in self.numbers.values() for what in ("average", "best")]
        rows = [self.row(arm, step) for arm, step in wanted.items()]
        floor = [shown(self.perfect[name], number.digits) for name, number in self.numbers.items() for _ in range(2)]
        rows.append(["real, others", *floor, "", "", ""])
        return Texts(title, ("method", *heads, "steps", "generator updates", "time"), rows, notes)

    def row(self, arm: str, wanted: float) -> list[str]:
        """Of an arm at the look nearest to a step."""
        seeds = self.job.ended(self.set_name, arm)
        looks = list(kept_steps(self.job.run_folder(self.set_name, arm, seeds[0]))) if seeds else [round(wanted)]
        step = nearest(looks, wanted)
        values = [self.values(arm, seed, step) for seed in seeds]
        cells = []
        for name, number in self.numbers.items():
            its = over_seeds([each[name] for each in values], number.higher_is_better)
            # of counts there are averages
            cells += [shown(its.average, max(1, number.digits)), shown(its.best, number.digits)]
        seconds = step * self.plan.runs[self.set_name][arm].seconds_per_step[self.plan.precision]
        return [self.job.label(self.set_name, arm), *cells, str(step), str(step * self.updates[arm]), duration(seconds)]

    def notes(self) -> tuple[str, ...]:
        """What must be known of the figures."""
        job = self.job
        changed = (f"Changed: {', '.join(job.asked.overrides)}",) if job.asked.overrides else ()
        return (
            f"{counted(job.asked.seeds, 'seed')}; {POINTS} points of the last generator against {POINTS} real ones "
            f"drawn for measuring alone (real, others: as many real ones again, what a perfect set scores)",
            "MMD² with the kernel exp(-d²/(2 h²)), unbiased, so that it may be negative; median: of distances between "
            "real points",
            "A mode is covered by 0.5 % of the points within 3 standard deviations of its centre; high quality is the "
            "share of points so near to any",
            "Time is steps times the plan's seconds a step, without data, arms measured by turns; compared at equal "
            "updates or time, each arm is taken at its nearest look",
            *changed,
            *left_out(job),
        )


def generator_updates(job: Reproduction, set_name: str, arm: str) -> int:
    """Updates of generators in a step of an arm: each child of each parent is one."""
    method = job.settings(set_name, arm, ("train.steps=1",)).method
    return method.parents * len(method.games)


def drawn(mixture: str, count: int, seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Points of a mixture (count, 2), those of a training's first pass with this seed."""
    points = Mixture(mixture, count)
    return np.stack([points.sample(0, index, seed)["target"].numpy() for index in range(count)])
