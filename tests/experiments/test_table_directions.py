"""Shipped tables take pix2pix's own files: which half is the source of each set, by the pixels that are opened."""

from __future__ import annotations

import signal
from types import SimpleNamespace

import numpy as np
import pytest
from small_run import save

from conftest import picture
from img2img.commands import main
from img2img.data.opening import open_set
from img2img.errors import UserError
from img2img.experiments import reproduce as module
from img2img.experiments.table import load

# how pix2pix's files lie: what is left, and the side that each set of a table learns from
FILES = {
    ("table5", "labels2cityscapes"): ("photo", "drawing"),
    ("table5", "cityscapes2labels"): ("photo", "photo"),
    ("table5", "edges2shoes"): ("drawing", "drawing"),
    ("table5", "edges2handbags"): ("drawing", "drawing"),
    ("table5", "aerial2map"): ("photo", "photo"),
    ("facades", "facades"): ("photo", "drawing"),
    ("facades", "facades2labels"): ("photo", "photo"),
}


def sides(number: int) -> dict[str, np.ndarray]:
    """A grainy photo, and a drawing of few areas."""
    photo = picture(number, 96, 96)
    drawing = np.repeat(np.repeat(photo[::24, ::24] // 128 * 255, 24, 0), 24, 1)
    grain = np.random.default_rng(number).normal(0, 12, photo.shape)
    return {"photo": np.clip(photo + grain, 0, 255).astype(np.uint8), "drawing": drawing}


def pairs(folder, left: str):
    right = {"photo": "drawing", "drawing": "photo"}[left]
    for number in range(6):
        pair = sides(number)
        save(folder / f"{number}.png", np.concatenate([pair[left], pair[right]], 1))
    return folder


def test_no_set_is_forgotten():
    assert set(FILES) == {(name, its) for name in ("table5", "facades") for its in load(name).sets}


@pytest.mark.parametrize(("name", "its"), FILES)
def test_each_set_learns_from_the_side_it_names(name, its, tmp_path):
    left, source = FILES[name, its]
    data = pairs(tmp_path / "set", left)
    for arm in load(name).arms:
        train = open_set(load(name).settings(its, arm, str(data)).data, 0).train
        number = int(train.names[0].removesuffix(".png"))
        assert np.array_equal(train.decode(0)["source"], sides(number)[source])


@pytest.mark.parametrize(("name", "its"), FILES)
def test_files_that_lie_the_other_way_are_refused_with_the_key(name, its, tmp_path):
    left = {"photo": "drawing", "drawing": "photo"}[FILES[name, its][0]]
    data = str(pairs(tmp_path / "set", left))
    settings = load(name).settings(its, "PAN", data)
    turned = "data.direction=" + {"AtoB": "BtoA", "BtoA": "AtoB"}[settings.data.direction]
    with pytest.raises(UserError, match=turned):
        open_set(settings.data, 0)
    open_set(load(name).settings(its, "PAN", data, [f"{its}.{turned}"]).data, 0)


def test_facades_are_found_by_name(tmp_path, monkeypatch, capsys):
    # stopped before the first step: what is trained is tested with other tables
    monkeypatch.setattr(module, "train", lambda *_, **__: SimpleNamespace(signal=signal.SIGTERM))
    data = pairs(tmp_path / "set", "photo")
    small = ["generator.width=8", "critic.width=8", "data.crop=64", "data.load=null", "train.precision=fp32"]
    words = ["--data", f"facades={data}", "--output", str(tmp_path / "out"), "--steps", "1", "--arms", "pix2pix"]
    assert main(["reproduce", "facades", *small, *words]) == 0
    assert "plan of facades: 1 arm on facades" in capsys.readouterr().err
    assert "facades2labels" not in (tmp_path / "out/plan.yaml").read_text()
