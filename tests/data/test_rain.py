"""Made rain, holes and edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from conftest import picture
from img2img.data.builtin import photo_path
from img2img.data.config import DataConfig, Edges, Hole, Rain
from img2img.data.rain import add_rain
from img2img.data.synthesis import edges, hole
from img2img.images import as_rgb8, read
from img2img.randomness import generator


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean((one.astype(np.float64) - other) ** 2))


@pytest.mark.parametrize("bounds", [(20.0, 23.0), (26.0, 30.0)])
def test_psnr_is_uniform_in_the_range(bounds):
    options = Rain(psnr_min=bounds[0], psnr_max=bounds[1])
    values = []
    for index, name in enumerate(("astronaut", "coffee", "rocket", "chelsea")):
        photo = as_rgb8(read(photo_path(name)))
        for draw in range(12):
            rng = generator(0, "cut", index, draw)
            top, left = rng.integers(0, photo.shape[0] - 96), rng.integers(0, photo.shape[1] - 96)
            clean = photo[top : top + 96, left : left + 96]
            values.append(psnr(add_rain(clean, options, generator(0, "rain", index, draw)), clean))
    assert bounds[0] - 0.06 <= min(values)
    assert max(values) <= bounds[1] + 0.06
    assert np.mean(values) == pytest.approx(sum(bounds) / 2, abs=0.35 * (bounds[1] - bounds[0]) / 2)
    assert np.std(values) == pytest.approx((bounds[1] - bounds[0]) / np.sqrt(12), rel=0.3)


def test_rain_brightens_and_falls_in_steep_streaks():
    clean = np.full((128, 128, 3), 70, np.uint8)
    steeper = 0
    for draw in range(12):
        rainy = add_rain(clean, Rain(), generator(1, "rain", draw)).astype(np.float64)
        assert rainy.mean() > 72
        grey = rainy.mean(2)
        across, down = np.abs(np.diff(grey, axis=1)).mean(), np.abs(np.diff(grey, axis=0)).mean()
        steeper += across > down
    assert steeper >= 11


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (7, 200)])
def test_any_size_and_any_colour_gives_rain_without_hanging(size):
    for level in (0, 128, 255):
        clean = np.full((*size, 3), level, np.uint8)
        rainy = add_rain(clean, Rain(), generator(0, level))
        assert rainy.shape == clean.shape
        assert rainy.dtype == np.uint8
        assert int(clean.max()) == level


def half_length(rainy: np.ndarray) -> float:
    """Lag in px at which the rows of a flat photo's rain have lost half of their correlation, top to bottom."""
    rain = rainy.astype(np.float64).mean(2)
    rain -= rain.mean()
    lags = [1.0, *(np.mean(rain[lag:] * rain[:-lag]) / np.mean(rain**2) for lag in range(1, len(rain) // 2))]
    return next((lag for lag, value in enumerate(lags) if value < 0.5), len(lags))


def test_a_crop_shows_the_streaks_of_the_photo_it_was_cut_from():
    lengths: dict[str, list[float]] = {"photo": [], "crop": [], "small": []}
    for draw in range(24):
        photo = np.full((512, 512, 3), 90, np.uint8)
        lengths["photo"].append(half_length(add_rain(photo, Rain(), generator(3, draw))))
        lengths["crop"].append(half_length(add_rain(photo[:192, :192], Rain(), generator(3, draw), 512)))
        lengths["small"].append(half_length(add_rain(photo[:192, :192], Rain(), generator(3, draw))))
    photo, crop, small = (np.mean(lengths[name]) for name in ("photo", "crop", "small"))
    assert crop == pytest.approx(photo, rel=0.2)
    assert small < 0.7 * photo


def test_the_same_generator_gives_the_same_rain():
    clean = picture(0)
    one, other, third = (add_rain(clean, Rain(), generator(0, "rain", n)) for n in (1, 1, 2))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, third)


def made(kind: str, share: float = 0.5, draw: int = 0, size: tuple[int, int] = (96, 128)) -> dict[str, np.ndarray]:
    clean = picture(0, *size)
    return hole(clean, DataConfig(hole=Hole(kind=kind, share=share)), generator(0, "hole", draw), min(size))


@pytest.mark.parametrize("kind", ["centre", "blocks", "region"])
def test_holes_are_filled_and_everything_else_is_kept(kind):
    result = made(kind)
    inside = result["mask"][:, :, 0] > 0
    assert set(np.unique(result["mask"])) == {0, 255}
    assert np.array_equal(result["target"], picture(0, 96, 128))
    assert (result["source"][inside] == (117, 104, 123)).all()
    assert np.array_equal(result["source"][~inside], result["target"][~inside])


def test_the_centre_is_half_of_each_side():
    mask = made("centre")["mask"][:, :, 0] > 0
    assert np.array_equal(np.flatnonzero(mask.any(1)), np.arange(24, 72))
    assert np.array_equal(np.flatnonzero(mask.any(0)), np.arange(32, 96))
    assert mask.sum() == 48 * 64


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_blocks_and_regions_cover_the_area_of_the_centre(share):
    for draw in range(5):
        assert np.mean(made("region", share, draw)["mask"] > 0) == pytest.approx(share**2, abs=0.01)
        # the last block may overshoot by its own area
        assert share**2 <= np.mean(made("blocks", share, draw)["mask"] > 0) <= share**2 + 0.35**2


def test_a_region_consists_of_blobs_and_differs_each_time():
    masks = [made("region", draw=draw, size=(128, 128))["mask"][:, :, 0] > 0 for draw in range(5)]
    for mask in masks:
        assert 2 <= ndimage.label(mask)[1] <= 40
        assert not np.array_equal(mask, masks[0]) or mask is masks[0]


def test_edges_lie_where_the_photo_changes():
    clean = np.zeros((64, 64, 3), np.uint8)
    clean[:, 32:] = 200
    result = edges(clean, DataConfig(edges=Edges(sigma=1.0)), generator(0), 64)
    black = result["source"][:, :, 0] == 0
    assert set(np.unique(result["source"])) == {0, 255}
    assert set(np.flatnonzero(black[8:-8].any(0))) <= {31, 32}
    assert black[8:-8].any(1).all()
    assert np.array_equal(result["target"], clean)
