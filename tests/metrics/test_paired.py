"""PSNR, SSIM and mean absolute error: by hand, and against scikit-image and a direct sum over windows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import correlate1d
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from conftest import picture
from img2img.errors import UserError
from img2img.metrics import HIGHER_IS_BETTER, METRICS, mean
from img2img.metrics.paired import mae, psnr, ssim


def pair(seed: int, height: int = 40, width: int = 56) -> tuple[np.ndarray, np.ndarray]:
    target = picture(seed, height, width)
    noise = np.random.default_rng(seed).normal(0, 12, target.shape)
    return np.clip(target + noise, 0, 255).astype(np.uint8), target


def flat(*levels: int, side: int = 16) -> np.ndarray:
    """One level in each channel."""
    return np.broadcast_to(np.array(levels, np.uint8), (side, side, 3)).copy()


def test_psnr_by_hand():
    # every sample is off by 1: MSE 1, 10 log10(255^2)
    assert psnr(flat(11, 21, 31), flat(10, 20, 30)) == pytest.approx(48.1308036086791, rel=1e-12)
    # one channel of three is off by 3: MSE 3, over all samples and not a mean of the channels' values
    assert psnr(flat(13, 20, 30), flat(10, 20, 30)) == pytest.approx(10 * math.log10(65025 / 3), rel=1e-12)
    # black against white: no wrap-around of unsigned numbers
    assert psnr(flat(0, 0, 0), flat(255, 255, 255)) == 0


@pytest.mark.parametrize("seed", range(3))
def test_psnr_is_scikit_images(seed):
    made, target = pair(seed)
    assert psnr(made, target) == pytest.approx(peak_signal_noise_ratio(target, made, data_range=255), rel=1e-12)


def test_psnr_of_identical_pictures_is_infinite():
    assert psnr(picture(0), picture(0)) == math.inf


@pytest.mark.parametrize("seed", range(3))
def test_ssim_is_scikit_images_with_the_settings_of_the_paper(seed):
    made, target = pair(seed)
    channels = [
        structural_similarity(target[..., c], made[..., c], data_range=255, gaussian_weights=True, sigma=1.5,
                              use_sample_covariance=False)
        for c in range(3)
    ]  # fmt: skip
    assert ssim(made, target) == pytest.approx(np.mean(channels), abs=1e-12)


def test_ssim_written_out():
    made, target = pair(7)
    window = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def local(values: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(values, window, 0), window, 1)[5:-5, 5:-5]

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for c in range(3):
        x, y = made[..., c].astype(float), target[..., c].astype(float)
        mx, my = local(x), local(y)
        vx, vy, cov = local(x * x) - mx**2, local(y * y) - my**2, local(x * y) - mx * my
        values.append((((2 * mx * my + c1) * (2 * cov + c2)) / ((mx**2 + my**2 + c1) * (vx + vy + c2))).mean())
    assert ssim(made, target) == pytest.approx(np.mean(values), abs=1e-9)


def test_ssim_of_flat_pictures_by_hand():
    # no variance: the luminance term alone
    c1 = (0.01 * 255) ** 2
    assert ssim(flat(100, 100, 100), flat(120, 120, 120)) == pytest.approx(
        (2 * 100 * 120 + c1) / (100**2 + 120**2 + c1), rel=1e-9
    )
    assert ssim(picture(0), picture(0)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("height", "width"), [(10, 40), (40, 10), (1, 1)])
def test_ssim_is_undefined_below_its_window(height, width):
    assert math.isnan(ssim(*pair(0, height, width)))
    assert math.isfinite(ssim(*pair(0, 11, 11)))


def test_mae_by_hand():
    assert mae(flat(0, 10, 255), flat(10, 10, 0)) == pytest.approx((10 + 0 + 255) / 3, rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_measures_do_not_depend_on_the_order_of_the_two_and_know_which_way_is_better(name):
    measure = METRICS[name]
    made, target = pair(1)
    assert measure(made, target) == pytest.approx(measure(target, made), rel=1e-12)
    worse = measure(np.clip(made.astype(int) + 60, 0, 255).astype(np.uint8), target)
    assert (measure(made, target) > worse) == HIGHER_IS_BETTER[name]
    with pytest.raises(UserError, match="sizes differ: result 56x40, target 40x56"):
        measure(made, target.swapaxes(0, 1))


def test_a_mean_is_of_the_images_values_and_leaves_out_what_is_not_finite():
    values = [psnr(*pair(seed)) for seed in range(3)]
    assert mean(values) == (pytest.approx(sum(values) / 3, rel=1e-15), 0)
    # not the PSNR of the mean error
    errors = [np.mean((a.astype(float) - b) ** 2) for a, b in (pair(seed) for seed in range(3))]
    assert mean(values)[0] != pytest.approx(10 * math.log10(255**2 / np.mean(errors)), rel=1e-6)
    assert mean([1.0, math.inf, 3.0, math.nan]) == (2.0, 2)
    assert mean([math.inf, math.inf]) == (math.inf, 2)
    value, left_out = mean([math.nan])
    assert math.isnan(value)
    assert left_out == 1
    value, left_out = mean([])
    assert math.isnan(value)
    assert left_out == 0
