"""Tables in LaTeX: sound whatever the names are, and compiled where there is TeX."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from score_tables import LINE, OTHER, OURS, TABLE, lines_of, table

from img2img.reports.latex import escape, latex


def test_latex():
    assert lines_of(latex(TABLE)) == [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        r"\caption{Mean PSNR and MAE over 2 images (protocol rgb).}",
        r"\label{tab:results}",
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r"Method & PSNR (dB) $\uparrow$ & MAE (of 255) $\downarrow$ \\",
        r"\midrule",
        r"input & \underline{21.00} & \underline{8.00} \\",
        r"my\_net & \textbf{25.12} (1 left out) & \textbf{1.50} \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\medskip",
        r"\begin{minipage}{\linewidth}",
        r"\footnotesize\raggedright",
        rf"{LINE}\par",
        r"Best bold, second underlined.\par",
        r"Left out of the means: PSNR of my\_net: 1 infinite.\par",
        r"\end{minipage}",
        r"\end{table}",
    ]


ADDRESS = "https://doi.org/10.1109/TIP_1/2"


def test_the_caption_is_short_and_provenance_stands_in_the_notes():
    quoted = (replace(OURS, source=f"a paper (table 2, {ADDRESS})"),)
    made = replace(TABLE, quoted=quoted, against="input", card={"line": "data set 0123"}, scenes={"a": "x", "b": "x"})
    text = latex(made)
    assert re.findall(r"\\caption\{(.*)\}", text) == [
        "Mean PSNR and MAE over 2 images of 1 scene (protocol rgb).",
        "Differences to input, paired by image (protocol rgb, 2 images of 1 scene).",
    ]
    notes = text.partition(r"\end{tabular}")[2]
    for words in (LINE, "Rows marked (quoted) are published", "Data set 0123.", "Effect: matched-pairs rank-biserial"):
        assert words in notes
    # an address can be broken, and is whole all the same
    assert r"https:/\allowbreak{}/\allowbreak{}doi.org/\allowbreak{}10.1109" in notes
    assert ADDRESS in notes.replace(r"\allowbreak{}", "").replace(r"\_", "_")
    # a slash in a short word stays as it is
    assert r"And/or.\par" in latex(replace(TABLE, notes=("and/or",)))


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
    notes = (*AWKWARD[1:3], "", "https://example.org/" + "path_/" * 40)
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
    assert problems(latex(awkward(spread))) == []


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
    sound = latex(TABLE)
    assert problems(sound) == []
    assert any(problem in found for found in problems(sound.replace(old, new)))


@pytest.mark.parametrize("spread", ["std", "interval"])
def test_latex_compiles(tmp_path, spread):
    engine = next((name for name in ("pdflatex", "latex", "tectonic") if shutil.which(name)), None)
    if engine is None:
        pytest.skip("no TeX here: pdflatex, latex or tectonic")
    head = "\\documentclass{article}\n\\usepackage[utf8]{inputenc}\n\\usepackage{booktabs}\n\\begin{document}\n"
    (tmp_path / "paper.tex").write_text(f"{head}{latex(awkward(spread))}\n\\end{{document}}\n")
    options = ["--keep-logs"] if engine == "tectonic" else ["-interaction=nonstopmode", "-halt-on-error"]
    done = subprocess.run([engine, *options, "paper.tex"], cwd=tmp_path, capture_output=True, errors="replace")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Missing character" not in (tmp_path / "paper.log").read_text(errors="replace")


def test_latin_letters_have_a_form_but_for_those_that_the_standard_fonts_lack():
    lost = [letter for letter in map(chr, range(0xC0, 0x180)) if escape(letter).startswith("U+")]
    assert "".join(lost) == "ÐÞðþĐđĦħĸĿŀŉŊŋŦŧ"
