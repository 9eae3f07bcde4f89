"""Turns and changes of colour: one draw for both sides, from streams of their own."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import chi2_contingency

from conftest import picture
from img2img.config import build
from img2img.data import DataConfig, open_data
from img2img.data.config import Jitter
from img2img.data.jitter import recoloured, turned
from img2img.data.samples import Pictures, Samples
from img2img.errors import UserError
from img2img.randomness import generator

ALL = Jitter(gamma=(0.7, 1.4), contrast=(0.8, 1.2), brightness=0.1, saturation=(0.5, 1.5), permute=0.5)


@pytest.fixture
def same(tmp_path) -> Samples:
    """Pairs whose sides are equal, side by side."""
    for number in range(4):
        Image.fromarray(np.concatenate([picture(number)] * 2, 1)).save(tmp_path / f"{number}.png")
    return open_data(DataConfig(path=str(tmp_path), layout="side_by_side", crop=32, validation=0.0), 0).train


def changed(samples: Samples, **changes: object) -> Samples:
    assert isinstance(samples, Pictures)
    return replace(samples, config=replace(samples.config, **changes))


@pytest.mark.parametrize("changes", [{"jitter": ALL}, {"turn": 1.0}, {"jitter": ALL, "turn": 0.5}])
def test_both_sides_are_changed_alike_and_repeat_by_seed(same, changes):
    samples = changed(same, **changes)
    differ = 0
    for index in range(4):
        sample = samples.sample(1, index, 5)
        assert sample["source"].shape == (3, 32, 32)
        assert torch.equal(sample["source"], sample["target"])
        assert torch.equal(sample["source"], samples.sample(1, index, 5)["source"])
        differ += not torch.equal(sample["source"], same.sample(1, index, 5)["source"])
        assert not torch.equal(sample["source"], samples.sample(1, index, 6)["source"])
    assert differ >= 3


def test_crops_and_flips_of_old_seeds_stay_whatever_is_added(same):
    """Grey pictures tell where they were cut: with colour on and off the same pixels are taken."""
    recolour = changed(same, jitter=Jitter(permute=1.0))
    for index in range(4):
        before, after = same.sample(0, index, 3)["target"], recolour.sample(0, index, 3)["target"]
        assert torch.equal(before.sort(0).values, after.sort(0).values)


def test_levels_by_hand():
    column = np.array([0, 51, 102, 255], np.uint8)[:, None, None].repeat(3, 2)
    darker = recoloured({"target": column}, Jitter(gamma=(2.0, 2.0)), generator(0))["target"]
    # 255 * (51 / 255)^2 = 10.2, 255 * (102 / 255)^2 = 40.8
    assert darker[:, 0, 0].tolist() == [0, 10, 41, 255]
    flatter = recoloured({"target": column}, Jitter(contrast=(0.5, 0.5)), generator(0))["target"]
    # 127.5 + (v - 127.5) / 2
    assert flatter[:, 0, 0].tolist() == [64, 89, 115, 191]


def test_saturation_by_hand():
    red = np.full((1, 1, 3), (200, 100, 0), np.uint8)
    grey = recoloured({"source": red, "mask": red}, Jitter(saturation=(0.0, 0.0)), generator(0))
    # 0.299 * 200 + 0.587 * 100 = 118.5
    assert grey["source"].tolist() in ([[[118] * 3]], [[[119] * 3]])
    assert np.array_equal(grey["mask"], red)
    vivid = recoloured({"source": red}, Jitter(saturation=(2.0, 2.0)), generator(0))
    assert vivid["source"].tolist() == [[[255, 82, 0]]] or vivid["source"].tolist() == [[[255, 81, 0]]]


def test_what_is_off_changes_nothing():
    sides = {"source": picture(0), "target": picture(1)}
    kept = recoloured(sides, Jitter(), generator(0))
    assert all(np.array_equal(kept[name], sides[name]) for name in sides)


def test_one_switch_says_nothing_about_the_others():
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, 2)
    for seed in range(5):
        alone = recoloured({"a": ramp}, Jitter(brightness=0.2), generator(seed))["a"]
        both = recoloured({"a": ramp}, Jitter(brightness=0.2, permute=0.5), generator(seed))["a"]
        assert np.array_equal(alone, both)


def test_eight_ways_are_equally_likely():
    corner = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)[:, :2]
    ways = [tuple(turned({"a": corner}, 1.0, generator(seed))["a"].ravel()) for seed in range(800)]
    assert len(set(ways)) == 8
    counts = [ways.count(way) for way in set(ways)]
    assert chi2_contingency([counts, [100] * 8]).pvalue > 1e-3
    untouched = sum(way == tuple(corner.ravel()) for way in ways)
    rarely = [tuple(turned({"a": corner}, 0.25, generator(seed))["a"].ravel()) for seed in range(800)]
    assert sum(way == tuple(corner.ravel()) for way in rarely) == pytest.approx(0.75 * 800 + untouched / 4, abs=40)


def test_place_turn_and_permutation_are_independent(tmp_path):
    """Through the data set, of a photo whose red grows downwards, whose green to the right, and that has no blue."""
    grid = np.stack([*np.meshgrid(np.arange(1, 41), np.arange(1, 41), indexing="ij"), np.zeros((40, 40))], 2)
    Image.fromarray(grid.astype(np.uint8)).save(tmp_path / "a.png")
    config = DataConfig(
        path=str(tmp_path), layout="images", crop=32, flip=False, validation=0.0, turn=1.0, jitter=Jitter(permute=0.5)
    )
    samples = open_data(config, 0).train
    draws = []
    for epoch in range(500):
        pixels = (samples.sample(epoch, 0, 0)["target"].numpy() * 127.5 + 127.5).round()
        lowest = pixels.min((1, 2))
        without_blue = int(np.argmin(lowest))
        first, second = (pixels[channel, 0, 0] > pixels[channel, -1, -1] for channel in range(3) if lowest[channel])
        draws.append((without_blue, 2 * first + second, sorted(lowest)[1]))
    for column, other in combinations([np.array(column) for column in zip(*draws, strict=True)], 2):
        seen = np.histogram2d(column, other, bins=(np.unique(column).size, np.unique(other).size))[0]
        assert chi2_contingency(seen).pvalue > 1e-3


def test_rain_is_made_on_the_changed_photo():
    """Jitter comes before the synthesis: a hole keeps its level whatever the colours become."""
    config = DataConfig(synthesis="hole", crop=48, jitter=ALL, turn=1.0)
    samples = open_data(config, 0).train
    for index in range(3):
        sample = samples.sample(0, index, 0)
        inside = sample["mask"][0] > 0
        levels = sample["source"][:, inside].unique(dim=1) * 127.5 + 127.5
        assert levels.flatten().tolist() == pytest.approx([117, 104, 123], abs=1e-3)


def test_unpaired_sides_turn_each_for_itself_and_share_their_colours(tmp_path):
    for side in "AB":
        (tmp_path / f"train{side}").mkdir()
        for number in range(3):
            Image.fromarray(np.full((40, 40, 3), 100, np.uint8)).save(tmp_path / f"train{side}" / f"{number}.png")
    config = DataConfig(path=str(tmp_path), crop=32, validation=0.0, jitter=ALL, turn=0.5)
    sample = open_data(config, 0).train.sample(0, 1, 0)
    assert torch.equal(sample["source"], sample["target"])
    assert not (sample["source"] == 100 / 127.5 - 1).all()


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"jitter": {"gamma": [1.4, 0.7]}}, "the least comes first"),
        ({"jitter": {"gamma": [0, 1]}}, "begin above 0"),
        ({"jitter": {"saturation": [-1, 1]}}, "jitter.saturation.0: .*greater than or equal to 0"),
        ({"jitter": {"permute": 2}}, "less than or equal to 1"),
        ({"jitter": {"hue": 1}}, "unknown key 'jitter.hue'"),
        ({"turn": 0.5, "crop": None}, "data.turn needs data.crop"),
    ],
)
def test_bad_values_are_refused_in_one_line(tree, words):
    with pytest.raises(UserError, match=words) as caught:
        build(DataConfig, tree, "data")
    assert "\n" not in str(caught.value)
