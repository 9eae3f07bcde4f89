"""What is paired with what: methods that learn pairs get no partners at random, tasks of photos no degraded ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_run import save

from conftest import picture, small
from img2img.compute.distributed import World
from img2img.data import open_data
from img2img.errors import UserError
from img2img.recipes.settings import resolve
from img2img.training.train import train

QUICK = {"train.steps": 2, "train.batch": 2, "data.crop": 32, "data.validation_load": "null"}


@pytest.fixture
def unpaired(tmp_path: Path) -> Path:
    """trainA and trainB, whose pictures have the same names and sizes."""
    for number in range(4):
        save(tmp_path / f"set/trainA/{number}.png", picture(number, 32, 32))
        save(tmp_path / f"set/trainB/{number}.png", picture(number, 32, 32) // 2)
    return tmp_path / "set"


def test_a_paired_method_refuses_partners_at_random(unpaired, tmp_path):
    for method in ("l1", "pan"):
        with pytest.raises(UserError, match="learns from pairs, and these data are unpaired") as refused:
            train(small(method, **QUICK, **{"data.path": unpaired}), World(), tmp_path / "run")
        assert not (tmp_path / "run").exists()
    # each cure that the line names does
    said = str(refused.value)
    for task, method, extra in (
        ("unpaired", "cyclegan", {"generator.blocks": 1}),
        ("derain", "l1", {"data.layout": "two_folders"}),
        ("derain", "l1", {"data.layout": "unpaired"}),
    ):
        cure = [f"{key}={value}" for key, value in extra.items() if key.startswith("data")]
        assert (cure[0] if cure else f"--task {task} --method {method}") in said
        settings = small(method, task, **QUICK, **extra, **{"data.path": unpaired})
        done = train(settings, World(), tmp_path / f"run {method} {cure}")
        assert done.progress.step == 2


def test_partners_at_random_are_said_and_not_measured(unpaired, tmp_path, capsys):
    settings = small("l1", **QUICK, **{"data.path": unpaired, "data.layout": "unpaired", "train.validate_every": 1})
    train(settings, World(), tmp_path / "run")
    said = capsys.readouterr().err
    assert "partners are drawn at random, and this method learns each target as the one of its source" in said
    assert "no pairs: nothing is measured on them" in said
    assert "psnr" not in said
    logs = list((tmp_path / "run").glob("*.jsonl"))
    assert logs
    assert all("psnr" not in log.read_text() for log in logs)


@pytest.mark.parametrize("sides", [("lq", "gt"), ("train/input", "train/target"), ("blur", "sharp")])
def test_a_task_of_photos_takes_known_pairs_as_pairs(sides, tmp_path):
    for number in range(6):
        for side, factor in zip(sides, (2, 1), strict=True):
            save(tmp_path / side / f"{number}.png", picture(number) // factor)
    for task in ("inpaint", "edges", "derain"):
        data = open_data(resolve(task, "l1", str(tmp_path), None, ["data.load=null", "data.crop=32"]).data, 0)
        source, target = (data.train.whole(0)[side] for side in ("source", "target"))
        assert np.array_equal(source, target // 2)
        assert "made" not in data.notes[0]


def test_a_task_of_photos_asks_where_names_leave_doubt(tmp_path):
    for number in range(4):
        for side in ("foo", "bar"):
            save(tmp_path / side / f"{number}.png", picture(number))
    with pytest.raises(UserError, match="hold the same names"):
        open_data(resolve("inpaint", "l1", str(tmp_path), None, []).data, 0)


def test_pictures_alone_whose_names_repeat_are_said(tmp_path):
    for number in range(4):
        for side in ("lq", "gt"):
            save(tmp_path / side / f"{number}.png", picture(number))
    data = open_data(resolve("images", "nsgan", str(tmp_path), None, ["data.load=32", "data.crop=32"]).data, 0)
    assert any("hold the same names (8 of 8 pictures): each picture stands for itself" in note for note in data.notes)
