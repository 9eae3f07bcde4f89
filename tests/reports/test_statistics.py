"""Intervals, the signed-rank test and Holm's adjustment against enumeration, tables and SciPy."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
import scipy.stats

from img2img.reports.statistics import holm, intervals, scene_means, signed_rank, std


def alone(number: int) -> np.ndarray:
    return np.arange(number)


def interval(values, scenes=None):
    values = np.asarray(values, dtype=float)
    return tuple(intervals(values[:, None], alone(len(values)) if scenes is None else np.asarray(scenes))[0])


def test_the_standard_deviation_is_of_a_sample_and_of_finite_values():
    assert std(np.array([2, 4, 4, 4, 5, 5, 7, 9, math.inf, math.nan])) == pytest.approx(math.sqrt(32 / 7), rel=1e-15)
    assert math.isnan(std(np.array([1.0, math.inf])))


@pytest.mark.parametrize(("number", "ones"), [(20, 5), (33, 20), (401, 97)])
def test_an_interval_of_zeros_and_ones_is_the_binomial_distributions(number, ones):
    # means of resamples are binomial: their quantiles are known
    truth = scipy.stats.binom.ppf((0.025, 0.975), number, ones / number) / number
    found = interval([1] * ones + [0] * (number - ones))
    assert found == pytest.approx(truth, abs=(1.01 if number > 100 else 0.01) / number)


def test_an_interval_agrees_with_scipys_percentile_bootstrap():
    values = np.random.default_rng(5).lognormal(3, 0.3, 60)
    other = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(1)
    )
    error = values.std(ddof=1) / math.sqrt(60)
    # the ends of two draws of 10,000 differ by about 0.04 standard errors
    truth = other.confidence_interval
    assert interval(values) == pytest.approx((truth.low, truth.high), abs=0.12 * error)
    assert truth.high - truth.low > 3 * error


def test_whole_scenes_are_drawn_and_the_mean_is_over_their_images():
    values = [[1.0, 2.0, 9.0, 4.0], [3.0], [8.0, 8.5], [0.5, 0.1, 0.2, 0.9, 0.7], [6.0, 7.0], [2.5]]
    scenes = [number for number, scene in enumerate(values) for _ in scene]
    draw = random.Random(3)
    means = []
    for _ in range(10_000):
        drawn = [value for _ in values for value in draw.choice(values)]
        means.append(sum(drawn) / len(drawn))
    truth = np.quantile(means, (0.025, 0.975))
    flat = [value for scene in values for value in scene]
    assert interval(flat, scenes) == pytest.approx(truth, abs=0.12)
    # neither images alone nor means of scenes
    assert interval(flat) != pytest.approx(truth, abs=0.4)
    assert interval([sum(scene) / len(scene) for scene in values]) != pytest.approx(truth, abs=0.4)


def test_intervals_over_scenes_cover_where_those_over_images_do_not():
    numbers = np.random.default_rng(8)
    scenes = np.repeat(np.arange(25), 8)
    # the truth is 0: scenes vary much, images within them little
    made = numbers.normal(size=(25, 120)).repeat(8, 0) + 0.3 * numbers.normal(size=(200, 120))

    def coverage(labels):
        low, high = intervals(made, labels).T
        return float(np.mean((low < 0) & (high > 0)))

    assert 0.86 <= coverage(scenes) <= 0.99
    assert coverage(alone(200)) < 0.7


def test_what_is_not_finite_is_left_out_of_intervals():
    values = np.array([[1, 1, math.inf, math.nan], [2, math.inf, math.inf, 4], [4, math.nan, math.inf, math.nan]])
    low, high = intervals(values.astype(float), alone(3)).T
    assert (low[0], high[0]) == pytest.approx((1, 4), rel=1e-14)
    assert np.isnan([low[1:], high[1:]]).all()  # one value or none
    assert interval([1, math.inf, 2, math.inf]) == pytest.approx((1, 2), rel=1e-14)  # some resamples have no value
    kept = interval([5, 6, 7, 9, 4, 8], alone(6))
    assert interval([5, 6, 7, 9, 4, 8, math.inf], alone(7)) == pytest.approx(kept, abs=0.35)
    # two images of one scene tell nothing about other scenes
    assert np.isnan(interval([1, 2], [0, 0])).all()
    assert intervals(np.zeros((0, 2)), alone(0)).shape == (2, 2)


def test_intervals_are_the_same_each_time_and_for_each_column():
    values = np.random.default_rng(0).normal(size=(30, 3))
    once = intervals(values, alone(30))
    assert (intervals(values, alone(30)) == once).all()
    assert once[2] == pytest.approx(interval(values[:, 2]), rel=1e-12)
    assert interval([25.1, 25.1, 25.1]) == (25.1, 25.1)


def test_means_of_scenes():
    assert scene_means(np.array([1.0, 5.0, 3.0, 4.0]), np.array([0, 3, 0, 1])).tolist() == [2, 4, 5]


def test_the_signed_rank_test_of_a_textbook():
    # depression scale factors of nine patients: Hollander and Wolfe 1973, p. 29; V = 5, two-sided p = 0.0391
    first = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    second = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    p, effect = signed_rank(np.subtract(second, first))
    assert p == pytest.approx(20 / 512, rel=1e-12)
    assert effect == pytest.approx((5 - 40) / 45, rel=1e-12)


@pytest.mark.parametrize(
    "differences",
    [
        [0.3, -0.1, 0.7, 1.1, -0.4, 0.9, 2.0],
        [1, 1, -1, 2, 3, -2, 5, 4],  # ties
        [1, 2, 3, 4, 5, 6, -7, 0, 0],  # zeros are dropped
    ],
)
def test_p_and_effect_by_enumeration(differences):
    sizes = scipy.stats.rankdata([abs(value) for value in differences if value])
    signs = [math.copysign(1, value) for value in differences if value]
    balance = sum(size * sign for size, sign in zip(sizes, signs, strict=True))
    outcomes = [
        sum(map(math.prod, zip(sizes, flip, strict=True))) for flip in itertools.product((-1, 1), repeat=len(sizes))
    ]
    truth = sum(abs(outcome) >= abs(balance) - 1e-9 for outcome in outcomes) / len(outcomes)
    assert signed_rank(np.array(differences, dtype=float)) == pytest.approx((truth, balance / sum(sizes)), rel=1e-12)


def test_many_pairs_by_the_normal_approximation():
    differences = np.random.default_rng(2).normal(0.2, 1, 80)
    ranks = np.argsort(np.argsort(np.abs(differences))) + 1
    positive = ranks[differences > 0].sum()
    z = (positive - 80 * 81 / 4) / math.sqrt(80 * 81 * 161 / 24)
    p, effect = signed_rank(differences)
    assert p == pytest.approx(math.erfc(abs(z) / math.sqrt(2)), rel=1e-9)
    assert effect == pytest.approx(2 * positive / (80 * 81 / 2) - 1, rel=1e-12)


def test_differences_that_tell_nothing():
    assert signed_rank(np.zeros(5)) == (1, 0)
    assert signed_rank(np.array([0.0, 2.0])) == (1, 1)
    assert np.isnan(signed_rank(np.array([2.0]))).all()
    assert np.isnan(signed_rank(np.array([]))).all()


def test_holm_by_hand():
    # 4 x 0.005, 3 x 0.01, 2 x 0.03, and 0.04 not below the one before it
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02], rel=1e-15)
    assert holm([0.6, 0.02, 0.7]) == pytest.approx([1, 0.06, 1], rel=1e-15)
    assert holm([]) == []


def test_undefined_p_values_stay_so_and_do_not_count():
    adjusted = holm([math.nan, 0.02, math.nan, 0.03])
    assert adjusted[1::2] == pytest.approx([0.04, 0.04], rel=1e-15)
    assert all(map(math.isnan, adjusted[::2]))
