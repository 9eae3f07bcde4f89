"""Visual information fidelity: the authors' figures, its definition written out plainly, and what must hold anyhow.

Published figures were made by vifvec.m with matlabPyrTools (run in GNU Octave) from photos that scikit-image brings
along; the files with more of them are not part of this project.
"""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
import torch
from photos import batch, constant, levels, noise, pair
from PIL import Image
from scipy.ndimage import correlate

from conftest import picture
from img2img.errors import UserError
from img2img.metrics import PROTOCOLS
from img2img.metrics.steerable import BAND, FIRST, HALVING, HALVING_GAIN, bands
from img2img.metrics.vif import vif

PUBLISHED = {
    ("p01", "rgb"): 0.2912418901,
    ("p01", "gray"): 0.3898991685,
    ("p01", "y"): 0.4229249585,
    ("p01", "y_uint8"): 0.4218937210,
    ("p01", "y_full"): 0.3906135013,
    ("p02", "rgb"): 0.3447417763,
    ("p02", "gray"): 0.3504205803,
    ("p12", "gray"): 0.0140994946,
}
PAIRS = tuple(f"p{number:02d}" for number in range(1, 20))
COLOURS = ("rgb", "gray", "y", "y_uint8", "y_full")


def value(result: torch.Tensor, target: torch.Tensor, data_range: float = 255) -> float:
    (made,) = vif(result, target, data_range=data_range).tolist()
    return made


