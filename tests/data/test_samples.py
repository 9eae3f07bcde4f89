"""Samples: functions of (seed, epoch, index), one draw for all pictures of a sample, nothing shared between threads."""

from __future__ import annotations

import pickle
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import chi2_contingency

from conftest import picture
from img2img.config import build
from img2img.data import DataConfig, open_data
from img2img.data.augment import centre_cut, random_cut, resize_short, resized
from img2img.data.cache import Cache
from img2img.errors import UserError
from img2img.images import as_rgb8, read
from img2img.randomness import generator


def grid(height: int, width: int) -> np.ndarray:
    """A picture whose pixels say where they are."""
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    return np.stack([y, x, np.zeros_like(y)], 2).astype(np.uint8)


@pytest.mark.parametrize("flip", [False, True])
def test_source_target_and_mask_are_cut_alike(flip):
    source = grid(90, 120)
    target, mask = source.copy(), (source[:, :, :1] > 40).astype(np.uint8) * 255
    places, mirrored = set(), set()
    for seed in range(30):
        made = random_cut({"source": source, "target": target, "mask": mask}, 32, flip, generator(seed))
        assert made["source"].shape == (32, 32, 3)
        assert np.array_equal(made["source"], made["target"])
        assert np.array_equal(made["mask"], (made["source"][:, :, :1] > 40) * 255)
        places.add(tuple(made["source"].min((0, 1))))
        mirrored.add(bool(made["source"][0, 0, 1] > made["source"][0, -1, 1]))
        again = random_cut({"source": source, "target": target, "mask": mask}, 32, flip, generator(seed))
        assert np.array_equal(made["source"], again["source"])
    assert len(places) > 20
    assert mirrored == ({False, True} if flip else {False})


def test_crops_reach_every_corner():
    small = grid(10, 10)
    cuts = [random_cut({"target": small}, 8, False, generator(seed))["target"] for seed in range(300)]
    assert {tuple(cut[0, 0, :2]) for cut in cuts} == {(y, x) for y in range(3) for x in range(3)}


def test_top_left_and_flip_are_independent(tmp_path):
    """Through the data set, as training draws them: no draw says anything about another."""
    for number in range(4):
        Image.fromarray(grid(40, 40)).save(tmp_path / f"{number}.png")
    samples = open_data(DataConfig(path=str(tmp_path), layout="images", crop=32, validation=0.0), 0).train
    draws = []
    for epoch in range(400):
        for index in range(4):
            pixels = (samples.sample(epoch, index, 0)["target"].numpy() * 127.5 + 127.5).round()
            columns = pixels[1, 0]
            draws.append((pixels[0, 0, 0], columns.min(), columns[0] > columns[-1]))
    top, left, flip = (np.array(column) for column in zip(*draws, strict=True))
    assert np.bincount(top.astype(int)).size == np.bincount(left.astype(int)).size == 9
    for one, other in ((top, left), (top, flip), (left, flip)):
        seen = np.histogram2d(one, other, bins=(np.unique(one).size, np.unique(other).size))[0]
        assert chi2_contingency(seen).pvalue > 1e-3
    assert flip.mean() == pytest.approx(0.5, abs=0.05)


def test_what_is_validated_is_resized_then_cut_then_degraded(tmp_path):
    Image.fromarray(picture(0, 300, 400)).save(tmp_path / "a.png")
    config = DataConfig(path=str(tmp_path), synthesis="hole", layout="photos", load=150, crop=128, validation=0.0)
    whole = open_data(config, 0).train.whole(0)
    assert whole["target"].shape == (150, 200, 3)
    assert np.array_equal(whole["target"], resize_short(picture(0, 300, 400), 150))
    cut = open_data(replace(config, validation_crop=128), 0).train.whole(0)
    assert np.array_equal(cut["target"], whole["target"][11:139, 36:164])
    # the hole is half of each side of what is left, as in training
    assert (cut["mask"] > 0).sum() == 64 * 64
    assert (cut["mask"][32:96, 32:96] > 0).all()
    native = open_data(replace(config, validation_load=None), 0).train
    assert native.whole(0)["target"].shape == (300, 400, 3)
    small = open_data(replace(config, validation_load="crop"), 0).train
    assert small.whole(0)["target"].shape == (128, 171, 3)
    as_it_is = open_data(replace(config, validation_load="crop", load=None), 0).train
    assert as_it_is.whole(0)["target"].shape == (300, 400, 3)
    # cut or not, it is the same picture
    assert native.digest(0) == open_data(replace(config, validation_crop=128), 0).train.digest(0)


