"""Tables: means, spreads, seeds, comparisons, the best of a column, and four ways to write them."""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from img2img.errors import UserError
from img2img.reports.published import Quoted
from img2img.reports.statistics import holm
from img2img.reports.table import FORMATS, Score, Table, escape, escape_markdown

PROTOCOL = "rgb: RGB, 8 bit, data range 255"
LINE = "Protocol rgb: RGB, 8 bit, data range 255."
SCORES = (
    Score("input", "a", "psnr", 20.0), Score("input", "a", "mae", 9.0), Score("input", "b", "psnr", 22.0),
    Score("input", "b", "mae", 7.0), Score("my_net", "a", "psnr", 25.125), Score("my_net", "a", "mae", 3.0),
    Score("my_net", "b", "psnr", math.inf, "identical"), Score("my_net", "b", "mae", 0.0),
)  # fmt: skip
TABLE = Table(("input", "my_net"), ("psnr", "mae"), SCORES, PROTOCOL)
OURS = Quoted("PAN", {"psnr": 23.35, "vif": 0.4}, "a paper", "unknown: not said.", "Rain800", "read")
OTHER = Quoted("PAN", {"psnr": 24.0}, "another paper", "luminance")


def table(values, metric="psnr", **more):
    """A table of one metric from values by method."""
    scores = [
        Score(method, f"image{number}", metric, value)
        for method, column in values.items()
        for number, value in enumerate(column)
    ]
    return Table(tuple(values), (metric,), tuple(scores), PROTOCOL, **more)


def seeded(**more):
    """One method of three seeds, one of one."""
    scores = [Score("pan", "a", "psnr", value, "", seed) for seed, value in zip("012", (20, 23, 26), strict=True)]
    scores += [Score("pan", "b", "psnr", value, "", seed) for seed, value in zip("012", (30, 29, 31), strict=True)]
    scores += [Score("l2", "a", "psnr", 21.0), Score("l2", "b", "psnr", 25.0)]
    return Table(("pan", "l2"), ("psnr",), tuple(scores), PROTOCOL, **more)


def lines_of(text):
    return text.splitlines()


def rows_of(made):
    return list(csv.DictReader(lines_of(FORMATS["csv"](made))))


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


def test_markdown():
    assert lines_of(FORMATS["md"](TABLE)) == [
        "| method | PSNR (dB) ↑ | MAE (of 255) ↓ |",
        "|---|---:|---:|",
        "| input | <u>21.00</u> | <u>8.00</u> |",
        "| my_net | **25.12** (1 left out) | **1.50** |",
        "",
        f"Means over 2 images. {LINE} Best bold, second underlined. Left out of the means: PSNR of my_net: 1 infinite.",
    ]


