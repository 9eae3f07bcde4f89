"""What cannot be learnt without pairs, or shown: one line with the cure, exit status 2, nothing written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from translators import weights_file

from img2img.commands import main

ROWS = np.random.default_rng(0).normal(size=(12, 4))
LEVELS = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8)
TRAIN = (
    "train --task images --output new generator=mlp critic=mlp generator.width=8 critic.width=8 data.load=8 "
    "data.crop=8 train.steps=1 train.batch=4 train.precision=fp32 --data "
)


def holed(values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values[3, 2] = np.nan
    return values


def level(values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values[:, 1] = 2.0
    return values


def table(rows: np.ndarray, names: str) -> str:
    return "\n".join([names, *(",".join(f"{value:g}" for value in row) for row in rows)])


FILES = {
    "good.npy": ROWS,
    "holed.npy": holed(ROWS),
    "infinite.npy": np.where(np.isclose(ROWS, ROWS[5, 1]), np.inf, ROWS),
    "constant.npy": level(ROWS),
    "equal.npy": np.full((12, 4), 3.0),
    "black.npy": LEVELS * 0,
    "flat.npy": ROWS[:, 0],
    "films.npy": np.ones((4, 2, 3, 3, 3)),
    "channels.npy": np.random.default_rng(0).normal(size=(9, 8, 8, 5)),
    "oblong.npy": np.random.default_rng(0).normal(size=(9, 8, 6)),
    "empty.npy": np.ones((0, 4)),
    "one.npy": ROWS[:1],
    "words.npy": np.array([["a", "b"]] * 9),
    "holed.csv": table(holed(ROWS), "mass,radius,period,age"),
    "constant.csv": table(level(ROWS), "mass,radius,period,age"),
    "gap.csv": "a,b\n1,2\n3,\n5,6\n",
    "words.csv": "a,b\n1,2\n3,x\n5,6\n",
    "ragged.csv": "a,b\n1,2\n3\n5,6\n",
}


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    for name, content in FILES.items():
        if isinstance(content, str):
            (tmp_path / name).write_text(content)
        else:
            np.save(tmp_path / name, content)
    np.savez(tmp_path / "short.npz", images=LEVELS, labels=np.arange(7))
    np.savez(tmp_path / "unlabelled.npz", images=LEVELS)
    (tmp_path / "lonely").mkdir()
    Image.fromarray(LEVELS[0]).save(tmp_path / "lonely/one.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            "holed.npy",
            "holed.npy: 1 values are NaN or infinite, the first at [3, 2]; fill them or leave out their rows",
        ),
        ("infinite.npy", "infinite.npy: 1 values are NaN or infinite, the first at [5, 1]"),
        ("holed.csv", "holed.csv: 1 values are NaN or infinite, the first at [3, 2]"),
        ("constant.npy data.scale=column", "1 columns are constant: 1; leave them out, or scale by the whole array"),
        ("constant.csv data.scale=column", "1 columns are constant: radius; leave them out"),
        ("equal.npy", "equal.npy: every value is 3; there is nothing to learn"),
        ("black.npy", "black.npy: every level is 0; there is nothing to learn"),
        ("flat.npy", "holds float64 (12,); rows (N, F) or images (N, H, W, 1 or 3) of numbers are needed"),
        ("films.npy", "holds samples of 2x3x3x3; rows (F), or images (H, W, 1 or 3) are taken"),
        ("channels.npy", "holds samples of 8x8x5; rows (F), or images (H, W, 1 or 3) are taken"),
        ("oblong.npy", "its images are 6x8; numbers are taken as squares; cut or pad them"),
        ("words.npy", "holds <U1 (9, 2); rows (N, F) or images (N, H, W, 1 or 3) of numbers are needed"),
        ("empty.npy", "holds float64 (0, 4); rows (N, F)"),
        ("one.npy", "holds 1 sample; at least 2 are needed, and some thousands to learn from"),
        ("lonely", "holds 1 sample to train on; at least 2 are needed, and some thousands"),
        ("gap.csv", "gap.csv: is no table of numbers (could not convert string '' to"),
        ("words.csv", "fill empty cells, leave out columns of words"),
        ("ragged.csv", "is no table of numbers (the number of columns changed from 2 to 1 at row 2); fill empty cells"),
        ("short.npz", "12 samples and 7 labels; each needs its own"),
        ("unlabelled.npz data.classes=true", "data.classes=true: unlabelled.npz has no labels; they come with MNIST's"),
        (
            "good.npy games=[minimax] parents=4",
            "several parents are only told apart by selection: give games more than",
        ),
        ("good.npy --method egan survival=pareto fitness.gamma=0", "survival=pareto weighs 2 values of each child"),
        ("good.npy --method egan survival=pareto fitness=random", "fitness 'random' gives 1: take quality_diversity"),
        (
            "good.npy games=[minimax,hinge] survival=random",
            "several games make children to choose from: name a fitness",
        ),
    ],
)
def test_refused_to_learn(words, says, here, capsys):
    before = {path.name for path in here.rglob("*")}
    assert main(f"{TRAIN}{words}".split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("img2img: ")
    assert says in line
    assert {path.name for path in here.rglob("*")} == before


def test_refused_to_show(tmp_path, capsys):
    weights = weights_file(tmp_path / "w.safetensors", "nsgan", "images")
    for words, says in (
        ("--samples 4 --between 3 4", "--between 3 4: samples are numbered 0 to 3; raise --samples"),
        ("--between -1 2", "--between -1 2: samples are numbered 0"),
        ("--between 0 2 --steps 1", "--steps 1: both ends are shown; at least 2 are needed"),
    ):
        assert main(["infer", "--weights", str(weights), "--output", str(tmp_path / "out"), *words.split()]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert says in line
        assert not (tmp_path / "out").exists()
