"""Sources that are a photo degraded, against what is known of them by hand or by another program."""

from __future__ import annotations

import io
import sys

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.special import erf

from conftest import picture
from img2img.config import build
from img2img.data.config import DataConfig
from img2img.data.degradation_options import Edges
from img2img.data.degradations import gaussian_kernel, haze, motion_kernel, random_depth
from img2img.data.synthesis import SYNTHESES, prepare, xdog
from img2img.errors import UserError
from img2img.randomness import generator

DEGRADATIONS = ("colorize", "superres", "denoise", "deblur", "dehaze", "jpeg")


def source(synthesis: str, clean: np.ndarray, draw: int = 0, **options: object) -> np.ndarray:
    """The source that a synthesis makes of a picture, whose target is the picture itself."""
    config = build(DataConfig, {"synthesis": synthesis, **options}, "data")
    result = SYNTHESES[synthesis](clean, config, generator(0, "test", draw), min(clean.shape[:2]))
    assert np.array_equal(result["target"], clean)
    assert (result["source"].shape, result["source"].dtype) == (clean.shape, np.uint8)
    return result["source"]


@pytest.mark.parametrize(
    ("synthesis", "options"),
    [*((name, {}) for name in (*DEGRADATIONS, "edges")), ("edges", {"edges": {"kind": "kornia", "sigma": 3}})],
)
@pytest.mark.parametrize("size", [(1, 1), (3, 7), (2, 90)])
def test_any_size_and_a_draw_that_is_a_function_of_the_generator(synthesis, options, size):
    clean = picture(0, 96, 96)[: size[0], : size[1]]
    assert np.array_equal(source(synthesis, clean, **options), source(synthesis, clean, **options))


@pytest.mark.parametrize("synthesis", ["denoise", "deblur", "dehaze", "jpeg"])
def test_draws_differ(synthesis):
    clean = picture(0, 64, 64)
    assert len({source(synthesis, clean, draw).tobytes() for draw in range(6)}) >= 4


def test_grey_is_the_weighted_sum_of_rec_601():
    clean = picture(0, 32, 32)
    grey = source("colorize", clean)
    assert (grey == grey[:, :, :1]).all()
    assert np.abs(grey[:, :, 0] - clean @ [0.299, 0.587, 0.114]).max() < 0.51