def test_latex():
    assert lines_of(FORMATS["latex"](TABLE)) == [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{Means over 2 images. {LINE} Best bold, second underlined. "
        r"Left out of the means: PSNR of my\_net: 1 infinite.}",
        r"\label{tab:results}",
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r"Method & PSNR (dB) $\uparrow$ & MAE (of 255) $\downarrow$ \\",
        r"\midrule",
        r"input & \underline{21.00} & \underline{8.00} \\",
        r"my\_net & \textbf{25.12} (1 left out) & \textbf{1.50} \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def test_what_is_left_out_is_counted_by_kind():
    made = table({"a": [1, math.inf, math.nan, math.inf], "b": [2, math.nan, 3, 4], "c": [1, 1, 1, 1],
                  "d": [math.nan, 5, 5, 5], "all": [math.inf] * 4})  # fmt: skip
    text = FORMATS["md"](made)
    assert "PSNR of a: 2 infinite and 1 undefined; PSNR of b, d: 1 undefined; PSNR of all: 4 infinite." in text
    assert "| a | 1.00 (3 left out) |" in text
    assert "| all | **∞** |" in text
    assert r"all & \textbf{$\infty$} \\" in FORMATS["latex"](made)
    assert "| a | – |" in FORMATS["md"](table({"a": [math.nan]}))
    assert "Left out" not in FORMATS["md"](table({"a": [1]}))


def test_a_minus_before_zero_is_not_shown():
    assert "| a | **0.00** |" in FORMATS["md"](table({"a": [-0.001]}))


def test_the_spread_over_images():
    made = replace(TABLE, spread="std")
    lines = lines_of(FORMATS["md"](made))
    assert lines[2] == f"| input | <u>21.00</u> ± {math.sqrt(2):.2f} | <u>8.00</u> ± {math.sqrt(2):.2f} |"
    assert lines[3].startswith("| my_net | **25.12** (1 left out) | **1.50** ±")  # there is no spread of one
    assert "± is the standard deviation over images." in lines[-1]
    assert r"\underline{21.00} $\pm$ 1.41" in FORMATS["latex"](made)
    assert "standard deviation" not in FORMATS["md"](TABLE)


def test_seeds_are_averaged_and_a_spread_over_seeds_says_so():
    made = seeded(spread="std")
    assert made.values("pan", "psnr") == [23, 30]
    assert made.mean("pan", "psnr") == (26.5, 0)
    # means of the seeds: 25, 26, 28.5
    assert made.std_over_seeds("pan", "psnr") == pytest.approx(math.sqrt((1.5**2 + 0.5**2 + 2**2) / 2), rel=1e-14)
    assert made.std_over_images("pan", "psnr") == pytest.approx(7 / math.sqrt(2), rel=1e-14)
    assert math.isnan(made.std_over_seeds("l2", "psnr"))
    lines = lines_of(FORMATS["md"](made))
    assert lines[2:4] == ["| pan | **26.50** ± 1.80† |", "| l2 | <u>23.00</u> ± 2.83 |"]
    assert "± marked † is over 3 seeds (pan): the standard deviation of the seeds' means. " in lines[-1]
    assert "± unmarked is the standard deviation over images." in lines[-1]
    assert r"\textbf{26.50} $\pm$ 1.80$^\dagger$ \\" in FORMATS["latex"](made)
    alone = replace(made, methods=("pan",), scores=made.scores[:6])
    assert "over images" not in alone.caption().replace("Means over 2 images", "")


@pytest.mark.parametrize("spread", ["none", "interval"])
def test_seeds_are_named_without_their_spread_too(spread):
    assert "Means over 3 seeds (pan)." in seeded(spread=spread).caption()
    assert "†" not in FORMATS["md"](seeded(spread=spread))
    assert ("the seeds taken as they are" in seeded(spread=spread).caption()) == (spread == "interval")


def test_methods_of_different_numbers_of_seeds():
    made = seeded(spread="std")
    scores = (*made.scores[:6], *(Score("l2", image, "psnr", 1, "", seed) for image in "ab" for seed in "78"))
    assert "± marked † is over seeds (pan 3, l2 2): the standard" in replace(made, scores=scores).caption()
    assert "Means over seeds (pan 3, l2 2)." in replace(made, scores=scores, spread="none").caption()


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
    assert f"| a | **{np.mean(values):.2f}** [{low:.2f}, {high:.2f}] |" in FORMATS["md"](made)
    assert f"{{[}}{low:.2f}, {high:.2f}{{]}}" in FORMATS["latex"](made)
    assert "95 % bootstrap interval of the mean (percentile, 10,000 resamples of images)" in made.caption()

    scenes = {f"image{number}": f"scene{number // 4}" for number in range(40)}
    grouped = table({"a": sorted(values)}, scenes=scenes, spread="interval")
    wide = grouped.interval("a", "psnr")
    assert wide[1] - wide[0] > 1.5 * (high - low)
    assert grouped.scene_count == 10
    assert "Means over 40 images of 10 scenes." in grouped.caption()
    assert "10,000 resamples of scenes)" in grouped.caption()


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


def test_comparisons_stand_in_a_second_table():
    values = {"a_b": list(range(12)), "up": [value + 1.0 + 0.01 * value for value in range(12)]}
    made = table({**values, "one": [math.inf] * 11 + [11]}, against="a_b")
    lines = lines_of(FORMATS["md"](made))
    start = lines.index("| method | metric | difference | p | p (Holm) | effect | n |")
    assert lines[start - 1] == ""
    assert lines[start + 2 : start + 4] == [
        "| up | PSNR | +1.05 | <0.001 | <0.001 | +1.00 | 12 |",
        "| one | PSNR | 0.00 | – | – | – | 1 |",
    ]
    assert "minus that of a_b" in lines[-1]
    assert (
        "two-sided Wilcoxon signed-rank over images (n), its p as it is and adjusted by Holm for 1 test." in lines[-1]
    )
    assert "Pairs left out since a value is infinite or undefined: 11 in all." in lines[-1]
    text = FORMATS["latex"](made)
    assert r"up & PSNR & +1.05 & \textless{}0.001 & \textless{}0.001 & +1.00 & 12 \\" in text
    assert r"minus that of a\_b" in text
    assert r"\label{tab:comparison}" in text
    assert text.count(r"\begin{table}") == 2
    scenes = {f"image{number}": str(number // 2) for number in range(12)}
    by_scene = FORMATS["md"](replace(made, scenes=scenes))
    assert "over the mean differences of scenes (n)" in by_scene
    assert "| up | PSNR | +1.05 | 0.031 | 0.031 | +1.00 | 6 |" in by_scene  # 2 of 64
    assert "the mean over them" in FORMATS["md"](seeded(against="l2"))
    assert "Wilcoxon" not in FORMATS["md"](TABLE)


@pytest.mark.parametrize(("p", "text"), [(0.0123, "0.012"), (0.00099, "<0.001"), (0.001, "0.001"), (1, "1.000")])
def test_how_p_is_shown(monkeypatch, p, text):
    monkeypatch.setattr("img2img.reports.table.signed_rank", lambda _: type("Made", (), {"p": p, "effect": 0.5}))
    made = table({"a": [1, 2], "b": [2, 1]}, against="a")
    assert f"| 0.00 | {text} | {text} | +0.50 | 2 |" in FORMATS["md"](made)


def test_quoted_rows_stand_apart():
    made = replace(TABLE, quoted=(OURS,), columns={"size": {"my_net": "2 MB"}})
    lines = lines_of(FORMATS["md"](made))
    assert lines[0].endswith("| size |")
    assert lines[3].endswith("| **1.50** | 2 MB |")
    assert lines[4:6] == ["| *published* | | | |", "| PAN (quoted) | 23.35 | – | – |"]
    assert lines[-1].endswith(
        "Rows marked (quoted) are published figures, not measured here: their protocol differs from the one above or "
        "is not known to be the same, so they are never best or second. "
        "Quoted from a paper; protocol: unknown: not said; data: Rain800; read."
    )
    text = lines_of(FORMATS["latex"](made))
    place = text.index(r"PAN (quoted) & 23.35 & \textendash{} & \textendash{} \\")
    assert text[place - 1] == r"\midrule"
    assert text[place + 1] == r"\bottomrule"
    # nor does it count for the best, however good
    better = replace(made, quoted=(replace(OURS, values={"psnr": 99.0}),))
    assert better.best("psnr") == ("my_net",)
    assert "| PAN (quoted) | 99 |" in FORMATS["md"](better)


def test_quotes_of_several_sources_are_numbered():
    made = replace(TABLE, quoted=(OURS, OTHER, replace(OURS, method="L2", values={"psnr": 22.0})))
    lines = lines_of(FORMATS["md"](made))
    # with the decimals of their own source
    assert lines[5:8] == [
        "| PAN (quoted) [1] | 23.35 | – |",
        "| PAN (quoted) [2] | 24 | – |",
        "| L2 (quoted) [1] | 22.00 | – |",
    ]
    assert "[1] from a paper; protocol: unknown: not said; data: Rain800; read." in lines[-1]
    assert "[2] from another paper; protocol: luminance." in lines[-1]


def test_quotes_without_a_column_are_not_shown():
    text = FORMATS["md"](replace(TABLE, quoted=(replace(OURS, values={"vif": 0.4}),)))
    assert text == FORMATS["md"](TABLE)


def test_notes_and_the_cards_line_stand_in_the_caption():
    made = replace(TABLE, notes=("these were seen", "50% of them twice."), card={"line": "data 0123"})
    assert made.caption().endswith("1 infinite. These were seen. 50% of them twice. Data 0123.")
    assert r"50\% of them twice" in FORMATS["latex"](made)


def test_csv():
    rows = rows_of(replace(TABLE, against="input", quoted=(OURS,), columns={"size": {"my_net": "2 MB"}}))
    assert list(rows[0]) == [
        "method", "metric", "mean", "std_over_images", "std_over_seeds", "seeds", "low", "high", "images", "scenes",
        "infinite", "undefined", "difference", "p", "p_holm", "effect", "compared_with", "kind", "protocol", "source",
        "size",
    ]  # fmt: skip
    assert [(row["method"], row["metric"], float(row["mean"]), row["kind"]) for row in rows] == [
        ("input", "psnr", 21.0, "measured"),
        ("input", "mae", 8.0, "measured"),
        ("my_net", "psnr", 25.125, "measured"),
        ("my_net", "mae", 1.5, "measured"),
        ("PAN", "psnr", 23.35, "quoted"),
    ]
    # the sample standard deviation, and none of a single value
    assert float(rows[0]["std_over_images"]) == pytest.approx(math.sqrt(2), rel=1e-15)
    assert rows[2]["std_over_images"] == "nan"
    assert (rows[0]["low"], rows[0]["high"]) == ("20.0", "22.0")
    assert rows[2] | {"p": ""} == rows[2] | {
        "std_over_seeds": "nan", "seeds": "1", "images": "2", "scenes": "", "infinite": "1", "undefined": "0",
        "difference": "5.125", "p": "", "effect": "nan", "compared_with": "input", "protocol": PROTOCOL, "size": "2 MB",
    }  # fmt: skip
    assert [rows[0][key] for key in ("difference", "p", "p_holm", "effect", "compared_with")] == [""] * 5
    assert (rows[3]["difference"], rows[3]["p"], rows[3]["effect"]) == ("-6.5", "0.5", "-1.0")
    assert (rows[4]["protocol"], rows[4]["source"], rows[4]["images"]) == ("unknown: not said.", "a paper", "")


def test_csv_keeps_spreads_over_images_and_seeds_apart():
    pan, l2 = rows_of(seeded(scenes={"a": "x", "b": "y"}))
    assert (pan["seeds"], l2["seeds"], pan["scenes"]) == ("3", "1", "2")
    assert float(pan["std_over_seeds"]) == pytest.approx(1.8027756, rel=1e-7)
    assert float(pan["std_over_images"]) == pytest.approx(4.9497475, rel=1e-7)
    assert l2["std_over_seeds"] == "nan"


def test_json():
    scores = (Score("a", "x", "psnr", math.inf), Score("a", "x", "ssim", math.nan))
    identical = Table(
        ("a",), ("psnr", "ssim"), scores, PROTOCOL, ("so",), card={"deep": {"odd": [math.nan, -math.inf]}}
    )
    nothing = {"std_over_images": None, "std_over_seeds": None, "seeds": 1, "low": None, "high": None}
    assert json.loads(FORMATS["json"](identical)) == {
        "protocol": PROTOCOL,
        "images": 1,
        "scenes": None,
        "notes": ["so"],
        "methods": {
            "a": {
                "psnr": {"mean": "Infinity", **nothing, "infinite": 1, "undefined": 0},
                "ssim": {"mean": None, **nothing, "infinite": 0, "undefined": 1},
            }
        },
        "columns": {},
        "comparisons": [],
        "quoted": [],
        "card": {"deep": {"odd": [None, "-Infinity"]}},
    }
    made = json.loads(
        FORMATS["json"](replace(TABLE, quoted=(OURS,), against="input", columns={"size": {"input": "1"}}))
    )
    assert made["methods"]["input"]["psnr"]["mean"] == 21
    assert made["methods"]["my_net"]["psnr"]["infinite"] == 1
    assert made["quoted"][0]["source"] == "a paper"
    assert made["quoted"][0]["values"] == {"psnr": 23.35, "vif": 0.4}
    assert made["columns"] == {"size": {"input": "1"}}
    assert made["comparisons"][1] == {
        "method": "my_net", "metric": "mae", "against": "input", "difference": -6.5, "p": 0.5, "p_holm": 0.5,
        "effect": -1, "images": 2, "scenes": None, "left_out": 0,
    }  # fmt: skip


def test_values_of_each_image_in_full_precision():
    scores = (
        Score("a,b", "x", "psnr", np.float64(1) / 3),
        Score("a,b", "x", "ssim", math.nan, "smaller than the window"),
        Score("a,b", "y", "psnr", math.inf, "identical"),
    )
    rows = list(csv.reader(lines_of(Table(("a,b",), ("psnr", "ssim"), scores, PROTOCOL).per_image())))
    assert rows == [
        ["method", "image", "metric", "value", "reason"],
        ["a,b", "x", "psnr", repr(1 / 3), ""],
        ["a,b", "x", "ssim", "nan", "smaller than the window"],
        ["a,b", "y", "psnr", "inf", "identical"],
    ]


def test_values_of_each_seed():
    rows = list(csv.reader(lines_of(seeded().per_image())))
    assert rows[0] == ["method", "seed", "image", "metric", "value", "reason"]
    assert rows[2] == ["pan", "1", "a", "psnr", "23.0", ""]
    assert rows[-1] == ["l2", "", "b", "psnr", "25.0", ""]


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_table_gives_the_same_text(form):
    made = {"against": "l2", "spread": "interval", "quoted": (OURS,)}
    assert FORMATS[form](seeded(**made)) == FORMATS[form](seeded(**made))


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("l2_cgan", "l2_cgan"),
        ("a|b", r"a\|b"),
        ("_x_ *y* `z` <b> ~w~", r"\_x\_ \*y\* \`z\` \<b> \~w\~"),
        ("p <0.001", "p <0.001"),
        ("a\\b\nc", r"a\\b c"),
    ],
)
def test_escaping_for_markdown(text, escaped):
    assert escape_markdown(text) == escaped
    assert f"| {escaped} | **1.00** |" in FORMATS["md"](table({text: [1]}))


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("l2_cgan", r"l2\_cgan"),
        ("50% & $3 #1", r"50\% \& \$3 \#1"),
        ("{a}", r"\{a\}"),
        ("a\\b", r"a\textbackslash{}b"),
        ("~x^2", r"\textasciitilde{}x\textasciicircum{}2"),
        ("<a|b>", r"\textless{}a\textbar{}b\textgreater{}"),
        ("[1] *", "{[}1{]} {*}"),
        ("--weights", r"-{}-weights"),
        ("é–±→·×", r"\'{e}\textendash{}$\pm$$\rightarrow$$\cdot$$\times$"),
        ("e\u0301", r"\'{e}"),  # as macOS writes names
        ("naïve Škoda", r"na\"{\i}ve \v{S}koda"),
        ("straße, Łódź", r"stra\ss{}e, \L{}\'{o}d\'{z}"),
        ("ą", "a"),
        ("中", "U+4E2D"),
        ("½", "U+00BD"),
        ("x²", "x$^2$"),
        ("a\nb", "a b"),
        ('"', "''"),
    ],
)
def test_escaping_for_latex(text, escaped):
    assert escape(text) == escaped


