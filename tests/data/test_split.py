"""Scenes: near-twins are found, and never on both sides of a split."""

from __future__ import annotations

import csv
import importlib
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import picture
from img2img.data import DataConfig, open_data, open_test
from img2img.data.split import find_scenes, split, thumbnail
from img2img.errors import UserError


def by_every_pair(thumbnails: list[np.ndarray]) -> list[int]:
    """The definition, one pair at a time."""
    scenes = list(range(len(thumbnails)))
    for i, j in itertools.combinations(range(len(thumbnails)), 2):
        for other in (thumbnails[j], thumbnails[j][:, ::-1]):
            if np.sqrt(np.mean((thumbnails[i] - other) ** 2)) < 4:
                old, new = max(scenes[i], scenes[j]), min(scenes[i], scenes[j])
                scenes = [new if scene == old else scene for scene in scenes]
    return scenes


@pytest.mark.parametrize("block", [3, 256])
def test_scenes_are_those_of_comparing_every_pair(monkeypatch, block):
    # the package gives the function of the same name
    monkeypatch.setattr(importlib.import_module("img2img.data.split"), "BLOCK", block)
    rng = np.random.default_rng(0)
    bases = [rng.uniform(0, 255, (24, 24, 3)) for _ in range(6)]
    thumbnails = []
    for index in range(40):
        base = bases[index % 6] + rng.normal(0, rng.choice([0.5, 2.5, 6]), (24, 24, 3)) + rng.uniform(-4, 4)
        thumbnails.append(base[:, ::-1] if rng.random() < 0.4 else base)
    found = find_scenes(thumbnails)
    assert found == by_every_pair(thumbnails)
    assert 6 < len(set(found)) < 40


