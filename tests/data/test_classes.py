"""Labels of data as classes that networks are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from img2img.data import open_data
from img2img.data.config import DataConfig
from img2img.data.loader import collate
from img2img.errors import UserError


def table(path: Path, labels: list[float]) -> str:
    rows = np.column_stack([np.arange(len(labels)), np.arange(len(labels)) % 7, labels])
    np.savetxt(path, rows, delimiter=",", header="mass,radius,label", comments="")
    return str(path)


def images(path: Path, **labels: list[int]) -> str:
    np.savez(path, images=np.arange(40 * 64, dtype=np.uint8).reshape(40, 8, 8), **labels)
    return str(path)


def config(path: str, **more: object) -> DataConfig:
    return DataConfig(path=path, layout="images", crop=8, flip=False, rows="vector", classes=True, **more)


@pytest.mark.parametrize("kind", ["rows", "images"])
def test_a_samples_class_is_the_place_of_its_label(tmp_path, kind):
    labels = [5, -1, 9, 5] * 10
    path = table(tmp_path / "t.csv", labels) if kind == "rows" else images(tmp_path / "t.npz", labels=labels)
    data = open_data(config(path, validation=0.2), 0)
    assert data.train.classes == data.validation.classes == (-1, 5, 9)
    batch = collate([(data.train.sample(0, index, 0), index) for index in range(len(data.train))])
    assert batch.extra["classes"].shape == (len(data.train), 3)
    assert batch.extra["classes"].sum(1).eq(1).all()
    assert [(-1, 5, 9)[place] for place in batch.extra["classes"].argmax(1).tolist()] == batch.extra["label"].tolist()
    # a class that is only held out, or only trained on, counts all the same
    assert {-1, 5, 9} >= set(batch.extra["label"].tolist())


def test_without_the_key_labels_are_kept_and_nobody_is_told(tmp_path):
    path = images(tmp_path / "t.npz", labels=[1, 2] * 20)
    train = open_data(DataConfig(path=path, layout="images", crop=8, flip=False), 0).train
    assert sorted(train.sample(0, 0, 0)) == ["label", "target"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({}, "has no labels; they come with MNIST's and CIFAR-10's files, as 'labels' in an .npz"),
        ({"labels": [3] * 40}, "has the label 3 alone; 2 to 1000 classes are needed"),
    ],
)
def test_images_without_classes(tmp_path, labels, message):
    with pytest.raises(UserError, match=message):
        open_data(config(images(tmp_path / "t.npz", **labels)), 0)


def test_measurements_are_no_classes(tmp_path):
    with pytest.raises(UserError, match="has 1200 different labels; 2 to 1000 classes"):
        open_data(config(table(tmp_path / "t.csv", list(range(1200)))), 0)
    with pytest.raises(UserError, match="its labels are no whole numbers"):
        open_data(config(table(tmp_path / "t.csv", [0.5, 1.5])), 0)


def test_photographs_and_points_have_none():
    for layout in ("images", "mixture"):
        with pytest.raises(UserError, match=r"data.classes=true: .* has no labels"):
            open_data(DataConfig(layout=layout, crop=8, classes=True), 0)


def test_classes_are_not_mixed():
    with pytest.raises(ValueError, match=r"data.classes and data.mix cannot be used together"):
        DataConfig(classes=True, mix=({"path": None, "weight": 0.5},))