def under(protocol: str, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    result, target = (PROTOCOLS[protocol].planes(pixels) for pixels in pair(name))
    return result, target


def photos(height: int = 101, width: int = 90, sigma: float = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """Result and target (1, 3, H, W) uint8, with neither of their values near 0 or 255."""
    target = levels(64 + picture(3, height, width) / 2.0)
    return batch(noise(target, sigma, 1)), batch(target)


# the definition, step by step on one plane, with scipy's filters


def whole(quarter, odd: bool = False) -> np.ndarray:
    rows = np.array(quarter)
    rows = np.vstack([-rows[::-1], 0 * rows[:1], rows] if odd else [rows[:0:-1], rows])
    return np.hstack([rows[:, :0:-1], rows])


def mirrored(plane: np.ndarray, taps: np.ndarray) -> np.ndarray:
    return correlate(plane, taps, mode="mirror")


def subbands(plane: np.ndarray) -> list[list[np.ndarray]]:
    """The bands that are odd along the height and along the width, of four levels, finest first."""
    low, made = mirrored(plane.astype(float), whole(FIRST)), []
    for _ in range(4):
        made.append([mirrored(low, taps) for taps in (whole(BAND, odd=True), whole(BAND, odd=True).T)])
        low = HALVING_GAIN * mirrored(low, whole(HALVING))[::2, ::2]
    return made


def channel(x: np.ndarray, y: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    def sums(plane: np.ndarray) -> np.ndarray:
        return mirrored(plane, np.ones((size, size)))[1::3, 1::3]

    mx, my = sums(x) / size**2, sums(y) / size**2
    xx, yy = (np.maximum(sums(z * z) - size**2 * m * m, 0) for z, m in ((x, mx), (y, my)))
    xy = sums(x * y) - size**2 * mx * my
    gain = xy / (xx + 1e-15)
    rest = (yy - gain * xy) / size**2
    for case, other in ((xx < 1e-15, yy), (yy < 1e-15, 0)):
        gain, rest = np.where(case, 0, gain), np.where(case, other, rest)
    rest = np.where(gain < 0, yy, rest)
    return np.maximum(gain, 0), np.maximum(rest, 1e-15)


def plainly(result: np.ndarray, target: np.ndarray) -> float:
    kept = there = 0.0
    for size, ours, others in zip((17, 9, 5, 3), subbands(target), subbands(result), strict=True):
        for x, y in zip(ours, others, strict=True):
            height, width = (side // 3 * 3 for side in x.shape)
            x, y = x[:height, :width], y[:height, :width]
            spread = np.cov(np.lib.stride_tricks.sliding_window_view(x, (3, 3)).reshape(-1, 9).T, bias=True)
            blocks = x.reshape(height // 3, 3, width // 3, 3).transpose(0, 2, 1, 3).reshape(-1, 9)
            energy = (blocks @ np.linalg.inv(spread) * blocks).sum(1).reshape(height // 3, width // 3) / 9
            gain, rest = channel(x, y, size)
            edge = math.ceil((size - 1) / 2 / 3)
            gain, rest, energy = (z[edge:-edge, edge:-edge, None] for z in (gain, rest, energy))
            signal = energy * np.linalg.eigvalsh(spread)
            kept += np.log2(1 + gain**2 * signal / (rest + 0.4)).sum()
            there += np.log2(1 + signal / 0.4).sum()
    return float(kept / there)


@pytest.mark.parametrize(("name", "protocol"), PUBLISHED)
def test_published_figures(name, protocol):
    # as close as the 10 printed digits tell
    assert value(*under(protocol, name)) == pytest.approx(PUBLISHED[name, protocol], rel=0, abs=6e-11)


def stored(folder, name: str, which: str) -> np.ndarray:
    (file,) = (folder / "data" / "golden").glob(f"{name}_*_{which}.png")
    return np.array(Image.open(file))


@pytest.mark.parametrize("name", PAIRS)
def test_the_authors_program_gives_the_same(name, shared):
    with (shared / "data" / "golden" / "golden.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "vif" and row["pair"].startswith(name)]
    result, target = stored(shared, name, "dist"), stored(shared, name, "ref")
    wanted = {row["protocol"]: row["value"] for row in rows}
    if target.ndim == 2:
        assert list(wanted) == ["gray"]
        made = {"gray": lambda: value(batch(result), batch(target))}
    else:
        assert set(wanted) == {*COLOURS, *"RGB"}
        one, other = batch(result), batch(target)
        made = {c: lambda i=i: value(one[:, i : i + 1], other[:, i : i + 1]) for i, c in enumerate("RGB")}
        for colour in COLOURS:
            planes = PROTOCOLS[colour].planes
            made[colour] = lambda planes=planes: value(planes(result), planes(target))
    for protocol, expected in wanted.items():
        if expected == "error":
            with pytest.raises(UserError, match="at least 72 px"):
                made[protocol]()
        else:
            assert made[protocol]() == pytest.approx(float(expected), rel=0, abs=1e-11, nan_ok=True), protocol


@pytest.mark.parametrize(("height", "width"), [(72, 72), (73, 101), (90, 79), (104, 155)])
def test_sizes_of_every_kind_against_the_definition(height, width):
    result, target = photos(height, width)
    wanted = np.mean([plainly(result[0, c].numpy(), target[0, c].numpy()) for c in range(3)])
    assert value(result, target) == pytest.approx(wanted, rel=0, abs=1e-11)


@pytest.mark.parametrize(("height", "width"), [(72, 72), (75, 89)])
def test_bands_are_the_pyramids(height, width):
    _, target = photos(height, width)
    plane = target[0, :1].double()
    made, wanted = list(bands(plane, 4)), subbands(plane[0].numpy())
    for (down, across), expected in zip(made, wanted, strict=True):
        np.testing.assert_allclose(down[0], expected[0], rtol=0, atol=1e-11)
        np.testing.assert_allclose(across[0].T, expected[1], rtol=0, atol=1e-11)


def test_pictures_too_small_for_four_levels():
    for size in ((71, 100), (100, 71)):
        with pytest.raises(
            UserError, match=r"vif needs sides of at least 72 px \(four levels of a steerable pyramid\)"
        ):
            vif(torch.zeros(1, 1, *size), torch.zeros(1, 1, *size), data_range=255)
    with pytest.raises(UserError, match="these are 24x24"):
        value(*under("rgb", "p16"))
    result, target = photos(72, 72)
    assert 0 < value(result, target) < 1


def test_what_cannot_be_compared():
    result, target = photos()
    with pytest.raises(UserError, match="one shape"):
        vif(result[..., 1:], target, data_range=255)
    with pytest.raises(UserError, match="N, C, H, W"):
        vif(result[0], target[0], data_range=255)
    broken = target.double()
    broken[0, 2, 50, 50] = math.nan
    for pictures in ((result.double(), broken), (broken, target.double())):
        with pytest.raises(UserError, match="not finite"):
            vif(*pictures, data_range=255)


@pytest.mark.parametrize("protocol", COLOURS)
def test_flat_pictures(protocol):
    flat, brighter = (PROTOCOLS[protocol].planes(constant(level)) for level in (100, 120))
    busy = PROTOCOLS[protocol].planes(noise(constant(100), 10, 3))
    assert math.isnan(value(brighter, flat))
    assert math.isnan(value(busy, flat))
    assert value(flat, busy) == 0


def test_one_flat_channel_leaves_no_value():
    result, target = photos()
    target[:, 1] = 7
    assert math.isnan(value(result, target))


def test_identical_pictures():
    _, target = photos()
    for given in (target, *(under(protocol, "p13")[1] for protocol in COLOURS)):
        assert 1 - 1e-13 < value(given, given) <= 1


def test_what_is_fainter_than_the_smallest_sum_counts_as_flat():
    result, target = photos()
    assert value(100 + 1e-12 * result.double(), target.double()) == 0
    result, target = result[:, :1].double(), target[:, :1].double()
    target[..., :50] = 100 + 1e-11 * target[..., :50]
    wanted = plainly(result[0, 0].numpy(), target[0, 0].numpy())
    assert value(result, target) == pytest.approx(wanted, rel=0, abs=1e-11)


def test_brightness_does_not_count_and_contrast_does():
    _, target = photos()
    target = target.double()
    assert value(target + 20, target) == pytest.approx(1, rel=0, abs=1e-12)
    assert value(0.8 * target, target) < 0.98
    assert value(1.2 * target, target) > 1.02


def test_inverted_pictures_keep_nothing():
    _, target = photos()
    assert value(255 - target, target) == 0


def test_stripes_count_the_band_that_sees_them():
    # one band is flat, the blocks of the other differ in three ways of nine: no matrix here has an inverse
    line = picture(5, 8, 131)[:1, :, 0]
    target = np.repeat(line, 96, 0)
    # nothing but the stripes' contrast is lost: a gain of 0.8 everywhere
    assert value(batch(target), batch(target)) == pytest.approx(1, rel=0, abs=1e-13)
    result, target = batch(noise(target, 6, 2)), batch(target)
    made = value(result, target)
    assert 0.1 < made < 0.9
    assert value(result.mT, target.mT) == pytest.approx(made, rel=0, abs=1e-12)


def test_transposed_pictures_give_the_same():
    result, target = photos(75, 99)
    assert value(result.mT, target.mT) == pytest.approx(value(result, target), rel=0, abs=1e-12)


def test_the_target_is_the_reference():
    result, target = photos()
    assert abs(value(result, target) - value(target, result)) > 0.05


def test_a_batch_is_its_pictures_and_a_picture_the_mean_of_its_channels():
    (one, target), (other, _) = photos(sigma=8), photos(sigma=20)
    results, targets = torch.cat([one, other]), torch.cat([target, target.flip(-1)])
    made = vif(results, targets, data_range=255)
    assert made.shape == (2,)
    assert made.dtype == torch.float64
    assert made.tolist() == [value(one, target), value(other, target.flip(-1))]
    channels = vif(one.transpose(0, 1), target.transpose(0, 1), data_range=255)
    assert len(set(channels.tolist())) == 3
    assert value(one, target) == pytest.approx(channels.mean().item(), rel=0, abs=1e-15)


@pytest.mark.parametrize("dtype", [torch.int32, torch.float32, torch.float64])
def test_every_type_is_computed_in_doubles(dtype):
    result, target = photos()
    assert value(result.to(dtype), target.to(dtype)) == value(result, target)


def test_the_range_scales_the_values():
    result, target = photos()
    one, other = result.double() / 255, target.double() / 255
    assert value(one, other, 1) == pytest.approx(value(result, target), rel=0, abs=1e-12)
    # said wrongly, the same values give another number: the noise is that of 0 to 255
    assert abs(value(one, other, 255) - value(result, target)) > 0.01


def test_pictures_are_left_as_they_were():
    result, target = (x.double() for x in photos())
    before = result.clone(), target.clone()
    value(result, target)
    assert torch.equal(result, before[0])
    assert torch.equal(target, before[1])


def test_no_gradient_is_recorded():
    result, target = (x.double() for x in photos())
    assert not vif(result.requires_grad_(), target, data_range=255).requires_grad


def test_what_another_program_gives_by_single_precision():
    # pyiqa: 0.38999
    assert abs(value(*under("gray", "p01")) - 0.38999) > 5e-5
