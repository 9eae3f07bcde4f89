"""The model of a table: scores of methods, image by image, and the statistics of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from img2img.errors import unknown
from img2img.metrics import METRICS, mean
from img2img.reports.published import Quoted
from img2img.reports.statistics import Labels, Values, holm, intervals, scene_means, signed_rank, std
from img2img.reports.writing import comma_separated, rounded


class Score(NamedTuple):
    """A metric of one image of a method (and of its seed); infinite or ``nan`` with the reason where it must be."""

    method: str
    image: str
    metric: str
    value: float
    reason: str = ""
    seed: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A method against another, paired by image.

    ``difference`` is of the means over the ``images`` where both values are finite (``left_out``: the others). The test
    is over those images, or over the mean differences of their ``scenes``; ``effect`` is positive where the method's
    values tend to be the larger. ``p_holm`` is adjusted for all comparisons of the table.
    """

    method: str
    metric: str
    against: str
    difference: float
    p: float
    p_holm: float
    effect: float
    images: int
    scenes: int | None
    left_out: int


@dataclass(frozen=True)
class Table:
    """Per-image scores of methods, and what a reader must know of them.

    Where a method has several seeds, an image's value is the mean over them, and it is left out of all means where any
    of them is not finite.

    Attributes:
        methods: the rows, in order.
        metrics: the columns, in order.
        scores: every image's values.
        protocol: one line that says all that decides the numbers.
        notes: further sentences for the caption.
        scenes: image to scene; an image that is not named is a scene of its own.
        against: the row that the others are compared with.
        columns: further columns: heading to method to text.
        quoted: published rows, which stand apart and are never best.
        card: what the figures must be known with; goes into JSON whole, its ``line`` into the caption.
        spread: what stands beside the means in Markdown and LaTeX. With ``std`` a method with several seeds shows the
            standard deviation over seeds (marked), any other that over images.
    """

    methods: tuple[str, ...]
    metrics: tuple[str, ...]
    scores: tuple[Score, ...]
    protocol: str
    notes: tuple[str, ...] = ()
    scenes: Mapping[str, str] = field(default_factory=dict)
    against: str | None = None
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    quoted: tuple[Quoted, ...] = ()
    card: Mapping[str, Any] = field(default_factory=dict)
    spread: Literal["none", "std", "interval"] = "none"

    def __post_init__(self) -> None:
        if self.against is not None and self.against not in self.methods:
            raise unknown("row", self.against, self.methods, "against")
        seen = set()
        for method, image, metric, *_, seed in self.scores:
            if method not in self.methods or metric not in self.metrics:
                raise ValueError(f"a score of {method}, {metric}, which the table does not have")
            if (method, image, metric, seed) in seen:
                raise ValueError(f"two scores of {method}, {image}, {metric}, seed {seed!r}")
            seen.add((method, image, metric, seed))

    @cached_property
    def images(self) -> tuple[str, ...]:
        """The images, in order."""
        return tuple(dict.fromkeys(score.image for score in self.scores))

    def seeds(self, method: str) -> tuple[str, ...]:
        """The seeds of a method; one without a name where it has one run."""
        return self._seeds[method]

    @cached_property
    def _seeds(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, dict[str, None]] = {method: {} for method in self.methods}
        for score in self.scores:
            found[score.method][score.seed] = None
        return {method: tuple(seeds) for method, seeds in found.items()}

    @cached_property
    def _runs(self) -> dict[tuple[str, str], Values]:
        """(method, metric): values (images, seeds)."""
        rows = {name: row for row, name in enumerate(self.images)}
        columns = {(method, name): at for method, names in self._seeds.items() for at, name in enumerate(names)}
        runs = {
            (method, metric): np.full((len(rows), max(1, len(self._seeds[method]))), np.nan)
            for method in self.methods
            for metric in self.metrics
        }
        for score in self.scores:
            runs[score.method, score.metric][rows[score.image], columns[score.method, score.seed]] = score.value
        return runs

    @cached_property
    def _values(self) -> dict[tuple[str, str], Values]:
        return {key: runs.mean(1) for key, runs in self._runs.items()}

    def values(self, method: str, metric: str) -> list[float]:
        """The value of each image, in the order of `images` (the mean over seeds where there are several)."""
        return [float(value) for value in self._values[method, metric]]

    def mean(self, method: str, metric: str) -> tuple[float, int]:
        """Mean over images, and how many are left out since their value is infinite or undefined."""
        return mean(self.values(method, metric))

    def left_out(self, method: str, metric: str) -> tuple[int, int]:
        """How many images have an infinite value, and how many an undefined one."""
        values = self._values[method, metric]
        return int(np.isinf(values).sum()), int(np.isnan(values).sum())

    def std_over_images(self, method: str, metric: str) -> float:
        """Sample standard deviation over images; ``nan`` for fewer than two."""
        return std(self._values[method, metric])

    def std_over_seeds(self, method: str, metric: str) -> float:
        """Sample standard deviation of the seeds' means; ``nan`` for fewer than two seeds."""
        runs = self._runs[method, metric]
        used = runs[np.isfinite(runs).all(1)]
        return std(used.mean(0)) if len(used) else math.nan

    def interval(self, method: str, metric: str) -> tuple[float, float]:
        """95 % bootstrap interval of the mean over images (or scenes), the seeds taken as they are."""
        low, high = self._intervals[method, metric]
        return float(low), float(high)

    @cached_property
    def _intervals(self) -> dict[tuple[str, str], Values]:
        keys = list(self._values)
        columns = np.stack([self._values[key] for key in keys], 1)
        return dict(zip(keys, intervals(columns, self._scenes), strict=True))

    @cached_property
    def _scenes(self) -> Labels:
        names = [("scene", self.scenes[image]) if image in self.scenes else ("image", image) for image in self.images]
        labels = {name: label for label, name in enumerate(dict.fromkeys(names))}
        return np.array([labels[name] for name in names], dtype=np.int64)

    @property
    def scene_count(self) -> int | None:
        """How many scenes the images are of; None where each stands for itself."""
        return int(self._scenes.max(initial=-1)) + 1 if self.scenes else None

    def best(self, metric: str) -> tuple[str, ...]:
        """The methods with the best mean: several where the means are the same as shown."""
        return self._ranked(metric, 0)

    def second(self, metric: str) -> tuple[str, ...]:
        """The methods with the next best mean."""
        return self._ranked(metric, 1)

    def _ranked(self, metric: str, rank: int) -> tuple[str, ...]:
        shown = {method: rounded(self.mean(method, metric)[0], METRICS[metric].digits) for method in self.methods}
        levels = {value for value in shown.values() if not math.isnan(value)}
        wanted = sorted(levels, reverse=METRICS[metric].higher_is_better)[rank : rank + 1]
        return tuple(method for method in self.methods if shown[method] in wanted)

    def compare(self) -> list[Comparison]:
        """Every method and metric against the row `against` (nothing where there is none)."""
        return list(self._comparisons)

    @cached_property
    def _comparisons(self) -> tuple[Comparison, ...]:
        if self.against is None:
            return ()
        found = []
        for method, metric in self._values:
            if method == self.against:
                continue
            ours, theirs = self._values[method, metric], self._values[self.against, metric]
            both = np.isfinite(ours) & np.isfinite(theirs)
            differences = ours[both] - theirs[both]
            tested = scene_means(differences, self._scenes[both])
            found.append((method, metric, differences, len(tested), signed_rank(tested)))
        adjusted = holm([test.p for *_, test in found])
        return tuple(
            Comparison(
                method=method,
                metric=metric,
                against=self.against,
                difference=float(differences.mean()) if len(differences) else math.nan,
                p=test.p,
                p_holm=p_holm,
                effect=test.effect,
                images=len(differences),
                scenes=scenes if self.scenes else None,
                left_out=len(self.images) - len(differences),
            )
            for (method, metric, differences, scenes, test), p_holm in zip(found, adjusted, strict=True)
        )

    @cached_property
    def numbered_quotes(self) -> tuple[tuple[Quoted, int], ...]:
        """The published rows that have a value for one of the columns, each with the number of its source."""
        shown = [row for row in self.quoted if any(metric in row.values for metric in self.metrics)]
        numbers = {origin: number for number, origin in enumerate(dict.fromkeys(row.origin for row in shown), 1)}
        return tuple((row, numbers[row.origin]) for row in shown)

    def per_image(self) -> str:
        """CSV with columns method, (seed,) image, metric, value in full precision, and the reason of an odd value."""
        seeds = any(score.seed for score in self.scores)
        rows = [
            [score.method, *[score.seed] * seeds, score.image, score.metric, repr(float(score.value)), score.reason]
            for score in self.scores
        ]
        return comma_separated([["method", *["seed"] * seeds, "image", "metric", "value", "reason"], *rows])