def test_pairs_are_resized_and_cut_alike(pairs):
    samples = open_data(DataConfig(path=str(pairs), load=96, crop=64, validation_crop=80, validation=0.0), 0).train
    pair = samples.whole(2)
    sides = {"source": picture(2), "target": picture(2) // 2}
    assert all(np.array_equal(pair[name], value) for name, value in centre_cut(resized(sides, 96), 80).items())


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (31, 40), (20, 20)])
def test_pictures_smaller_than_the_crop_are_mirrored_to_fit(size):
    small = picture(0, *size)
    made = random_cut({"source": small, "target": small}, 32, False, generator(0))
    expected = np.pad(small, ((0, max(0, 32 - size[0])), (0, max(0, 32 - size[1])), (0, 0)), mode="reflect")
    assert made["target"].shape == (32, 32, 3)
    if max(size) <= 32:
        assert np.array_equal(made["target"], expected)


def test_shrinking_takes_means_not_every_nth_pixel():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::4] = 255
    small = resize_short(stripes, 16)
    assert np.unique(small).tolist() == [64]
    assert resize_short(grid(40, 60), 20).shape == (20, 30, 3)
    assert resize_short(grid(40, 60), 80).shape == (80, 120, 3)


def test_load_comes_before_the_crop(pairs):
    samples = open_data(DataConfig(path=str(pairs), load=96, crop=96, flip=False, validation=0.0), 0).train
    assert samples.sample(0, 0, 0)["source"].shape == (3, 96, 96)
    whole = resize_short(picture(0), 96)
    columns = samples.sample(0, 0, 0)["source"][0].numpy() * 127.5 + 127.5
    starts = [np.abs(whole[:, left : left + 96, 0] - columns).max() for left in range(whole.shape[1] - 95)]
    assert min(starts) < 0.01


def test_values_are_in_range_and_repeat_by_seed_epoch_and_index(pairs):
    samples = open_data(DataConfig(path=str(pairs), crop=32, validation=0.0), 0).train
    first = samples.sample(1, 2, 5)
    assert {name: (value.dtype, tuple(value.shape)) for name, value in first.items()} == {
        "source": (torch.float32, (3, 32, 32)),
        "target": (torch.float32, (3, 32, 32)),
    }
    assert first["source"].min() >= -1
    assert first["source"].max() <= 1
    samples.sample(0, 4, 9)
    assert torch.equal(first["source"], samples.sample(1, 2, 5)["source"])
    for other in ((2, 2, 5), (1, 2, 6)):
        assert not torch.equal(first["source"], samples.sample(*other)["source"])


def test_the_levels_of_files_are_spread_over_minus_one_to_one(tmp_path):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :, 0], pixels[:, :, 1], pixels[:, :, 2] = 0, 255, 51
    Image.fromarray(pixels).save(tmp_path / "a.png")
    sample = open_data(DataConfig(path=str(tmp_path), layout="images", crop=8, validation=0.0), 0).train.sample(0, 0, 0)
    assert sample["target"][:, 0, 0].tolist() == pytest.approx([-1, 1, -0.6])


