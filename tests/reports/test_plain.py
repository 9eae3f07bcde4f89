"""Tables for programs: CSV and JSON, and that every format is the same for the same table."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from score_tables import OURS, PROTOCOL, TABLE, lines_of, seeded

from img2img.reports.formats import FORMATS
from img2img.reports.plain import as_csv, as_json
from img2img.reports.table import Score, Table


def rows_of(made):
    return list(csv.DictReader(lines_of(as_csv(made))))


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
    assert json.loads(as_json(identical)) == {
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
    made = json.loads(as_json(replace(TABLE, quoted=(OURS,), against="input", columns={"size": {"input": "1"}})))
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
