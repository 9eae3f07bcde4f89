"""Layers of other scenes put onto a target."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import picture
from img2img.config import build
from img2img.data import DataConfig, open_data
from img2img.data.config import Exchange
from img2img.data.exchange import exchanged
from img2img.data.samples import Pictures
from img2img.errors import UserError
from img2img.randomness import generator


def test_one_exchange_by_hand():
    pair = {"source": np.full((1, 3, 1), 7, np.uint8), "target": np.array([[[100], [250], [3]]], np.uint8)}
    other = {"source": np.array([[[60], [90], [40]]], np.uint8), "target": np.array([[[40], [50], [50]]], np.uint8)}
    options = Exchange(share=1.0, strength_min=1.5, strength_max=1.5)
    made = exchanged(pair, options, lambda rng: other, generator(0))
    # layers 20, 40, -10, at one and a half: 100 + 30, 250 + 60, 3 - 15
    assert made["source"].ravel().tolist() == [130, 255, 0]
    assert np.array_equal(made["target"], pair["target"])


def test_the_share_and_the_strength_are_those_of_the_options():
    pair = {"source": np.zeros((1, 1, 3), np.uint8), "target": np.full((1, 1, 3), 50, np.uint8)}
    other = {"source": np.full((1, 1, 3), 100, np.uint8), "target": np.zeros((1, 1, 3), np.uint8)}
    options = Exchange(share=0.3, strength_min=0.5, strength_max=1.5)
    levels = [exchanged(pair, options, lambda rng: other, generator(seed))["source"][0, 0, 0] for seed in range(1000)]
    strengths = np.array([level for level in levels if level]) / 100.0 - 0.5
    assert len(strengths) == pytest.approx(300, abs=45)
    assert (strengths.min(), strengths.max()) == pytest.approx((0.5, 1.5), abs=0.03)
    assert strengths.mean() == pytest.approx(1.0, abs=0.06)


def layered(folder: Path, scenes: int = 3) -> Path:
    """Two pictures of each of some scenes side by side, a flat target and a source that is 10 (1 + scene) lighter."""
    with (folder / "scenes.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("file", "scene"))
        for number in range(2 * scenes):
            target = np.full((40, 44 + number, 3), 60 + number, np.uint8)
            pair = np.concatenate([target + 10 * (1 + number // 2), target], 1)
            Image.fromarray(pair.astype(np.uint8)).save(folder / f"{number}.png")
            table.writerow((f"{number}.png", f"s{number // 2}"))
    return folder


def opened(folder: Path, **changes: object) -> Pictures:
    config = DataConfig(
        path=str(folder),
        layout="side_by_side",
        crop=32,
        validation=0.0,
        scenes=str(folder / "scenes.csv"),
        exchange=Exchange(share=1.0, strength_min=1.0, strength_max=1.0),
    )
    train = open_data(replace(config, **changes), 0).train
    assert isinstance(train, Pictures)
    return train


def test_layers_come_from_every_other_scene_and_never_from_the_own(tmp_path):
    samples = opened(layered(tmp_path))
    met = set()
    for epoch in range(40):
        sample = samples.sample(epoch, 2, 0)
        layer = ((sample["source"] - sample["target"]) * 127.5).round()
        assert layer.unique().numel() == 1
        met.add(int(layer[0, 0, 0]))
        assert sample["target"].mean() * 127.5 + 127.5 == pytest.approx(62, abs=1e-3)
    assert met == {10, 30}


def test_layers_are_cut_at_another_place_and_mirrored(tmp_path):
    for number in range(2):
        Image.fromarray(np.concatenate([picture(number, 60, 80), picture(number, 60, 80) // 2], 1)).save(
            tmp_path / f"{number}.png"
        )
    config = DataConfig(path=str(tmp_path), layout="side_by_side", crop=32, validation=0.0)
    always = replace(config, exchange=Exchange(share=1.0, strength_min=1.0, strength_max=1.0), flip=False)
    samples = open_data(always, 0).train
    layer = (picture(1, 60, 80) - picture(1, 60, 80) // 2).astype(int)
    places = [(top, left, turn) for top in range(29) for left in range(49) for turn in (1, -1)]
    met = set()
    for epoch in range(12):
        sample = samples.sample(epoch, 0, 0)
        difference = ((sample["source"] - sample["target"]) * 127.5).round().numpy().transpose(1, 2, 0)
        unclipped = sample["source"].numpy().transpose(1, 2, 0) < 0.99
        found = [
            place
            for place in places
            if (layer[place[0] : place[0] + 32, place[1] : place[1] + 32][:, :: place[2]] == difference)[
                unclipped
            ].all()
        ]
        assert len(found) == 1
        met.add(found[0])
    assert len({place[:2] for place in met}) > 8
    assert {turn for _, _, turn in met} == {1, -1}


def test_seeds_repeat_and_old_crops_stay(pairs):
    config = DataConfig(path=str(pairs), crop=32, validation=0.0)
    plain = open_data(config, 0).train
    samples = open_data(replace(config, exchange=Exchange(share=0.5)), 0).train
    changed = 0
    for epoch in range(10):
        for index in range(3):
            before, after, again = (s.sample(epoch, index, 4) for s in (plain, samples, samples))
            assert torch.equal(after["source"], again["source"])
            assert torch.equal(before["target"], after["target"])
            changed += not torch.equal(before["source"], after["source"])
    assert changed == pytest.approx(15, abs=8)
    assert np.array_equal(plain.whole(0)["source"], samples.whole(0)["source"])


def test_photos_without_pairs_and_single_scenes_are_refused_with_the_reason(tmp_path):
    with pytest.raises(UserError, match=r"layers .* are taken from pairs, and the built-in data has none"):
        open_data(DataConfig(synthesis="rain", exchange=Exchange(share=0.5)), 0)
    folder = layered(tmp_path, scenes=1)
    with pytest.raises(UserError, match="has one scene to train on"):
        opened(folder)
    with pytest.raises(UserError, match=r"strength_min=1.5 is above"):
        build(DataConfig, {"exchange": {"strength_min": 1.5}}, "data")
    with pytest.raises(UserError, match=r"data.exchange needs data.crop"):
        build(DataConfig, {"exchange": {"share": 0.5}, "crop": None}, "data")