AWKWARD = (
    "[1] first", "*", "l2_cgan", r"50% & $3 #1 {a} a\b ~x^2", "é–±→·×", "naïve Škoda straße Łódź", "中文", "--x",
    "".join(map(chr, range(0x20, 0x250))), "".join(map(chr, (*range(0x370, 0x530), *range(0x2000, 0x2300)))),
)  # fmt: skip


def awkward(spread):
    numbers = np.random.default_rng(0)
    values = {name: list(numbers.normal(25, 1, 12)) for name in AWKWARD}
    values["中文"][3] = math.inf
    quoted = (replace(OURS, method=AWKWARD[3], source=AWKWARD[4]), replace(OTHER, protocol=AWKWARD[8]))
    columns = {AWKWARD[3]: {"*": AWKWARD[5]}}
    notes = AWKWARD[1:3]
    return table(values, notes=notes, against="*", columns=columns, quoted=quoted, spread=spread)


def problems(text):
    """What is wrong with LaTeX tables, as far as can be told without TeX."""
    found = [] if text.isascii() else ["not ASCII"]
    bare = re.sub(r"\\[\\_&%#${}~^'`\"=.]", lambda match: "\0" if match[0] == r"\\" else "", text)
    depth = 0
    for brace in re.findall("[{}]", bare):
        depth += 1 if brace == "{" else -1
        found += ["brace closed too early"] * (depth < 0)
    found += ["brace left open"] * (depth > 0)
    opened = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            opened.append(name)
        elif not opened or opened.pop() != name:
            found.append(f"{name} ends where it was not open")
    found += [f"{name} left open" for name in opened]
    for number, line in enumerate(bare.splitlines()):
        outside = re.sub(r"\$[^$]*\$", "", line)
        found += [f"line {number}: {sign} not escaped" for sign in "%#~^_$" if sign in outside and line[:1] != "%"]
        found += [f"line {number}: {sign} after a row" for sign in "[*" if line.lstrip().startswith(sign)]
    for columns, body in re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", bare, re.S):
        rows = [line for line in body.splitlines() if line.strip() and not re.fullmatch(r"\\\w+rule", line)]
        found += [f"{row}: cells" for row in rows if row.count("&") != len(columns) - 1]
        found += [f"{row}: no end" for row in rows if not row.endswith("\0") or row.count("\0") != 1]
    return found


