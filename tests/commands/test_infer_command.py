"""``img2img infer``: names, folders, what is kept, what is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_run import make_pairs, save, train, tree

from conftest import picture
from img2img.commands import main
from img2img.images import as_rgb8, read
from img2img.inference import load


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("infer")
    assert train(make_pairs(root / "pairs"), root / "run") == 0
    return root / "run"


@pytest.fixture
def photos(tmp_path) -> Path:
    save(tmp_path / "photos/a.png", picture(0))
    save(tmp_path / "photos/day/b.jpg", picture(1, 33, 17))
    save(tmp_path / "photos/day/b.png", picture(2, 5, 3))
    save(tmp_path / "photos/c.gif", picture(3))
    (tmp_path / "photos/notes.txt").write_text("not looked at")
    return tmp_path / "photos"


def infer(weights: Path, source: Path, output: Path, *more: str) -> int:
    return main(["infer", "--weights", str(weights), "--input", str(source), "--output", str(output), *more])


def test_a_folder_keeps_its_names_and_sub_folders(run, photos, tmp_path, capsys):
    before = tree(photos)
    assert infer(run, photos, tmp_path / "dry") == 0
    assert sorted(tree(tmp_path / "dry")) == ["a.png", "c.png", "day/b.jpg", "day/b.png"]
    assert Image.open(tmp_path / "dry/day/b.jpg").size == (17, 33)
    assert Image.open(tmp_path / "dry/day/b.png").size == (3, 5)
    assert tree(photos) == before
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "4 pictures written to" in captured.err
    assert "0 failed" in captured.err


def test_what_is_written_is_what_the_weights_make(run, photos, tmp_path):
    assert infer(run / "weights/last.safetensors", photos / "a.png", tmp_path / "dry") == 0
    made = as_rgb8(read(tmp_path / "dry/a.png"))
    assert np.array_equal(made, load(run / "weights/last.safetensors").pixels(picture(0)))
    assert not np.array_equal(made, picture(0))


def test_results_that_are_there_are_kept_unless_told(run, photos, tmp_path, capsys):
    (tmp_path / "dry").mkdir()
    (tmp_path / "dry/a.png").write_text("mine")
    assert infer(run, photos, tmp_path / "dry") == 0
    assert "1 already there" in capsys.readouterr().err
    assert (tmp_path / "dry/a.png").read_text() == "mine"
    before = tree(tmp_path / "dry")
    assert infer(run, photos, tmp_path / "dry") == 0
    assert "0 pictures written" in capsys.readouterr().err
    assert tree(tmp_path / "dry") == before
    assert infer(run, photos, tmp_path / "dry", "--overwrite") == 0
    assert "4 pictures written" in capsys.readouterr().err
    assert Image.open(tmp_path / "dry/a.png").size == (64, 48)


def test_all_results_in_one_format(run, photos, tmp_path):
    assert infer(run, photos, tmp_path / "dry", "--format", "webp") == 0
    assert sorted(tree(tmp_path / "dry")) == ["a.webp", "c.webp", "day/b.webp", "day/b_png.webp"]
    assert Image.open(tmp_path / "dry/a.webp").format == "WEBP"


def test_best_is_taken_where_a_run_is_named(run, photos, tmp_path):
    assert infer(run, photos / "a.png", tmp_path / "one") == 0
    assert infer(run / "weights/best.safetensors", photos / "a.png", tmp_path / "two") == 0
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_several_samples_where_dropout_makes_them(photos, tmp_path):
    pairs = make_pairs(tmp_path / "pairs")
    network = "generator={name: unet, width: 8, inference: {norm: batch, dropout: true}}"
    assert train(pairs, tmp_path / "run", network, "data.crop=64") == 0
    assert infer(tmp_path / "run", photos / "a.png", tmp_path / "made", "--samples", "2") == 0
    one, two = (np.asarray(Image.open(tmp_path / f"made/a_{n}.png")) for n in (0, 1))
    assert one.shape == two.shape == (48, 64, 3)
    assert not np.array_equal(one, two)
    first = tree(tmp_path / "made")
    assert infer(tmp_path / "run", photos / "a.png", tmp_path / "again", "--samples", "2") == 0
    assert tree(tmp_path / "again") == first


def test_points_out_of_noise(tmp_path, capsys):
    assert main(["train", "--task", "toy", "--output", str(tmp_path / "run"), "generator.width=8", "critic.width=8",
                 "data.samples=64", "train.steps=2"]) == 0  # fmt: skip
    words = ["infer", "--weights", str(tmp_path / "run"), "--samples", "5", "--output", str(tmp_path / "made")]
    assert main(words) == 0
    points = np.loadtxt(tmp_path / "made/points.csv", delimiter=",")
    assert points.shape == (5, 2)
    assert len(np.unique(points[:, 0])) == 5
    before = tree(tmp_path / "made")
    capsys.readouterr()
    assert main(words) == 0
    assert "1 already there" in capsys.readouterr().err
    assert tree(tmp_path / "made") == before
