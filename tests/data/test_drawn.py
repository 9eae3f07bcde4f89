"""Pairs with label maps are told from pairs of photos, and from those whose sides are exchanged."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from small_run import save

from conftest import picture
from img2img.data.drawn import flat_share, same_detail
from img2img.data.opening import open_set
from img2img.errors import UserError
from img2img.recipes.settings import resolve


def label_map(photo: np.ndarray) -> np.ndarray:
    """A few colours in large areas that have to do with the photo."""
    coarse = photo[::24, ::24] // 128 * 255
    return np.repeat(np.repeat(coarse, 24, 0), 24, 1)[: photo.shape[0], : photo.shape[1]]


def opened(folder, task: str, left, right, ending: str = "png", **how: object) -> str:
    """The first line about a set of six pairs side by side, made of six photos."""
    for number in range(6):
        photo = picture(number, 96, 96)
        save(folder / f"{number}.{ending}", np.concatenate([left(photo, number), right(photo, number)], 1))
    overrides = [f"{key}={value}" for key, value in how.items()]
    return open_set(resolve(task, None, str(folder), None, ["data.layout=side_by_side", *overrides]).data, 0).notes[0]


def grainy(photo: np.ndarray, number: int) -> np.ndarray:
    return np.clip(photo + np.random.default_rng(number).normal(0, 12, photo.shape), 0, 255).astype(np.uint8)


def labels(photo: np.ndarray, number: int) -> np.ndarray:
    return label_map(photo)


def another(photo: np.ndarray, number: int) -> np.ndarray:
    return grainy(picture(number + 50, 96, 96), number)


@pytest.mark.parametrize("ending", ["png", "jpg"])
@pytest.mark.parametrize("task", ["photo2labels", "labels2photo"])
def test_label_maps_are_taken(tmp_path, task, ending):
    assert "side_by_side" in opened(tmp_path, task, grainy, labels, ending)


@pytest.mark.parametrize("right", [grainy, another], ids=["the same photo", "another"])
@pytest.mark.parametrize("task", ["photo2labels", "labels2photo"])
def test_two_photos_are_refused_with_the_cure(tmp_path, task, right):
    with pytest.raises(UserError, match=r"both sides look like photos; --task paired .* data\.drawn=none"):
        opened(tmp_path, task, grainy, right)
    assert "side_by_side" in opened(tmp_path, task, grainy, right, **{"data.drawn": "none"})


@pytest.mark.parametrize(
    ("task", "cure"), [("photo2labels", "BtoA"), ("labels2photo", "AtoB"), ("edges2shoes", "BtoA")]
)
def test_exchanged_sides_are_refused_with_the_cure(tmp_path, task, cure):
    left, right = (grainy, labels) if task == "edges2shoes" else (labels, grainy)
    with pytest.raises(UserError, match=rf"looks like them; data\.direction={cure}"):
        opened(tmp_path, task, left, right)
    assert "side_by_side" in opened(tmp_path, task, left, right, **{"data.direction": cure})


def test_classes_in_the_files_are_proof_enough(tmp_path):
    """Labels of one pixel each are not flat, but palette PNGs of the classes."""
    for number in range(3):
        classes = np.random.default_rng(number).integers(0, 4, (64, 64)).astype(np.uint8)
        labels = Image.fromarray(classes, "P")
        labels.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 200])
        for name in ("photo", "label"):
            (tmp_path / "train" / name).mkdir(parents=True, exist_ok=True)
        labels.save(tmp_path / f"train/label/{number}.png")
        save(tmp_path / f"train/photo/{number}.png", grainy(picture(number, 64, 64), number))
    sides = ["data.source=photo", "data.target=label", "data.load=64", "data.crop=64"]
    with pytest.raises(UserError, match="both sides look like photos"):
        open_set(resolve("photo2labels", None, str(tmp_path), None, sides).data, 0)
    open_set(resolve("photo2labels", None, str(tmp_path), None, [*sides, "data.labels=4"]).data, 0)


def test_flat_blocks_are_counted_by_hand():
    half = np.zeros((16, 16, 3), np.uint8)
    half[::2, 8:] = 13
    assert flat_share(half) == 0.5
    half[half > 0] = 12
    assert flat_share(half) == 1


def test_detail_is_the_same_under_other_levels_and_none_where_there_is_none():
    photo = picture(0, 64, 64)
    assert same_detail(photo, photo // 2) > 0.95
    assert same_detail(photo, np.zeros_like(photo)) == 0
    assert same_detail(photo, photo[:32]) == 0
