"""Ours beside other people's programs, both sides computed, at the digits to which each truly agrees."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pytest
import torch
from photos import batch, noise, pair
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from img2img.metrics import PROTOCOLS
from img2img.metrics.psnr import psnr
from img2img.metrics.ssim import ssim
from img2img.metrics.vifp import vifp

PHOTOS = ("p01", "p02", "p12", "p16", "p17", "p18")


@pytest.fixture(scope="module")
def torchmetrics() -> ModuleType:
    try:
        return pytest.importorskip(
            "torchmetrics.functional.image", reason="torchmetrics is not installed (pip install -e '.[dev]')"
        )
    except RuntimeError as error:
        # a torchvision built for another torch, which torchmetrics imports
        pytest.skip(f"torchmetrics cannot be imported: {error}")


@pytest.mark.parametrize("name", PHOTOS)
def test_psnr_is_scikit_images(name):
    result, target = pair(name)
    wanted = peak_signal_noise_ratio(target, result, data_range=255)
    assert float(psnr(batch(result), batch(target), data_range=255)) == pytest.approx(wanted, rel=0, abs=1e-12)


@pytest.mark.parametrize("protocol", ["rgb", "gray", "y"])
@pytest.mark.parametrize("name", PHOTOS)
def test_ssim_is_scikit_images_with_the_settings_of_the_paper(name, protocol):
    result, target = (PROTOCOLS[protocol].planes(pixels).double() for pixels in pair(name))
    wanted = [
        structural_similarity(
            y.numpy(), x.numpy(), data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for x, y in zip(result[0], target[0], strict=True)
    ]
    assert float(ssim(result, target, data_range=255)) == pytest.approx(np.mean(wanted), rel=0, abs=1e-12)


@pytest.mark.parametrize(("sigma", "window"), [(1.0, 9), (2.0, 15)])
def test_ssim_of_other_windows_is_scikit_images(sigma, window):
    # scikit-image cuts its Gaussian at 3.5 sigma
    result, target = pair("p17")
    wanted = structural_similarity(
        target, result, data_range=255, channel_axis=2, gaussian_weights=True, sigma=sigma, use_sample_covariance=False,
        K1=0.02, K2=0.05,
    )  # fmt: skip
    made = ssim(batch(result), batch(target), data_range=255, window=window, sigma=sigma, k1=0.02, k2=0.05)
    assert float(made) == pytest.approx(wanted, rel=0, abs=1e-12)


@pytest.mark.parametrize("protocol", ["rgb", "gray", "y"])
@pytest.mark.parametrize("name", ["p01", "p02", "p12", "p17"])
def test_vifp_is_torchmetrics(name, protocol, torchmetrics):
    # a part: torchmetrics takes seconds for a whole photo
    result, target = (PROTOCOLS[protocol].planes(pixels[20:120, 10:120]).double() for pixels in pair(name))
    wanted = float(torchmetrics.visual_information_fidelity(result, target))
    assert float(vifp(result, target, data_range=255)) == pytest.approx(wanted, rel=0, abs=1e-12)


def test_vifp_of_a_batch_is_torchmetrics_one_by_one(torchmetrics):
    rng = np.random.default_rng(0)
    target = rng.integers(40, 200, (3, 2, 41, 44)).astype(float)
    result = np.clip(0.8 * target + rng.normal(0, [[[[1.0]]], [[[8.0]]], [[[30.0]]]], target.shape), 0, 255)
    made, given = torch.from_numpy(result), torch.from_numpy(target)
    alone = [torchmetrics.visual_information_fidelity(x[None], y[None]) for x, y in zip(made, given, strict=True)]
    torch.testing.assert_close(vifp(made, given, data_range=255), torch.stack(alone), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", PHOTOS)
def test_psnr_is_torchmetrics_to_the_six_digits_of_its_float32_range(name, torchmetrics):
    result, target = (batch(pixels).double() for pixels in pair(name))
    wanted = float(torchmetrics.peak_signal_noise_ratio(result, target, data_range=255.0))
    assert float(psnr(result, target, data_range=255)) == pytest.approx(wanted, rel=0, abs=2e-6)


def test_torchmetrics_uqi_is_not_the_authors(torchmetrics):
    # the flat windows of this pair: -2.8e7 for 0.70004
    result, target = (PROTOCOLS["gray"].planes(pixels).double() for pixels in pair("p13"))
    assert float(torchmetrics.universal_image_quality_index(result, target)) < -1e7


def test_infinite_psnr_is_everybodys():
    pixels = noise(np.full((20, 20, 3), 128), 9, 1)
    assert math.isinf(float(psnr(batch(pixels), batch(pixels), data_range=255)))
    with np.errstate(divide="ignore"):
        assert math.isinf(peak_signal_noise_ratio(pixels, pixels, data_range=255))