def twins(folder: Path) -> None:
    """Ten scenes, clean left; of each the picture, a noisy twin under other rain, and a mirrored twin."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    for scene in range(10):
        clean = picture(scene, 48, 48)
        noisy = np.clip(clean + rng.normal(0, 5, clean.shape), 0, 255).astype(np.uint8)
        for letter, one in (("a", clean), ("b", noisy), ("c", clean[:, ::-1])):
            rainy = rng.integers(0, 256, clean.shape, dtype=np.uint8)
            Image.fromarray(np.concatenate([one, rainy], 1)).save(folder / f"{letter}{scene}.png")


@pytest.mark.parametrize("seed", range(5))
def test_no_scene_is_on_both_sides(tmp_path, seed):
    twins(tmp_path / "set")
    data = open_data(
        DataConfig(path=str(tmp_path / "set"), layout="side_by_side", direction="BtoA", validation=0.2), seed
    )
    train, held = ({name[1:] for name in part.names} for part in (data.train, data.validation))
    assert not train & held
    assert (len(data.train), len(data.validation)) == (24, 6)
    assert data.manifest["validation"] == list(data.validation.names)
    assert len(data.scenes) == 30
    assert len(set(data.scenes.values())) == 10
    assert all(data.scenes[f"a{n}.png"] == data.scenes[f"b{n}.png"] == data.scenes[f"c{n}.png"] for n in range(10))
    assert "30 pictures of 10 scenes: 24 for training, 6 for validation (split by scene)" in data.notes[0]


def test_the_clean_side_decides(tmp_path):
    twins(tmp_path / "set")
    wrong = open_data(
        DataConfig(path=str(tmp_path / "set"), layout="side_by_side", direction="AtoB", validation=0.2), 0
    )
    assert len(set(wrong.scenes.values())) == 30


@pytest.mark.parametrize("mode", ["label ids", "12 bits", "labels in colour"])
def test_the_photo_decides_where_the_target_shows_little(tmp_path, mode):
    colours = np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200]], np.uint8)
    areas = np.zeros((96, 96), int)
    areas[32:, :], areas[64:, :] = 1, 2
    target = {"label ids": areas.astype(np.uint8), "12 bits": (areas * 500).astype(np.uint16)}.get(mode, colours[areas])
    for side in ("source", "target"):
        (tmp_path / side).mkdir()
    for number in range(20):
        # every scene twice, and the same target for all
        Image.fromarray(picture(number // 2, 96, 96)).save(tmp_path / f"source/{number:02}.png")
        Image.fromarray(target).save(tmp_path / f"target/{number:02}.png")
    data = open_data(DataConfig(path=str(tmp_path), validation=0.2), 0)
    assert data.validation is not None
    assert len(set(data.scenes.values())) == 10
    assert (len(data.train), len(data.validation)) == (16, 4)


def test_a_split_is_a_function_of_the_seed():
    scenes = [n // 2 for n in range(60)]
    assert split(scenes, 0.2, 1) == split(scenes, 0.2, 1)
    assert split(scenes, 0.2, 1) != split(scenes, 0.2, 2)
    for share in (0.0, 0.1, 0.5, 1.0):
        kept, held = split(scenes, share, 0)
        assert sorted(kept + held) == list(range(60))
        assert kept
        assert bool(held) == (share > 0)
    assert split([0, 0, 0], 0.5, 0) == ([0, 1, 2], [])


def test_scenes_from_a_csv(tmp_path):
    twins(tmp_path / "set")
    names = sorted(file.name for file in (tmp_path / "set").iterdir())
    path = tmp_path / "scenes.csv"
    config = DataConfig(path=str(tmp_path / "set"), layout="side_by_side", validation=0.3, scenes=str(path))

    def write(rows: list[str]) -> None:
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([["file", "scene"], *([name, name[0]] for name in rows)])

    write(names)
    data = open_data(config, 0)
    assert set(data.scenes.values()) == {"a", "b", "c"}
    assert len({name[0] for name in data.validation.names}) == 1
    write(names[:-3])
    with pytest.raises(UserError) as caught:
        open_data(config, 0)
    assert str(caught.value) == f"{path}: no scene for c7.png and 2 more"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="a CSV with the columns file and scene is needed"):
        open_data(config, 0)


def test_rain800_has_355_scenes_and_leaks_none(shared):
    root = shared / "data/rain800"
    data = open_data(DataConfig(path=str(root / "train"), synthesis="rain", direction="BtoA", crop=256), 0)
    with (root / "scenes.csv").open() as file:
        listed = {row["file"]: row["scene"] for row in csv.DictReader(file)}
    assert len(data.scenes) == 614
    assert len(set(data.scenes.values())) == 355
    pairs = {(scene, listed[name]) for name, scene in data.scenes.items()}
    assert len(pairs) == 355
    sides = [{listed[name] for name in part.names} for part in (data.train, data.validation)]
    assert not sides[0] & sides[1]
    assert 0.07 < len(data.validation) / 614 < 0.13
    assert data.notes[1].startswith("8 of 614 pictures are smaller than the crop of 256 px")


def test_rain800_is_rainy_to_clean(shared):
    samples = open_test(DataConfig(synthesis="rain", direction="BtoA"), str(shared / "data/rain800"))
    with (shared / "data/rain800/scenes.csv").open() as file:
        known = {row["file"]: float(row["input_psnr_rgb"]) for row in csv.DictReader(file)}
    assert len(samples) == 614
    for index in range(0, 614, 60):
        pair = samples.whole(index)
        mse = np.mean((pair["source"].astype(np.float64) - pair["target"]) ** 2)
        assert 10 * np.log10(255**2 / mse) == pytest.approx(known[samples.names[index]], abs=0.01)


def test_rain100l_is_two_folders(shared):
    samples = open_test(DataConfig(synthesis="rain"), str(shared / "data/rain100L"))
    assert len(samples) == 26
    values = []
    for index in range(26):
        pair = samples.whole(index)
        values.append(10 * np.log10(255**2 / np.mean((pair["source"].astype(np.float64) - pair["target"]) ** 2)))
    assert np.mean(values) == pytest.approx(24.50, abs=0.01)


def test_camvid_by_named_folders(shared):
    config = DataConfig(path=str(shared / "data/camvid"), source="label", target="photo", validation=0.0)
    assert len(open_data(config, 0).train) == 123
    assert len(open_test(config, config.path)) == 43


def test_thumbnails_are_means_of_blocks():
    pixels = picture(0, 48, 72)
    expected = pixels.reshape(24, 2, 24, 3, 3).mean((1, 3))
    assert np.abs(thumbnail(pixels) - expected).max() <= 0.51
