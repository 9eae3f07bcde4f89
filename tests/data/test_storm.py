"""Made rain of kind storm: what each option does to a flat grey photo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from conftest import picture
from img2img.config import build
from img2img.data import DataConfig
from img2img.data.config import Rain, Storm
from img2img.data.rain import add_rain
from img2img.data.storm import _clouds, storm
from img2img.errors import UserError
from img2img.randomness import generator

# streaks alone: no drops, no mist, the scene as light as before
STREAKS = Storm(drops=0.0, mist=0.0, dim=0.0, directions=1, angle=0.0, spread=0.0)


def layer(options: Storm, seed: int, level: int = 90, size: tuple[int, int] = (160, 200), scale: float = 1.0):
    """(H, W): what rain of strength 1 adds to a flat grey."""
    flat = np.full((*size, 3), level, np.float32)
    rain = storm(flat, Rain(kind="storm", storm=options), scale, generator(seed))
    return (rain(1.0) - flat).mean(2)


def correlation(rain: np.ndarray, down: int, across: int) -> float:
    rain = rain - rain.mean()
    shifted = rain[down:, across:] * rain[: rain.shape[0] - down, : rain.shape[1] - across]
    return float(shifted.mean() / (rain**2).mean())


@pytest.mark.parametrize("bounds", [(16.0, 17.0), (22.0, 28.0)])
def test_psnr_decides_the_strength(bounds):
    options = Rain(kind="storm", psnr_min=bounds[0], psnr_max=bounds[1])
    clean = ndimage.gaussian_filter(picture(0, 96, 96).astype(np.float32), (3, 3, 0)).astype(np.uint8)
    errors = [np.mean((add_rain(clean, options, generator(s)).astype(float) - clean) ** 2) for s in range(24)]
    decibels = 10 * np.log10(255**2 / np.array(errors))
    assert bounds[0] - 0.06 <= decibels.min() <= decibels.max() <= bounds[1] + 0.06
    assert decibels.mean() == pytest.approx(sum(bounds) / 2, abs=0.25 * (bounds[1] - bounds[0]))


def test_streaks_fall_the_way_they_are_told():
    for seed in range(6):
        upright = layer(STREAKS, seed)
        assert upright.min() >= 0
        assert correlation(upright, 4, 0) > correlation(upright, 0, 4) + 0.2
        slanted = [layer(replace(STREAKS, angle=40.0), seed) for seed in range(8)]
    leaning = [np.array([correlation(one, 4, 4), correlation(one[:, ::-1], 4, 4)]) for one in slanted]
    assert {int(np.argmax(pair)) for pair in leaning} == {0, 1}


def test_lengths_and_widths_are_px_and_grow_with_the_photo():
    def mean(down: int, across: int, scale: float = 1.0, **changes: float) -> float:
        options = replace(STREAKS, **changes)
        return float(np.mean([correlation(layer(options, seed, scale=scale), down, across) for seed in range(8)]))

    short, long = {"length_min": 5.0, "length_max": 8.0}, {"length_min": 50.0, "length_max": 60.0}
    assert mean(8, 0, **long) > mean(8, 0, **short) + 0.3
    thin, wide = {"width_min": 0.6, "width_max": 0.8}, {"width_min": 4.0, "width_max": 5.0}
    assert mean(0, 2, **wide) > mean(0, 2, **thin) + 0.3
    assert mean(8, 0, 3.0, **short) > mean(8, 0, 1.0, **short) + 0.2


def test_mist_is_smooth_and_draws_bright_and_dark_toward_grey():
    misty = replace(STREAKS, mist=1.0)
    brighter = darker = 0
    for seed in range(12):
        extra = layer(misty, seed, level=20) - layer(STREAKS, seed, level=20)
        # streaks beneath keep their edges, weakened: smooth where there are none
        dry = layer(STREAKS, seed, level=20) == 0
        assert dry.any()
        assert extra[dry].min() > -1e-3
        both = dry[:, 1:] & dry[:, :-1]
        assert np.abs(np.diff(extra, axis=1))[both].max(initial=0) < 6
        brighter += extra.mean() > 5
        darker += layer(misty, seed, level=250).mean() < layer(STREAKS, seed, level=250).mean() - 1
    assert brighter > 4
    assert darker > 4


def test_mist_is_as_smooth_in_a_crop_as_in_the_photo_it_was_cut_from():
    """By its steepest change a px, far from where it was cut: without scale a crop would show finer clouds."""

    def steepness(size: int, scale: float) -> float:
        fields = [_clouds(size, size, scale, generator(seed)) for seed in range(40)]
        return float(np.mean([np.abs(np.diff(field, axis=1)).mean() for field in fields]))

    assert steepness(96, 1.0) == pytest.approx(steepness(384, 1.0), rel=0.15)
    assert steepness(96, 0.5) == pytest.approx(2 * steepness(96, 1.0), rel=0.2)


def test_the_scene_grows_darker_by_hand():
    """Between the streaks a level v loses d v (1 - v/255)^2: of 85 and d = 1, 85 * 4/9."""
    options = replace(STREAKS, dim=1.0)
    dims = np.array([-layer(options, seed, level=85).min() / (85 * 4 / 9) for seed in range(40)])
    assert 0 <= dims.min() < 0.15
    assert 0.85 < dims.max() <= 1 + 1e-6
    assert max(-layer(options, seed, level=255).min() for seed in range(5)) < 1e-3


def test_drops_are_round_spots_in_their_share_of_pictures():
    with_drops = sum(
        not np.array_equal(layer(replace(STREAKS, drops=0.5), seed), layer(replace(STREAKS, drops=0.0), seed))
        for seed in range(40)
    )
    assert with_drops == pytest.approx(20, abs=10)


def test_the_same_generator_gives_the_same_storm_and_another_another():
    clean = picture(0, 64, 80)
    one, other, third = (add_rain(clean, Rain(kind="storm"), generator(0, "rain", n)) for n in (1, 1, 2))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, third)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (7, 200)])
def test_any_size_and_any_colour_gives_rain_without_hanging(size):
    for level in (0, 128, 255):
        rainy = add_rain(np.full((*size, 3), level, np.uint8), Rain(kind="storm"), generator(0, level))
        assert rainy.shape == (*size, 3)


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"kind": "hail"}, r"rain.kind: .*'streaks' or 'storm'"),
        ({"storm": {"length_min": 80}}, r"rain.storm.length_min=80.0 is above rain.storm.length_max=60.0"),
        ({"storm": {"fog": 1}}, r"unknown key 'rain.storm.fog'"),
        ({"storm": {"mist": 1.5}}, r"rain.storm.mist: .*less than or equal to 1"),
    ],
)
def test_bad_values_are_refused_in_one_line(tree, words):
    with pytest.raises(UserError, match=words) as caught:
        build(DataConfig, {"rain": tree}, "data")
    assert "\n" not in str(caught.value)
