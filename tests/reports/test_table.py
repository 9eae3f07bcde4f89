"""Tables: means, the best of a column, and four ways to write them."""

from __future__ import annotations

import csv
import json
import math

import pytest

from img2img.metrics import PROTOCOL
from img2img.reports.table import FORMATS, Table, escape

ROWS = (
    ("input", "a", "psnr", 20.0), ("input", "a", "mae", 9.0), ("input", "b", "psnr", 22.0), ("input", "b", "mae", 7.0),
    ("my_net", "a", "psnr", 25.125), ("my_net", "a", "mae", 3.0), ("my_net", "b", "psnr", math.inf),
    ("my_net", "b", "mae", 0.0),
)  # fmt: skip
TABLE = Table(("input", "my_net"), ("psnr", "mae"), 2, ROWS)


def test_means_and_the_best():
    assert TABLE.values("input", "psnr") == [20, 22]
    assert TABLE.mean("input", "psnr") == (21, 0)
    assert TABLE.mean("my_net", "psnr") == (25.125, 1)
    assert TABLE.best("psnr") == "my_net"
    assert TABLE.best("mae") == "my_net"  # the lower is better
    undefined = Table(("a", "b"), ("ssim",), 1, (("a", "x", "ssim", math.nan), ("b", "x", "ssim", 0.1)))
    assert undefined.best("ssim") == "b"
    assert Table(("a",), ("ssim",), 1, (("a", "x", "ssim", math.nan),)).best("ssim") is None


def test_markdown():
    assert FORMATS["md"](TABLE).splitlines() == [
        "| method | PSNR (dB) ↑ | MAE (of 255) ↓ |",
        "|---|---:|---:|",
        "| input | 21.00 | 8.00 |",
        "| my_net | **25.12 (1 left out)** | **1.50** |",
        "",
        f"2 images; mean over images of {PROTOCOL}.",
    ]


def test_latex():
    assert FORMATS["latex"](TABLE).splitlines() == [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{2 images; mean over images of {escape(PROTOCOL)}.}}",
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r"Method & PSNR (dB) $\uparrow$ & MAE (of 255) $\downarrow$ \\",
        r"\midrule",
        r"input & 21.00 & 8.00 \\",
        r"my\_net & \textbf{25.12 (1 left out)} & \textbf{1.50} \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("l2_cgan", r"l2\_cgan"),
        ("50% & $3 #1", r"50\% \& \$3 \#1"),
        ("{a}", r"\{a\}"),
        ("a\\b", r"a\textbackslash{}b"),
        ("~x^2", r"\textasciitilde{}x\textasciicircum{}2"),
    ],
)
def test_escaping_for_latex(text, escaped):
    assert escape(text) == escaped


def test_csv():
    rows = list(csv.DictReader(FORMATS["csv"](TABLE).splitlines()))
    assert [(row["method"], row["metric"], float(row["mean"]), row["left_out"]) for row in rows] == [
        ("input", "psnr", 21.0, "0"),
        ("input", "mae", 8.0, "0"),
        ("my_net", "psnr", 25.125, "1"),
        ("my_net", "mae", 1.5, "0"),
    ]
    # the sample standard deviation, and none of a single value
    assert float(rows[0]["std_over_images"]) == pytest.approx(math.sqrt(2), rel=1e-15)
    assert rows[2]["std_over_images"] == "nan"


def test_json():
    rows = (("a", "x", "psnr", math.inf), ("a", "x", "ssim", math.nan))
    identical = Table(("a",), ("psnr", "ssim"), 1, rows, ("so",))
    assert json.loads(FORMATS["json"](identical)) == {
        "protocol": PROTOCOL,
        "images": 1,
        "notes": ["so"],
        "methods": {"a": {"psnr": "Infinity", "ssim": None}},
    }
    assert json.loads(FORMATS["json"](TABLE))["methods"]["input"] == {"psnr": 21.0, "mae": 8.0}


@pytest.mark.parametrize("form", ["md", "latex"])
def test_notes_stand_in_the_caption(form):
    noted = Table(("input",), ("psnr",), 2, ROWS[:4], ("these were seen", "50% of them twice"))
    text = FORMATS[form](noted)
    assert f"; these were seen; 50{chr(92) if form == 'latex' else ''}% of them twice." in text


def test_values_of_each_image_in_full_precision():
    third = Table(("a,b",), ("psnr", "ssim"), 1, (("a,b", "x", "psnr", 1 / 3), ("a,b", "x", "ssim", math.nan)))
    rows = list(csv.reader(third.per_image().splitlines()))
    assert rows[0] == ["method", "image", "metric", "value", "reason"]
    assert rows[1][:3] == ["a,b", "x", "psnr"]
    assert float(rows[1][3]) == 1 / 3
    assert rows[2][3:] == ["nan", "picture smaller than the 11x11 window"]
