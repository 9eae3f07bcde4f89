"""The model of a table: means, spreads, seeds, comparisons, the best of a column."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from score_tables import PROTOCOL, SCORES, TABLE, lines_of, seeded, table

from img2img.errors import UserError
from img2img.reports.caption import paragraph
from img2img.reports.latex import latex
from img2img.reports.markdown import markdown
from img2img.reports.statistics import holm
from img2img.reports.table import Score, Table


def test_means_and_the_best():
    assert TABLE.images == ("a", "b")
    assert TABLE.values("input", "psnr") == [20, 22]
    assert TABLE.mean("input", "psnr") == (21, 0)
    assert TABLE.mean("my_net", "psnr") == (25.125, 1)
    assert TABLE.left_out("my_net", "psnr") == (1, 0)
    assert TABLE.best("psnr") == ("my_net",)
    assert TABLE.second("psnr") == ("input",)
    assert TABLE.best("mae") == ("my_net",)  # the lower is better
    assert TABLE.second("mae") == ("input",)


@pytest.mark.parametrize(
    ("means", "best", "second"),
    [
        ({"a": 2.0, "b": 3.0, "c": 3.0}, "bc", "a"),
        ({"a": 3.001, "b": 3.004, "c": 1.0, "d": 2.0}, "ab", "d"),  # the same as shown
        ({"a": 3.004, "b": 3.006}, "b", "a"),
        ({"a": math.inf, "b": 3.0}, "a", "b"),
        ({"a": math.nan, "b": 3.0}, "b", ""),
        ({"a": math.nan}, "", ""),
        ({"a": 1.0}, "a", ""),
    ],
)
def test_all_that_share_a_place(means, best, second):
    made = table({method: [value] for method, value in means.items()})
    assert made.best("psnr") == tuple(best)
    assert made.second("psnr") == tuple(second)


def test_scores_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="two scores of input, a, psnr, seed ''"):
        replace(TABLE, scores=(*SCORES, SCORES[0]))
    with pytest.raises(ValueError, match="a score of other, psnr, which"):
        replace(TABLE, scores=(*SCORES, Score("other", "a", "psnr", 1)))
    with pytest.raises(ValueError, match="a score of input, ssim, which"):
        replace(TABLE, scores=(*SCORES, Score("input", "a", "ssim", 1)))
    with pytest.raises(UserError, match="unknown row 'my_nat'; did you mean 'my_net'"):
        replace(TABLE, against="my_nat")


def test_an_image_without_a_score_is_undefined():
    made = replace(TABLE, scores=SCORES[:-2])
    assert math.isnan(made.values("my_net", "psnr")[1])
    assert made.left_out("my_net", "mae") == (0, 1)


def test_seeds_are_averaged_and_a_spread_over_seeds_says_so():
    made = seeded(spread="std")
    assert made.values("pan", "psnr") == [23, 30]
    assert made.mean("pan", "psnr") == (26.5, 0)
    # means of the seeds: 25, 26, 28.5
    assert made.std_over_seeds("pan", "psnr") == pytest.approx(math.sqrt((1.5**2 + 0.5**2 + 2**2) / 2), rel=1e-14)
    assert made.std_over_images("pan", "psnr") == pytest.approx(7 / math.sqrt(2), rel=1e-14)
    assert math.isnan(made.std_over_seeds("l2", "psnr"))
    lines = lines_of(markdown(made))
    assert lines[2:4] == ["| pan | **26.50** ± 1.80† |", "| l2 | <u>23.00</u> ± 2.83 |"]
    assert "± marked † is over 3 seeds (pan): the standard deviation of the seeds' means. " in lines[-1]
    assert "± unmarked is the standard deviation over images." in lines[-1]
    assert r"\textbf{26.50} $\pm$ 1.80$^\dagger$ \\" in latex(made)
    alone = replace(made, methods=("pan",), scores=made.scores[:6])
    assert "over images" not in paragraph(alone).replace("Means over 2 images", "")


def test_an_image_that_one_seed_cannot_measure_is_left_out_of_all():
    made = seeded()
    scores = tuple(one._replace(value=math.inf) if one.value == 29 else one for one in made.scores)
    made = replace(made, scores=scores)
    assert made.mean("pan", "psnr") == (23, 1)
    assert made.left_out("pan", "psnr") == (1, 0)
    assert made.std_over_seeds("pan", "psnr") == pytest.approx(3, rel=1e-14)  # of 20, 23, 26


def test_intervals_over_images_and_over_scenes():
    values = [float(value) for value in np.random.default_rng(0).normal(25, 2, 40)]
    made = table({"a": values}, spread="interval")
    low, high = made.interval("a", "psnr")
    other = scipy.stats.bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(3))
    assert (low, high) == pytest.approx(tuple(other.confidence_interval), abs=0.05)
    assert f"| a | **{np.mean(values):.2f}** [{low:.2f}, {high:.2f}] |" in markdown(made)
    assert f"{{[}}{low:.2f}, {high:.2f}{{]}}" in latex(made)
    assert "95 % bootstrap interval of the mean (percentile, 10,000 resamples of images)" in paragraph(made)

    scenes = {f"image{number}": f"scene{number // 4}" for number in range(40)}
    grouped = table({"a": sorted(values)}, scenes=scenes, spread="interval")
    wide = grouped.interval("a", "psnr")
    assert wide[1] - wide[0] > 1.5 * (high - low)
    assert grouped.scene_count == 10
    assert "Means over 40 images of 10 scenes." in paragraph(grouped)
    assert "10,000 resamples of scenes)" in paragraph(grouped)


def test_an_image_without_a_scene_is_its_own():
    made = table({"a": [1, 2, 3]}, scenes={"image0": "image1", "image2": "x"})
    assert made.scene_count == 3


def test_comparisons_with_a_row():
    numbers = np.random.default_rng(4)
    base = numbers.normal(25, 2, 30)
    made = table({"base": base, "up": base + numbers.normal(0.4, 0.5, 30), "same": base}, against="base")
    up, same = made.compare()
    assert (up.method, up.metric, up.against, up.images, up.scenes, up.left_out) == ("up", "psnr", "base", 30, None, 0)
    differences = np.subtract(made.values("up", "psnr"), base)
    assert up.difference == pytest.approx(differences.mean(), rel=1e-12)
    assert up.p == pytest.approx(scipy.stats.wilcoxon(differences).pvalue, rel=1e-12)
    ranks = scipy.stats.rankdata(np.abs(differences))
    effect = (ranks[differences > 0].sum() - ranks[differences < 0].sum()) / ranks.sum()
    assert up.effect == pytest.approx(effect, rel=1e-12)
    assert up.effect > 0.3
    assert (same.difference, same.p, same.effect) == (0, 1, 0)
    assert (up.p_holm, same.p_holm) == pytest.approx((2 * up.p, 1), rel=1e-12)
    assert table({"a": [1], "b": [2]}).compare() == []


def test_holm_is_over_all_methods_and_metrics():
    numbers = np.random.default_rng(1)
    metrics, methods = ("psnr", "ssim", "mae"), ("a", "b", "c")
    scores = tuple(
        Score(method, str(image), metric, float(numbers.normal(0.5 * place)))
        for metric in metrics
        for place, method in enumerate(methods)
        for image in range(25)
    )
    found = Table(methods, metrics, scores, PROTOCOL, against="b").compare()
    assert [(one.method, one.metric) for one in found] == [(m, metric) for m in "ac" for metric in metrics]
    assert [one.p_holm for one in found] == holm([one.p for one in found])
    assert max(one.p_holm / one.p for one in found) == pytest.approx(6)


def test_scenes_are_what_is_tested_where_they_are_known():
    values = {"a": [1, 2, 3, 4, 5, 9, 1, 1], "b": [2, 2, 1, 9, 9, 9, 1, 4]}
    scenes = {f"image{number}": "pqrrsssp"[number] for number in range(8)}
    (one,) = table(values, scenes=scenes, against="a").compare()
    # differences of the scenes p: (1 + 3) / 2, q: 0, r: (-2 + 5) / 2, s: (4 + 0 + 0) / 3
    assert one.p == pytest.approx(scipy.stats.wilcoxon([2, 1.5, 4 / 3]).pvalue)
    assert (one.scenes, one.images) == (4, 8)
    assert one.difference == pytest.approx(11 / 8)
    assert one.effect == 1


def test_pairs_that_are_not_finite_are_left_out_of_comparisons():
    (one,) = table({"a": [1, 2, math.inf, 4, 5], "b": [2, math.nan, 3, math.inf, 7]}, against="a").compare()
    assert (one.images, one.left_out, one.difference, one.p) == (2, 3, 1.5, 0.5)
    (none,) = table({"a": [1, math.inf], "b": [2, math.inf]}, against="a").compare()
    assert none.difference == 1
    assert np.isnan([none.p, none.p_holm, none.effect]).all()
    (nothing,) = table({"a": [math.inf], "b": [2]}, against="a").compare()
    assert math.isnan(nothing.difference)
