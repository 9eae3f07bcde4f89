"""The made array: what its recipe says, opened as any array, and made again in its own units."""

from __future__ import annotations

import numpy as np
import pytest

from img2img.commands import main
from img2img.config import build
from img2img.data import DataConfig, open_data
from img2img.data.planet import COLUMNS, LINES, ROWS, planet_rows
from img2img.errors import UserError


def opened(**keys: object):
    return open_data(build(DataConfig, {"layout": "planet", **keys}, "data"), 0)


def test_rows_are_what_the_recipe_says():
    rows = planet_rows(2000, 400)
    assert (rows.shape, rows.dtype) == ((2000, 400), np.float32)
    assert np.array_equal(rows, planet_rows(2000, 400))
    # the mean over rows: 0.5 less half of 0.3 times Beta(2, 5)'s mean, 2 / 7, in the lines; nothing between them
    mean = rows.mean(0)
    place = round(LINES[1] * 399)
    assert mean[place] == pytest.approx(0.5 - 0.5 * 0.3 * 2 / 7, abs=0.01)
    assert mean[round(0.375 * 399)] == pytest.approx(0.5, abs=0.01)
    # at x = 0 every wave is 1: variances 0.1^2 (1 + 1/4 + 1/9 + 1/16) and the noise's
    assert rows[:, 0].std() == pytest.approx((0.01 * (1 + 1 / 4 + 1 / 9 + 1 / 16) + 1e-4) ** 0.5, rel=0.05)
    # about half of the rows have lines: their depth stands out of the noise
    depth = rows[:, place - 20] - rows[:, place]
    assert 0.35 < (depth > 0.04).mean() < 0.5


def test_the_shape_is_the_planets():
    assert (ROWS, COLUMNS) == (3909, 4734)
    assert build(DataConfig, {}, "data").made == (3909, 4734)


def test_it_is_opened_as_squares_with_its_own_units():
    data = opened(made=[40, 30])
    assert (len(data.train), len(data.validation or ())) == (36, 4)
    sample = data.train.sample(0, 0, 0)["target"]
    assert sample.shape == (1, 6, 6)
    assert sample.flatten()[30:].tolist() == [-1.0] * 6
    back = data.train.recipe.from_network(sample[None])
    assert np.allclose(back[0], planet_rows(40, 30)[data.train.numbers[0]], atol=1e-6)
    assert "made spectra of planets, 40 rows of 30 numbers, each a square of 6" in data.notes[0]
    assert opened(made=[40, 30], rows="vector").train.sample(0, 0, 0)["target"].shape == (30,)


def test_what_does_not_fit_is_named_as_built_in():
    with pytest.raises(UserError, match=r"data\.layout=planet: rows of 30 do not fit data\.side=5; 6 is least"):
        opened(made=[40, 30], side=5)


def test_a_generator_of_it_writes_rows_of_its_width(tmp_path):
    words = ["--task", "images", "--method", "gan", "--output", str(tmp_path / "run"), "data.layout=planet"]
    words += ["data.made=[80, 30]", "generator.width=8", "critic.width=8", "train.steps=1", "train.batch=4"]
    words += ["data.validation=0.5", "metrics=[wasserstein]", "selection=wasserstein"]
    assert main(["train", *words]) == 0
    assert main(["infer", "--weights", str(tmp_path / "run"), "--samples", "3", "--output", str(tmp_path / "out")]) == 0
    assert np.load(tmp_path / "out/samples.npy").shape == (3, 30)
    assert main(["evaluate", "--weights", f"ours={tmp_path / 'run'}", "--metrics", "wasserstein"]) == 0