def test_threads_do_not_disturb_each_other(pairs):
    samples = open_data(DataConfig(path=str(pairs), crop=16, validation=0.0, cache_mb=0), 0).train
    expected = [samples.sample(0, index % 6, index)["source"] for index in range(120)]
    results: list[list[torch.Tensor]] = [[], []]

    def work(mine: list[torch.Tensor]) -> None:
        mine += [samples.sample(0, index % 6, index)["source"] for index in range(120)]

    threads = [threading.Thread(target=work, args=(mine,)) for mine in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mine in results:
        assert all(torch.equal(one, other) for one, other in zip(mine, expected, strict=True))


def test_the_cache_keeps_its_limit_and_travels_empty(tmp_path):
    files = []
    for number in range(6):
        files.append(tmp_path / f"{number}.png")
        Image.fromarray(np.full((400, 700, 3), number, np.uint8)).save(files[-1])
    cache = Cache(2)
    for file in files * 2:
        assert np.array_equal(cache.read(file), as_rgb8(read(file)))
        assert cache.bytes == sum(pixels.nbytes for pixels in cache.pictures.values()) <= 2 * 2**20
    assert list(cache.pictures) == files[-2:]
    copy = pickle.loads(pickle.dumps(cache))
    assert (copy.limit, copy.bytes, len(copy.pictures)) == (cache.limit, 0, 0)


def test_synthesis_is_new_in_each_epoch_and_fixed_in_validation():
    data = open_data(DataConfig(synthesis="rain", crop=48), 0)
    pairs = [data.train.sample(epoch, 0, 0) for epoch in (0, 1)]
    assert not torch.equal(pairs[0]["source"], pairs[1]["source"])
    again = open_data(DataConfig(synthesis="rain", crop=48), 7)
    one, other = data.validation.whole(0), again.validation.whole(0)
    assert np.array_equal(one["source"], other["source"])
    assert not np.array_equal(one["source"], one["target"])
    assert data.train.kind == "pairs"


def test_builtin_photos_are_rgb():
    with pytest.raises(UserError, match=r"built-in photographs: pictures of 3 channels, data.channels=1"):
        open_data(DataConfig(synthesis="rain", channels=1), 0)


def test_builtin_photos_of_validation_are_not_trained_on():
    data = open_data(DataConfig(synthesis="rain"), 0)
    names = (set(data.train.names), set(data.validation.names))
    assert not names[0] & names[1]
    stereo = {"motorcycle_left.png", "motorcycle_right.png"}
    assert stereo <= names[0] or stereo <= names[1]


@pytest.mark.parametrize(
    ("mixture", "modes", "deviation"),
    [("8gaussians", 8, 0.01414), ("25gaussians", 25, 0.01768), ("ring", None, 0.01414)],
)
def test_toy_points_are_those_of_the_reference(mixture, modes, deviation):
    data = open_data(DataConfig(layout="mixture", mixture=mixture, samples=4000, crop=None, flip=False), 0)
    points = np.stack([data.train.sample(0, index, 3)["target"].numpy() for index in range(4000)])
    assert data.train.kind == "points"
    radius = np.hypot(*points.T)
    if modes == 25:
        step = 2 / 2.828
        centres = np.round(points / step)
        assert np.abs(centres).max() == 2
        assert len({tuple(centre) for centre in centres}) == 25
        assert (points - centres * step).std() == pytest.approx(deviation, rel=0.05)
        return
    assert radius.mean() == pytest.approx(2 / 1.414, abs=0.002)
    assert radius.std() == pytest.approx(deviation, rel=0.06)
    turns = np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi) * 8
    share_near_a_mode = (np.abs(turns - np.round(turns)) < 0.1).mean()
    assert share_near_a_mode > 0.99 if modes == 8 else share_near_a_mode == pytest.approx(0.2, abs=0.03)
    assert len(np.unique(np.round(turns) % 8)) == 8


def test_toy_points_are_drawn_anew_in_each_epoch():
    points = open_data(DataConfig(layout="mixture", crop=None), 0).train
    assert not torch.equal(points.sample(0, 0, 0)["target"], points.sample(1, 0, 0)["target"])
    with pytest.raises(UserError):
        points.whole(0)


def test_arrays(tmp_path):
    images = np.stack([picture(n, 20, 20) for n in range(10)])
    np.savez(tmp_path / "set.npz", images=images)
    data = open_data(DataConfig(path=str(tmp_path / "set.npz"), crop=20, flip=False, validation=0.2), 0)
    assert (len(data.train), len(data.validation)) == (8, 2)
    seen = [part.whole(i)["target"].tobytes() for part in (data.train, data.validation) for i in range(len(part))]
    assert sorted(seen) == sorted(image.tobytes() for image in images)
    grey = np.stack([image[:, :, :1] for image in images])
    np.savez(tmp_path / "grey.npz", images=grey)
    data = open_data(DataConfig(path=str(tmp_path / "grey.npz"), crop=20, flip=False, validation=0.0), 0)
    assert np.array_equal(data.train.whole(3)["target"], np.repeat(grey[3], 3, 2))


@pytest.mark.parametrize(
    ("tree", "line"),
    [
        ({"load": 100, "crop": 128}, "data.load=100 is below data.crop=128; raise load, or set load=null"),
        ({"source": "label"}, "data.source and data.target name the two folders together; give both or neither"),
        ({"rain": {"psnr_min": 30}}, "rain.psnr_min=30.0 is above rain.psnr_max=23.0"),
        ({"crop": 0}, "crop: input should be greater than or equal to 1, got 0"),
        ({"layuot": "auto"}, "unknown key 'layuot'; did you mean 'layout'?"),
    ],
)
def test_configurations_without_sense_are_refused(tree, line):
    with pytest.raises(UserError) as caught:
        build(DataConfig, tree, "x")
    assert line in str(caught.value)


def test_every_key_is_documented():
    from pydantic import TypeAdapter

    schema = TypeAdapter(DataConfig).json_schema()
    for part in (schema, *schema["$defs"].values()):
        assert all(field.get("description") for field in part["properties"].values()), part["title"]


def test_a_picture_that_breaks_later_is_named(pairs, tmp_path):
    samples = open_data(DataConfig(path=str(pairs), crop=16, validation=0.0, cache_mb=0), 0).train
    file = Path(pairs) / "1.png"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(UserError, match=r"pairs/1\.png: damaged or truncated"):
        samples.sample(0, 1, 0)
