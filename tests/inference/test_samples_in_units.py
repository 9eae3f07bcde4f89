"""Grids, strips and arrays of samples, in the units of the data."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from translators import weights_file

from img2img.commands import main
from img2img.commands.sampling import parse_grid
from img2img.errors import UserError
from img2img.images import read
from img2img.inference import load
from img2img.inference.sampling import between

SMALL = ["train.steps=2", "train.batch=4", "generator.width=8", "critic.width=8", "train.precision=fp32"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return str(weights_file(tmp_path_factory.mktemp("w") / "w.safetensors", "nsgan", "images"))


def infer(weights: object, output: object, *more: str) -> int:
    return main(["infer", "--weights", str(weights), "--output", str(output), *more])


def test_between_the_ends_and_half_way():
    first, last = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])
    assert between(first, last, 3, "linear").tolist() == [[2, 0], [1, 1], [0, 2]]
    half = math.sqrt(2)
    assert torch.allclose(between(first, last, 3, "spherical"), torch.tensor([[2, 0], [half, half], [0, 2]]))
    assert torch.allclose(between(first, -first, 3, "spherical")[1], torch.zeros(2))
    assert torch.allclose(between(first, 2 * first, 3, "spherical")[1], torch.tensor([3.0, 0.0]))


def test_a_grid_shows_the_single_files(tmp_path, pictures):
    assert infer(pictures, tmp_path, "--samples", "5", "--grid", "2x3", "--npy") == 0
    grid = read(tmp_path / "grid.png").pixels
    assert grid.shape == (2 * 32 + 2, 3 * 32 + 4, 3)
    singles = [read(tmp_path / f"{number:04d}.png").pixels for number in range(5)]
    assert np.array_equal(grid[34:66, 34:66], singles[4])
    assert np.array_equal(np.load(tmp_path / "samples.npy"), np.stack(singles))
    assert infer(pictures, tmp_path / "all") == 0
    assert len(list((tmp_path / "all").glob("0*.png"))) == 16
    assert read(tmp_path / "all/grid.png").pixels.shape == (4 * 34 - 2, 4 * 34 - 2, 3)


def test_a_strip_begins_and_ends_at_its_samples(tmp_path, pictures):
    assert infer(pictures, tmp_path, "--samples", "4", "--between", "3", "1", "--steps", "5") == 0
    strip = read(tmp_path / "between-3-1.png").pixels
    assert strip.shape == (32, 5 * 34 - 2, 3)
    assert np.array_equal(strip[:, :32], read(tmp_path / "0003.png").pixels)
    assert np.array_equal(strip[:, -32:], read(tmp_path / "0001.png").pixels)


def test_the_same_z_for_a_number_at_every_count(tmp_path, pictures):
    made = load(pictures)
    assert torch.equal(torch.cat([made.z(3), made.z(2, 3)]), made.z(5))
    assert torch.equal(made.samples(z=made.z(1, 4)), made.samples(1, 4))
    infer(pictures, tmp_path / "a", "--samples", "2", "--seed", "1")
    infer(pictures, tmp_path / "b", "--samples", "2", "--seed", "2")
    assert not np.array_equal(*(read(tmp_path / name / "0001.png").pixels for name in "ab"))
    with pytest.raises(UserError, match=r"z of shape \(N, 100\) is needed"):
        made.samples(z=torch.zeros(2, 3))
    with pytest.raises(UserError, match="a count or z"):
        made.samples()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--samples 4 --between 3 4", "--between 3 4: samples are numbered 0 to 3; raise --samples"),
        ("--between 0 1 --steps 1", "--steps 1: both ends are shown"),
        ("--steps 5", "--steps: belongs to --between"),
        ("--steps 0", "--steps: belongs to --between"),
        ("--grid 4", "--grid 4: rows x columns are needed, such as 4x4"),
    ],
)
def test_flags_that_do_not_fit(tmp_path, pictures, capsys, words, line):
    assert infer(pictures, tmp_path / "out", *words.split()) == 2
    assert line in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_grids_in_words():
    assert parse_grid("8x4") == (8, 4)
    with pytest.raises(UserError, match="at most"):
        parse_grid("200x200")


@pytest.mark.parametrize("task", ["images", "toy"])
def test_rows_are_made_in_their_units_and_width(tmp_path, task):
    rows = np.random.default_rng(0).uniform(1000, 2000, (40, 10))
    names = [f"band {number}" for number in range(10)]
    text = "\n".join([",".join(names), *(",".join(map(str, row)) for row in rows)])
    (tmp_path / "rows.csv").write_text(text)
    words = ["generator.name=mlp", "critic.name=mlp", "critic.norm=none", *SMALL]
    run = tmp_path / "run"
    data = ["--data", str(tmp_path / "rows.csv"), "--output", str(run)]
    assert main(["train", "--task", task, "--method", "wgan_gp", *data, *words]) == 0
    assert infer(run, tmp_path / "made", "--samples", "3", "--between", "0", "2") == 0
    lines = (tmp_path / "made/points.csv").read_text().splitlines()
    assert lines[0].split(",") == names
    made = np.array([[float(cell) for cell in line.split(",")] for line in lines[1:]])
    assert made.shape == (3, 10)
    # a network that has learnt nothing yet makes nearly 0, the middle of the range
    assert np.allclose(made, (rows.min() + rows.max()) / 2, rtol=0.05)
    assert np.allclose(np.load(tmp_path / "made/samples.npy"), made, rtol=1e-5)
    if task == "images":
        assert read(tmp_path / "made/grid.png").pixels.shape == (4, 3 * 6 - 2, 1)