@pytest.mark.parametrize("scale", [2, 4])
def test_small_and_enlarged_as_torch_interpolates(scale):
    # away from black and white, where Pillow clips between rows and columns
    clean = picture(0, 48, 64) // 2 + 64
    tensor = torch.from_numpy(clean).permute(2, 0, 1)[None].float()
    how = {"mode": "bicubic", "align_corners": False, "antialias": True}
    small = torch.nn.functional.interpolate(tensor, (48 // scale, 64 // scale), **how).clamp(0, 255).round()
    large = torch.nn.functional.interpolate(small, (48, 64), **how).clamp(0, 255).round()
    ours = source("superres", clean, superres={"scale": scale})
    assert np.abs(ours - large[0].permute(1, 2, 0).numpy()).max() <= 2


def test_area_is_the_mean_of_blocks():
    # each 4 x 4 block of one grey level becomes one pixel of it, whatever its pixels are
    rng = np.random.default_rng(0)
    blocks = np.zeros((4, 4), np.uint8) + 100
    blocks[::2] += 20
    clean = np.tile(rng.permutation(blocks)[:, :, None], (4, 4, 3))
    assert (source("superres", clean, superres={"scale": 4, "down": "area"}) == 110).all()


def test_gaussian_noise_has_its_standard_deviation():
    flat = np.full((200, 200, 3), 128, np.uint8)
    noise = source("denoise", flat, noise={"sigma": [20, 20]}).astype(float) - 128
    assert noise.mean() == pytest.approx(0, abs=0.3)
    assert noise.std() == pytest.approx(20, rel=0.01)
    # colours have noise of their own
    assert abs(np.corrcoef(noise[:, :, 0].ravel(), noise[:, :, 1].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize(("level", "photons"), [(64, 100), (128, 100), (128, 400)])
def test_poisson_noise_has_the_variance_of_counted_photons(level, photons):
    flat = np.full((200, 200, 3), level, np.uint8)
    noisy = source("denoise", flat, noise={"kind": "poisson", "photons": [photons, photons]}).astype(float)
    # of n photons the variance is n; a photon is 255 / photons levels; rounding adds 1/12
    assert noisy.mean() == pytest.approx(level, rel=0.01)
    assert noisy.var() == pytest.approx(level * 255 / photons + 1 / 12, rel=0.03)


def test_variances_of_mixed_noise_add_up():
    flat = np.full((200, 200, 3), 128, np.uint8)
    noisy = source("denoise", flat, noise={"kind": "mixed", "photons": [200, 200], "sigma": [10, 10]})
    assert noisy.astype(float).var() == pytest.approx(128 * 255 / 200 + 100 + 1 / 12, rel=0.03)


def test_sigma_is_uniform_in_its_range():
    flat = np.full((64, 64, 3), 128, np.uint8)
    sigmas = [source("denoise", flat, draw).astype(float).std() for draw in range(60)]
    assert 4.5 < min(sigmas) < 12
    assert 42 < max(sigmas) < 51
    assert np.mean(sigmas) == pytest.approx(27.5, abs=5)


def test_kernels_sum_to_one():
    kernels = [gaussian_kernel(sigma) for sigma in (0, 0.5, 3)]
    kernels += [motion_kernel(length, angle) for length in (0, 1, 6.5, 21) for angle in (0, 0.4, np.pi / 2, 3)]
    for kernel in kernels:
        assert kernel.sum() == pytest.approx(1, abs=1e-6)
        assert kernel.shape[0] == kernel.shape[1]
        assert kernel.shape[0] % 2
        assert kernel == pytest.approx(kernel[::-1, ::-1], abs=1e-6)


def test_the_gaussian_kernel_is_that_of_opencv():
    line = cv2.getGaussianKernel(13, 2.0)
    assert gaussian_kernel(2.0) == pytest.approx(line @ line.T, abs=1e-6)


@pytest.mark.parametrize("angle", [0.0, np.pi / 4, np.pi / 2, 2.5])
def test_motion_runs_along_its_angle_over_its_length(angle):
    kernel = motion_kernel(15, angle).astype(float)
    y, x = np.mgrid[: len(kernel), : len(kernel)] - len(kernel) // 2
    along, beside = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    # a line of 14 px between its ends' middles has the variance 14^2 / 12; spreading over pixels adds below 1/4
    assert (kernel * along**2).sum() == pytest.approx(14**2 / 12, abs=0.6)
    assert (kernel * beside**2).sum() < 0.3


def test_an_edge_under_gaussian_blur_is_the_error_function():
    clean = np.zeros((32, 64, 3), np.uint8)
    clean[:, 32:] = 200
    blurred = source("deblur", clean, blur={"kind": "gaussian", "sigma": [3, 3]})
    assert blurred[10, :, 0] == pytest.approx(100 * (1 + erf((np.arange(64) - 31.5) / (3 * 2**0.5))), abs=1)


def test_haze_is_the_atmospheric_model():
    clean = np.full((1, 3, 3), 100, np.uint8)
    hazy = haze(clean, np.array([[0.0, 0.5, 1.0]]), 2.0, 0.8)
    # 100 t + 204 (1 - t) for t of 1, exp(-1), exp(-2)
    assert hazy[0, :, 0].tolist() == [100, 166, 190]


def test_depths_are_smooth_and_span_0_to_1():
    for draw in range(5):
        depth = random_depth(96, 128, generator(0, draw))
        assert (depth.min(), depth.max()) == (0, 1)
        assert max(np.abs(np.diff(depth, axis=axis)).max() for axis in (0, 1)) < 0.1


@pytest.mark.parametrize("quality", [5, 30, 95])
def test_jpeg_is_what_pillow_writes_by_default(quality):
    clean = picture(0, 50, 70)
    file = io.BytesIO()
    Image.fromarray(clean).save(file, "JPEG", quality=quality)
    assert np.array_equal(source("jpeg", clean, jpeg={"quality": [quality, quality]}), np.array(Image.open(file)))


def test_kornias_canny_draws_a_disc_as_the_other_does():
    rows, columns = np.mgrid[:64, :64]
    disc = np.hypot(rows - 31.5, columns - 31.5) < 20
    photo = np.where(disc, 200, 60).astype(np.uint8)[:, :, None].repeat(3, 2)
    lines = {kind: source("edges", photo, edges={"kind": kind})[:, :, 0] == 0 for kind in ("canny", "kornia")}
    for drawn in lines.values():
        away = np.abs(np.hypot(rows - 31.5, columns - 31.5)[drawn] - 20)
        assert away.max() < 2.5
        # all round
        assert len(np.unique(np.floor(np.degrees(np.arctan2(rows - 31.5, columns - 31.5)[drawn]) / 10))) == 36
    # the whole slope is above the lower threshold or none of it
    weak = np.where(disc, 90, 60).astype(np.uint8)[:, :, None].repeat(3, 2)
    assert (source("edges", weak, edges={"kind": "kornia", "low": 0.6, "high": 0.7}) == 255).all()


def test_kornia_is_asked_for_where_it_is_absent(monkeypatch):
    config = build(DataConfig, {"synthesis": "edges", "edges": {"kind": "kornia", "low": 0.3, "high": 0.2}}, "data")
    with pytest.raises(UserError, match=r"data.edges.low=0.3 is above data.edges.high=0.2"):
        prepare(config)
    monkeypatch.setitem(sys.modules, "kornia.filters", None)
    with pytest.raises(UserError, match=r"pip install 'img2img\[kornia\]'"):
        prepare(build(DataConfig, {"synthesis": "edges", "edges": {"kind": "kornia"}}, "data"))


def test_xdog_draws_the_dark_side_of_an_edge_on_white():
    options = Edges(kind="xdog")
    step = np.full((32, 64), 0.2)
    step[:, 32:] = 0.8
    lines = xdog(step, options)
    # the difference at u px from the edge, of blurs that are error functions
    at = (np.arange(64) - 31.5) / 2**0.5
    narrow, wide = (0.5 + 0.3 * erf(at / sigma) for sigma in (1.5, 2.4))
    expected = 255 * (1 + np.tanh(100 * np.minimum(narrow - 0.98 * wide, 0)))
    assert lines[16, 14:50] == pytest.approx(expected[14:50], abs=8)
    assert lines[16, 30] < 20
    assert (lines[:, 40:] == 255).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"noise": {"sigma": [9, 3]}}, "noise.sigma=[9.0, 3.0]: the least comes first"),
        ({"blur": {"length": [9, 3]}}, "blur.length"),
        ({"haze": {"beta": [2, 1]}}, "haze.beta"),
        ({"jpeg": {"quality": [90, 10]}}, "jpeg.quality"),
        ({"jpeg": {"quality": [0, 10]}}, "quality"),
        ({"superres": {"scale": 5}}, "scale"),
    ],
)
def test_ranges_that_are_none_are_refused(options, said):
    with pytest.raises(UserError) as error:
        build(DataConfig, options, "data")
    assert said in str(error.value)