@pytest.mark.parametrize("spread", ["none", "std", "interval"])
def test_latex_is_sound(spread):
    assert problems(FORMATS["latex"](awkward(spread))) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (r"my\_net", "my_net", "_ not escaped"),
        (r"my\_net", r"my\_net & x", "cells"),
        (r"my\_net", "{my", "brace left open"),
        (r"my\_net", "my}{", "brace closed"),
        (r"my\_net &", "[my] &", "[ after a row"),
        (r"my\_net", "50% my", "% not escaped"),
        (r"my\_net", "é", "ASCII"),
        (r"\end{tabular}", "", "table ends"),
        (r"\textbf{1.50} \\", r"\textbf{1.50}", "no end"),
        (r"$\uparrow$", r"$\uparrow", "$ not escaped"),
    ],
)
def test_the_check_of_latex_finds_faults(old, new, problem):
    sound = FORMATS["latex"](TABLE)
    assert problems(sound) == []
    assert any(problem in found for found in problems(sound.replace(old, new)))


@pytest.mark.parametrize("spread", ["std", "interval"])
def test_latex_compiles(tmp_path, spread):
    engine = next((name for name in ("pdflatex", "latex", "tectonic") if shutil.which(name)), None)
    if engine is None:
        pytest.skip("no TeX here: pdflatex, latex or tectonic")
    head = "\\documentclass{article}\n\\usepackage[utf8]{inputenc}\n\\usepackage{booktabs}\n\\begin{document}\n"
    (tmp_path / "paper.tex").write_text(f"{head}{FORMATS['latex'](awkward(spread))}\n\\end{{document}}\n")
    options = ["--keep-logs"] if engine == "tectonic" else ["-interaction=nonstopmode", "-halt-on-error"]
    done = subprocess.run([engine, *options, "paper.tex"], cwd=tmp_path, capture_output=True, errors="replace")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Missing character" not in (tmp_path / "paper.log").read_text(errors="replace")


def test_latin_letters_have_a_form_but_for_those_that_the_standard_fonts_lack():
    lost = [letter for letter in map(chr, range(0xC0, 0x180)) if escape(letter).startswith("U+")]
    assert "".join(lost) == "ÐÞðþĐđĦħĸĿŀŉŊŋŦŧ"
