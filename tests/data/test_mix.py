"""Training samples out of several sets: shares, seeds, what is validated on, and what is refused."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_run import evaluate, make_pairs, save, train

from conftest import picture
from img2img.config import build
from img2img.data import Data, DataConfig, open_data
from img2img.data.config import Exchange, Rain
from img2img.data.loader import Stream
from img2img.data.mix import Mixed
from img2img.data.source_statistics import measure_training
from img2img.errors import UserError


def flat_pairs(folder: Path, level: int, count: int = 6) -> Path:
    """Flat pairs side by side: the target of a level, the source 5 lighter."""
    for number in range(count):
        target = np.full((40, 40, 3), level, np.uint8)
        save(folder / f"{number}.png", np.concatenate([target + 5, target], 1))
    return folder


def opened(first: Path, *mix: dict[str, object], **changes: object) -> Data:
    tree = {"path": str(first), "layout": "side_by_side", "crop": 32, "validation": 0.0, "mix": list(mix), **changes}
    return open_data(build(DataConfig, tree, "data"), 0)


def levels(data: Data, epochs: int, seed: int = 0) -> np.ndarray:
    """Mean level of the target of all samples of some epochs."""
    return np.array(
        [
            [float(data.train.sample(epoch, index, seed)["target"].mean()) * 127.5 + 127.5 for index in range(6)]
            for epoch in range(epochs)
        ]
    ).round()


def test_samples_come_from_the_sets_by_their_weights(tmp_path):
    sets = [flat_pairs(tmp_path / str(level), level) for level in (50, 100, 150)]
    data = opened(sets[0], {"path": str(sets[1]), "weight": 0.3}, {"path": str(sets[2]), "weight": 0.2})
    assert len(data.train) == 6
    drawn = levels(data, 200)
    assert [np.mean(drawn == level) for level in (50, 100, 150)] == pytest.approx([0.5, 0.3, 0.2], abs=0.05)
    # neither the place in the epoch nor the epoch decides
    assert np.std(np.mean(drawn == 100, axis=0)) < 0.07
    assert np.array_equal(drawn, levels(data, 200))
    assert not np.array_equal(drawn, levels(data, 200, seed=1))
    assert f"data.mix: 0.5 of samples from {sets[0]}, 0.3 of samples from {sets[1]}" in data.notes[-1]


def test_what_comes_from_the_first_set_is_what_it_would_be_alone(tmp_path):
    first, other = make_pairs(tmp_path / "a"), flat_pairs(tmp_path / "b", 100)
    alone, mixed = opened(first), opened(first, {"path": str(other), "weight": 0.5})
    kept = 0
    for epoch in range(5):
        for index in range(6):
            one, both = alone.train.sample(epoch, index, 7), mixed.train.sample(epoch, index, 7)
            if both["target"].unique().numel() > 1:
                kept += 1
                assert all(torch.equal(one[name], both[name]) for name in one)
    assert 6 < kept < 24


def test_a_picture_drawn_twice_in_an_epoch_is_cut_anew(tmp_path):
    first, other = flat_pairs(tmp_path / "a", 100), make_pairs(tmp_path / "b", range(1))
    data = opened(first, {"path": str(other), "weight": 1.0})
    drawn = [data.train.sample(0, index, 0)["target"] for index in range(6)]
    assert sum(not torch.equal(one, drawn[0]) for one in drawn[1:]) >= 4


def test_entries_have_their_own_keys_and_inherit_the_others(tmp_path):
    first = make_pairs(tmp_path / "a")
    for number in range(4):
        save(tmp_path / "photos" / f"{number}.png", picture(20 + number))
    entry = {
        "path": str(tmp_path / "photos"),
        "weight": 0.5,
        "layout": "photos",
        "synthesis": "rain",
        "rain": {"psnr_min": 16, "psnr_max": 16.5},
        "exchange": {"share": 0},
    }
    data = opened(first, entry, exchange={"share": 0.5}, flip=False, direction="BtoA", rain={"kind": "storm"})
    assert isinstance(data.train, Mixed)
    config = data.train.others[0].config
    assert config.rain == Rain(kind="storm", psnr_min=16, psnr_max=16.5)
    assert (config.flip, config.direction, config.exchange.share, config.validation) == (False, "BtoA", 0.0, 0.0)
    assert data.train.first.config.exchange == Exchange(share=0.5)
    sample = data.train.others[0].sample(0, 0, 0)
    error = float(((sample["source"] - sample["target"]) * 127.5).square().mean())
    assert 16 - 0.06 <= 10 * np.log10(255**2 / error) <= 16.5 + 0.06


def test_validation_is_the_first_sets_and_its_scenes_leave_the_others(tmp_path, capsys):
    first = make_pairs(tmp_path / "a", range(10))
    alone = opened(first, validation=0.3)
    held = sorted(int(name.removesuffix(".png")) for name in alone.validation.names)
    # the same targets again, one mirrored, and a stranger
    for number in range(10):
        again = picture(number)[:, ::-1] if number == held[0] else picture(number)
        save(tmp_path / "b" / f"again {number}.png", np.concatenate([again, again // 2], 1))
    stranger = picture(99)
    save(tmp_path / "b" / "stranger.png", np.concatenate([stranger, stranger // 2], 1))
    data = opened(first, {"path": str(tmp_path / "b"), "weight": 0.5}, validation=0.3, direction="BtoA")
    assert list(data.validation.names) == [f"{number}.png" for number in held]
    assert sorted(data.train.others[0].names) == sorted(
        ["stranger.png", *(f"again {number}.png" for number in range(10) if number not in held)]
    )
    (line,) = [note for note in data.notes if "validated on" in note]
    assert f"are left aside, {len(held)}: again {held[0]}.png" in line
    # the first set alone as it was
    assert list(data.train.names) == list(alone.train.names)
    for name in data.train.others[0].names:
        (tmp_path / "b" / name).unlink()
    with pytest.raises(UserError, match=r"every picture of .* shows a scene that is validated on"):
        opened(first, {"path": str(tmp_path / "b"), "weight": 0.5}, validation=0.3, direction="BtoA")


def test_the_manifest_has_all_sets(tmp_path):
    first, other = make_pairs(tmp_path / "a"), flat_pairs(tmp_path / "b", 100)
    manifest = opened(first, {"path": str(other), "weight": 0.25}).manifest
    alone = opened(first).manifest
    (entry,) = manifest["mix"]
    assert manifest["files"] == alone["files"]
    assert (entry["path"], entry["weight"], len(entry["files"])) == (str(other), 0.25, 6)
    assert manifest["hash"] == hashlib.sha256(f"{alone['hash']}\n{entry['hash']}".encode()).hexdigest()
    save(other / "0.png", np.zeros((40, 80, 3), np.uint8))
    assert opened(first, {"path": str(other), "weight": 0.25}).manifest["hash"] != manifest["hash"]


def test_statistics_know_the_widths_of_all_sets(tmp_path):
    first, other = make_pairs(tmp_path / "a"), flat_pairs(tmp_path / "b", 100)
    for number in range(2):
        save(other / f"wide {number}.png", np.zeros((40, 400, 3), np.uint8))
    statistics, _ = measure_training(opened(first, {"path": str(other), "weight": 0.5}).train, 0)
    assert statistics.width == 200


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_entered_anywhere_are_those_of_the_whole_stream(tmp_path, workers):
    first, other = make_pairs(tmp_path / "a"), flat_pairs(tmp_path / "b", 100)
    samples = opened(first, {"path": str(other), "weight": 0.5}).train
    whole, later = Stream(samples, batch=4, seed=3), Stream(samples, batch=4, seed=3, workers=workers)
    batches = whole.batches(0)
    wanted = [next(batches) for _ in range(5)]
    batches.close()
    resumed = later.batches(12)
    for batch in wanted[3:]:
        found = next(resumed)
        assert torch.equal(found.source, batch.source)
        assert torch.equal(found.target, batch.target)
    resumed.close()


def test_a_run_that_is_stopped_goes_on_bit_for_bit(tmp_path):
    first, other = make_pairs(tmp_path / "a"), flat_pairs(tmp_path / "b", 100)
    mix = f"data.mix=[{{path: {other}, weight: 0.5, exchange: {{share: 0}}}}]"
    more = (mix, "data.exchange.share=0.5", "data.jitter.permute=0.5", "data.turn=0.5")
    assert train(first, tmp_path / "whole", *more) == 0
    assert train(first, tmp_path / "parts", *more, "train.steps=2") == 0
    assert train(first, tmp_path / "parts", *more) == 0
    files = [tmp_path / name / "weights/last.safetensors" for name in ("whole", "parts")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_run_does_not_lie_within_a_set_nor_go_on_with_another(tmp_path, capsys):
    first, other = make_pairs(tmp_path / "a"), flat_pairs(tmp_path / "b", 100)
    mix = f"data.mix=[{{path: {other}, weight: 0.5}}]"
    assert train(first, other / "run", mix) == 2
    assert f"lies inside the data {other}" in capsys.readouterr().err
    assert train(first, tmp_path / "run", mix, "train.steps=2") == 0
    flat_pairs(other, 120)
    assert train(first, tmp_path / "run", mix) == 2
    assert "its data have changed since" in capsys.readouterr().err


def test_what_was_validated_on_is_measured_without_the_other_sets(tmp_path):
    first, other = make_pairs(tmp_path / "a"), flat_pairs(tmp_path / "b", 100)
    assert train(first, tmp_path / "run", f"data.mix=[{{path: {other}, weight: 0.5}}]", "data.validation=0.3") == 0
    shutil.rmtree(other)
    words = ["--weights", f"ours={tmp_path / 'run'}", "--part", "validation", "--output", tmp_path / "table"]
    assert evaluate(*words, "--metrics", "psnr") == 0


@pytest.mark.parametrize(
    ("mix", "words"),
    [
        ([{"weight": 0.5}], "data.mix.0: path is missing"),
        ([{"path": "b"}], "data.mix.0: weight: field required"),
        ([{"path": "b", "weight": 0}], "data.mix.0: weight: .*greater than 0"),
        ([{"path": "b", "weight": 0.6}, {"path": "c", "weight": 0.6}], "together are 1.2"),
        ([{"path": "b", "weight": 0.6, "crop": 64}], "data.mix.0: crop is one for all sets; give it as data.crop"),
        ([{"path": "b", "weight": 0.6, "mix": []}], "data.mix.0: mix is one for all sets"),
        ([{"path": "b", "weight": 0.6, "synthsis": "rain"}], "data.mix.0: unknown key 'synthsis'; did you mean"),
        ([{"path": "b", "weight": 0.6, "rain": {"kind": "hail"}}], "data.mix.0: rain.kind: "),
        ([{"path": "no such", "weight": 0.6}], "no such: no such folder"),
        ({"path": "b", "weight": 0.6}, "mix: "),
    ],
)
def test_bad_entries_are_refused_in_one_line(mix, words, pairs):
    with pytest.raises(UserError, match=words) as caught:
        open_data(build(DataConfig, {"path": str(pairs), "crop": 32, "mix": mix}, "data"), 0)
    assert "\n" not in str(caught.value)


def test_sets_that_do_not_fit_are_refused_with_the_reason(tmp_path, pairs):
    first = make_pairs(tmp_path / "a")
    with pytest.raises(UserError, match=r"data.mix needs data.crop"):
        opened(first, {"path": str(first), "weight": 0.5}, crop=None)
    for number in range(2):
        save(tmp_path / "photos" / f"{number}.png", picture(number))
    photos = {"path": str(tmp_path / "photos"), "weight": 0.5}
    with pytest.raises(UserError, match=r"samples of .*photos have mask, source, target, those of .*a source, target"):
        opened(first, {**photos, "layout": "photos", "synthesis": "hole"})
    with pytest.raises(UserError, match=r"layers .* are taken from pairs, and .*photos has none"):
        opened(first, {**photos, "layout": "photos", "synthesis": "rain"}, exchange={"share": 0.5})
    points = build(DataConfig, {"layout": "mixture"}, "data")
    with pytest.raises(UserError, match="the built-in photographs is points"):
        open_data(replace(points, mix=({"path": None, "weight": 0.5, "layout": "auto", "synthesis": "rain"},)), 0)
