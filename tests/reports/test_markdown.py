"""Tables in Markdown."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from score_tables import LINE, OTHER, OURS, TABLE, lines_of, seeded, table

from img2img.reports.latex import latex
from img2img.reports.markdown import escape, markdown


def test_markdown():
    assert lines_of(markdown(TABLE)) == [
        "| method | PSNR (dB) ↑ | MAE (of 255) ↓ |",
        "|---|---:|---:|",
        "| input | <u>21.00</u> | <u>8.00</u> |",
        "| my_net | **25.12** (1 left out) | **1.50** |",
        "",
        f"Means over 2 images. {LINE} Best bold, second underlined. Left out of the means: PSNR of my_net: 1 infinite.",
    ]


def test_what_is_left_out_is_counted_by_kind():
    made = table({"a": [1, math.inf, math.nan, math.inf], "b": [2, math.nan, 3, 4], "c": [1, 1, 1, 1],
                  "d": [math.nan, 5, 5, 5], "all": [math.inf] * 4})  # fmt: skip
    text = markdown(made)
    assert "PSNR of a: 2 infinite and 1 undefined; PSNR of b, d: 1 undefined; PSNR of all: 4 infinite." in text
    assert "| a | 1.00 (3 left out) |" in text
    assert "| all | **∞** |" in text
    assert r"all & \textbf{$\infty$} \\" in latex(made)
    assert "| a | – |" in markdown(table({"a": [math.nan]}))
    assert "Left out" not in markdown(table({"a": [1]}))


def test_a_minus_before_zero_is_not_shown():
    assert "| a | **0.00** |" in markdown(table({"a": [-0.001]}))


def test_the_spread_over_images():
    made = replace(TABLE, spread="std")
    lines = lines_of(markdown(made))
    assert lines[2] == f"| input | <u>21.00</u> ± {math.sqrt(2):.2f} | <u>8.00</u> ± {math.sqrt(2):.2f} |"
    assert lines[3].startswith("| my_net | **25.12** (1 left out) | **1.50** ±")  # there is no spread of one
    assert "± is the standard deviation over images." in lines[-1]
    assert r"\underline{21.00} $\pm$ 1.41" in latex(made)
    assert "standard deviation" not in markdown(TABLE)


def test_comparisons_stand_in_a_second_table():
    values = {"a_b": list(range(12)), "up": [value + 1.0 + 0.01 * value for value in range(12)]}
    made = table({**values, "one": [math.inf] * 11 + [11]}, against="a_b")
    lines = lines_of(markdown(made))
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
    text = latex(made)
    assert r"up & PSNR & +1.05 & \textless{}0.001 & \textless{}0.001 & +1.00 & 12 \\" in text
    assert r"minus that of a\_b" in text
    assert r"\label{tab:comparison}" in text
    assert text.count(r"\begin{table}") == 2
    scenes = {f"image{number}": str(number // 2) for number in range(12)}
    by_scene = markdown(replace(made, scenes=scenes))
    assert "over the mean differences of scenes (n)" in by_scene
    assert "| up | PSNR | +1.05 | 0.031 | 0.031 | +1.00 | 6 |" in by_scene  # 2 of 64
    assert "the mean over them" in markdown(seeded(against="l2"))
    assert "Wilcoxon" not in markdown(TABLE)


@pytest.mark.parametrize(("p", "text"), [(0.0123, "0.012"), (0.00099, "<0.001"), (0.001, "0.001"), (1, "1.000")])
def test_how_p_is_shown(monkeypatch, p, text):
    monkeypatch.setattr("img2img.reports.table.signed_rank", lambda _: type("Made", (), {"p": p, "effect": 0.5}))
    made = table({"a": [1, 2], "b": [2, 1]}, against="a")
    assert f"| 0.00 | {text} | {text} | +0.50 | 2 |" in markdown(made)


def test_quoted_rows_stand_apart():
    made = replace(TABLE, quoted=(OURS,), columns={"size": {"my_net": "2 MB"}})
    lines = lines_of(markdown(made))
    assert lines[0].endswith("| size |")
    assert lines[3].endswith("| **1.50** | 2 MB |")
    assert lines[4:6] == ["| *published* | | | |", "| PAN (quoted) | 23.35 | – | – |"]
    assert lines[-1].endswith(
        "Rows marked (quoted) are published figures, not measured here: their protocol differs from the one above or "
        "is not known to be the same, so they are never best or second. "
        "Quoted from a paper; protocol: unknown: not said; data: Rain800; read."
    )
    text = lines_of(latex(made))
    place = text.index(r"PAN (quoted) & 23.35 & \textendash{} & \textendash{} \\")
    assert text[place - 1] == r"\midrule"
    assert text[place + 1] == r"\bottomrule"
    # nor does it count for the best, however good
    better = replace(made, quoted=(replace(OURS, values={"psnr": 99.0}),))
    assert better.best("psnr") == ("my_net",)
    assert "| PAN (quoted) | 99 |" in markdown(better)


def test_quotes_of_several_sources_are_numbered():
    made = replace(TABLE, quoted=(OURS, OTHER, replace(OURS, method="L2", values={"psnr": 22.0})))
    lines = lines_of(markdown(made))
    # with the decimals of their own source
    assert lines[5:8] == [
        "| PAN (quoted) [1] | 23.35 | – |",
        "| PAN (quoted) [2] | 24 | – |",
        "| L2 (quoted) [1] | 22.00 | – |",
    ]
    assert "[1] from a paper; protocol: unknown: not said; data: Rain800; read." in lines[-1]
    assert "[2] from another paper; protocol: luminance." in lines[-1]


def test_quotes_without_a_column_are_not_shown():
    text = markdown(replace(TABLE, quoted=(replace(OURS, values={"vif": 0.4}),)))
    assert text == markdown(TABLE)


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
    assert escape(text) == escaped
    assert f"| {escaped} | **1.00** |" in markdown(table({text: [1]}))
