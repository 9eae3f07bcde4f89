"""Curves over the steps of a training: read off its logs, smoothed, and thinned to what can be seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Values = np.ndarray[Any, Any]
# a smoothed value is the mean over this share of a curve, and curves of fewer points are not smoothed
WINDOW, FEWEST = 1 / 20, 20
# of a curve, no more places are drawn; of each the least and the largest value
PLACES = 200


@dataclass(frozen=True)
class Curve:
    """Finite or not, ``values`` (N,) at ``steps`` (N,), rising."""

    name: str
    steps: Values
    values: Values

    @property
    def window(self) -> int:
        """Of how many values a smoothed one is the mean; 1: the curve is too short to be smoothed."""
        return 1 if len(self.values) < FEWEST else 2 * round(len(self.values) * WINDOW / 2) + 1

    def smoothed(self) -> Curve:
        """The mean of the finite ones among `window` values about each, fewer towards the ends."""
        half = self.window // 2
        finite = np.isfinite(self.values)
        sums, counts = (
            np.concatenate([[0.0], np.cumsum(each)]) for each in (np.where(finite, self.values, 0.0), finite)
        )
        last = np.minimum(np.arange(len(self.values)) + half + 1, len(self.values))
        first = np.maximum(np.arange(len(self.values)) - half, 0)
        count = counts[last] - counts[first]
        mean = (sums[last] - sums[first]) / np.maximum(count, 1)
        return Curve(self.name, self.steps, np.where(finite & (count > 0), mean, np.nan))

    def thinned(self, places: int = PLACES) -> Curve:
        """The finite values, and of more than ``places`` places their least and largest: no spike is lost."""
        kept = np.flatnonzero(np.isfinite(self.values))
        if len(kept) > 2 * places:
            parts = np.array_split(kept, places)
            ends = [(part[self.values[part].argmin()], part[self.values[part].argmax()]) for part in parts]
            kept = np.unique(np.array(ends))
        return Curve(self.name, self.steps[kept], self.values[kept])


@dataclass(frozen=True)
class Panel:
    """Curves that are drawn over each other, and what is better: ``higher``, ``lower``, or nothing (empty).

    What is known exactly (a learning rate) needs no ``smooth`` line.
    """

    title: str
    curves: Sequence[Curve]
    better: str = ""
    smooth: bool = True

    def window(self, curve: Curve) -> int:
        """Of how many values a smoothed one of this panel is the mean; 1: nothing is smoothed."""
        return curve.window if self.smooth else 1


def curves_of(records: Sequence[Mapping[str, Any]], within: str = "") -> Iterator[Curve]:
    """A curve for each number in records of a log, by ``step``; ``within`` names the mapping that holds the numbers."""
    series: dict[str, list[tuple[int, float]]] = {}
    for record in records:
        for name, value in (record.get(within, {}) if within else record).items():
            if isinstance(value, int | float) and not isinstance(value, bool) and name != "step":
                series.setdefault(name, []).append((record["step"], float(value)))
    for name, points in series.items():
        steps, values = zip(*points, strict=True)
        yield Curve(name, np.array(steps), np.array(values))
