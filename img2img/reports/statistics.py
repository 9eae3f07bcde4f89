"""What can be said of means over images: their intervals, and whether two of them differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.stats
from numpy.typing import NDArray

Values = NDArray[np.float64]
Labels = NDArray[np.int64]
RESAMPLES = 10_000
LEVEL = 0.95
SEED = 0
CHUNK = 2_000_000


class SignedRank(NamedTuple):
    """A paired test: its p and its effect size, in [-1, 1] and positive where the differences tend to be."""

    p: float
    effect: float


def std(values: Values) -> float:
    """Sample standard deviation (n - 1) of the finite values; ``nan`` for fewer than two."""
    finite = values[np.isfinite(values)]
    return float(finite.std(ddof=1)) if len(finite) > 1 else math.nan


def intervals(values: Values, scenes: Labels) -> Values:
    """95 % bootstrap intervals of the means of the finite values in each column of (images, columns): (columns, 2).

    Percentile intervals of 10,000 resamples (Efron and Tibshirani 1993, chapter 13), always the same ones. What is
    drawn are whole scenes (``scenes``: each image's, from 0 on), since images of one scene are not independent; a
    resample's mean is over all images drawn. ``nan`` where fewer than two scenes have a finite value.
    """
    finite = np.isfinite(values)
    number = int(scenes.max(initial=-1)) + 1
    images = finite.sum(0)
    # about the mean, so that equal values give exactly themselves
    centre = np.where(finite, values, 0).sum(0) / np.maximum(images, 1)
    sums, counts = (np.zeros((number, values.shape[1])) for _ in range(2))
    np.add.at(sums, scenes, np.where(finite, values - centre, 0))
    np.add.at(counts, scenes, finite)
    bounds = np.full((values.shape[1], 2), np.nan)
    enough = np.flatnonzero((counts > 0).sum(0) > 1)
    means = _resampled(sums[:, enough], counts[:, enough])
    for column, drawn in zip(enough, means.T, strict=True):
        ends = np.array([1 - LEVEL, 1 + LEVEL]) / 2
        bounds[column] = centre[column] + np.quantile(drawn[~np.isnan(drawn)], ends)
    return bounds


def _resampled(sums: Values, counts: Values) -> Values:
    """Means of resamples of rows of (sums, counts): (resamples, columns); ``nan`` where nothing was counted."""
    number = len(sums)
    random = np.random.default_rng(SEED)
    rows = max(1, CHUNK // max(number, 1))
    parts = []
    for start in range(0, RESAMPLES if sums.size else 0, rows):
        size = min(rows, RESAMPLES - start)
        drawn = random.integers(number, size=(size, number)) + number * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * number).reshape(size, number).astype(np.float64)
        with np.errstate(invalid="ignore"):
            parts.append((times @ sums) / (times @ counts))
    return np.concatenate(parts) if parts else np.zeros((0, sums.shape[1]))


def scene_means(values: Values, scenes: Labels) -> Values:
    """Means of the values of each scene that has some."""
    counts = np.bincount(scenes)
    means: Values = np.bincount(scenes, weights=values)[counts > 0] / counts[counts > 0]
    return means


def signed_rank(differences: Values) -> SignedRank:
    """Two-sided Wilcoxon signed-rank test of paired differences (Wilcoxon 1945), zeros dropped.

    The p is SciPy's: exact up to 50 pairs without ties (13 with), else by the normal approximation. The effect is the
    matched-pairs rank-biserial correlation (Kerby 2014): the share of the rank sum that is positive minus the share
    that is negative. All differences zero: p 1, effect 0. Fewer than two pairs: ``nan``.
    """
    if len(differences) < 2:
        return SignedRank(math.nan, math.nan)
    nonzero = differences[differences != 0]
    if not len(nonzero):
        return SignedRank(1.0, 0.0)
    ranks = scipy.stats.rankdata(np.abs(nonzero))
    effect = float((ranks * np.sign(nonzero)).sum() / ranks.sum())
    result: Any = scipy.stats.wilcoxon(nonzero)
    return SignedRank(float(result.pvalue), effect)


def fewest_pairs(level: float) -> int:
    """From how many pairs on `signed_rank` can give a p below ``level``: differences of one sign give 2 ** (1 - n)."""
    pairs = 2
    while 2.0 ** (1 - pairs) >= level:
        pairs += 1
    return pairs


def holm(values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number (Holm 1979, step-down); an undefined one (``nan``) stays so and counts not."""
    order = sorted((index for index, p in enumerate(values) if not math.isnan(p)), key=lambda index: values[index])
    adjusted = [math.nan] * len(values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * values[index]))
        adjusted[index] = highest
    return adjusted
