"""Targets, inputs and results that are pairs side by side, given to evaluate as folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_run import evaluate, save, taken

import img2img
from conftest import picture
from img2img.compute.distributed import World
from img2img.errors import UserError
from img2img.evaluation.compare import of_folders
from img2img.evaluation.request import Request
from img2img.images import Picture, write

NUMBERS = range(3)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Clean and rainy pictures, pairs of them (clean left), results, and results right of (and left of) the input."""
    for number in NUMBERS:
        clean = picture(number)
        rainy, dry = clean // 2, clean - clean // 8
        for folder, pixels in (
            ("clean", clean), ("rainy", rainy), ("pairs", np.concatenate([clean, rainy], 1)), ("dry", dry),
            ("input result", np.concatenate([rainy, dry], 1)), ("result input", np.concatenate([dry, rainy], 1)),
            ("three", np.concatenate([rainy, dry, clean], 1)),
        ):  # fmt: skip
            save(tmp_path / folder / f"sub/{number}.png", pixels)
    return tmp_path


def expected() -> list[float]:
    return [taken("psnr", picture(n) - picture(n) // 8, picture(n)) for n in NUMBERS]


@pytest.mark.parametrize(
    ("target", "results", "direction"),
    [
        ("clean", "dry", None),
        ("pairs", "dry", "BtoA"),
        ("clean", "input result", "AtoB"),
        ("clean", "result input", "BtoA"),
    ],
)
def test_the_half_that_is_meant_is_measured(root, target, results, direction):
    table = img2img.evaluate(root / results, root / target, "psnr", direction=direction)
    assert table.values("results", "psnr") == pytest.approx(expected())
    said = [note for note in table.notes if "pairs side by side" in note]
    assert len(said) == (direction is not None)
    if said:
        assert ("left" if direction == "BtoA" else "right") + " half is taken" in said[0]


def test_pairs_hold_the_inputs_too_and_rows_may_differ(root, tmp_path, capsys):
    folders = {"plain": root / "dry", "combined": root / "result input"}
    made = of_folders(root / "pairs", folders, root / "pairs", Request(direction="BtoA"), None, World(), shown=False)
    inputs = [taken("psnr", picture(n) // 2, picture(n)) for n in NUMBERS]
    assert made.table.values("input (untouched)", "psnr") == pytest.approx(inputs)
    for row in folders:
        assert made.table.values(row, "psnr") == pytest.approx(expected())
    words = ("--target", root / "pairs", "--source", root / "pairs", "--results", f"dry={root / 'dry'}")
    assert evaluate(*words, "--direction", "BtoA", "--output", tmp_path / "out") == 0
    assert (tmp_path / "out/report.html").exists()
    assert "pairs side by side, of which the left half is taken (BtoA)" in capsys.readouterr().out


def test_sixteen_bits_stay(root, tmp_path):
    for number in NUMBERS:
        deep = np.full((32, 64, 3), 300 * number + 7, np.uint16)
        deep[:, 32:] += 5
        for folder, pixels in (("targets", deep), ("results", deep[:, :32] + 1)):
            (tmp_path / folder).mkdir(exist_ok=True)
            write(tmp_path / folder / f"{number}.png", Picture(pixels))
    for direction, error in (("BtoA", 1), ("AtoB", 4)):
        table = img2img.evaluate(tmp_path / "results", tmp_path / "targets", "mae", "rgb,depth=16", direction=direction)
        assert table.values("results", "mae") == pytest.approx([error / 257] * 3)


def test_in_doubt_the_direction_is_asked_for_and_helps(root):
    for target, results in (("pairs", "dry"), ("clean", "input result")):
        with pytest.raises(UserError, match=r"as pairs side by side are; --direction AtoB takes the right half"):
            img2img.evaluate(root / results, root / target)


@pytest.mark.parametrize(
    ("target", "results", "direction", "says"),
    [
        ("clean", "dry", "AtoB", "--direction AtoB: no pairs side by side are among"),
        ("clean", "dry", "up", "unknown direction 'up'"),
        ("clean", "three", None, "three times as wide"),
        ("pairs", "pairs", "AtoB", "is the folder of the targets"),
    ],
)
def test_what_is_no_pair_is_refused(root, target, results, direction, says):
    with pytest.raises(UserError, match=says):
        img2img.evaluate(root / results, root / target, direction=direction)
