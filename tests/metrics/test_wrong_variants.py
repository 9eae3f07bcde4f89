"""What public programs print instead, by a mistake or another definition: ours must not be any of these.

Each wrong figure is made again here, on the photos that it was published for, so that the difference is known to be the
mistake and nothing else. Figures of programs whose arithmetic cannot be repeated in a few lines stand as numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from photos import pair
from plain import Plane, quality, ssim, taps, valid, vifp, whole
from scipy.ndimage import gaussian_filter, uniform_filter
from scipy.signal import convolve2d
from skimage.metrics import structural_similarity

from img2img.metrics import PROTOCOLS, measure

GAUSSIAN = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
# where ours has no value at all
UNDEFINED = {("vifp", "p08"), ("vifp", "p14")}


def planes(name: str, protocol: str = "gray") -> tuple[Plane, Plane]:
    """Target and result, (H, W) or (H, W, 3), in doubles."""
    made = [PROTOCOLS[protocol].planes(pixels)[0].double().numpy() for pixels in reversed(pair(name))]
    one, two = (x[0] if len(x) == 1 else x.transpose(1, 2, 0) for x in made)
    return one, two


def smaller(plane: Plane, factor: int) -> Plane:
    """Means of blocks, what is left over at the end dropped."""
    height, width = (side // factor for side in plane.shape)
    return plane[: height * factor, : width * factor].reshape(height, factor, width, factor).mean((1, 3))


def wrapped(name: str) -> float:
    result, target = pair(name)
    return 10 * math.log10(255**2 / np.mean((result - target) ** 2))


def with_constant(name: str) -> float:
    target, result = planes(name)
    return -10 * math.log10(np.mean((target / 255 - result / 255) ** 2) + 1e-8)


def means_for_sums(x: Plane, y: Plane) -> float:
    def local(plane: Plane) -> Plane:
        return uniform_filter(plane, 8)[4:-4, 4:-4]

    return float(quality(local(x), local(y), local(x * x + y * y), local(x * y), 64).mean())


def one_window(x: Plane, y: Plane) -> float:
    return float(quality(x.mean(), y.mean(), (x * x + y * y).mean(), (x * y).mean()))


def disjoint(x: Plane, y: Plane) -> float:
    made = quality(*(smaller(plane, 8) for plane in (x, y, x * x + y * y, x * y)))
    return float(made.mean())


def gaussian_uqi(x: Plane, y: Plane) -> float:
    return float(quality(valid(x), valid(y), valid(x * x + y * y), valid(x * y)).mean())


def swapping(plane: Plane, size: int) -> Plane:
    # scipy's "valid" exchanges plane and window where the window is the larger
    return convolve2d(plane, np.outer(taps(size, size / 5), taps(size, size / 5)), mode="valid")


def same_size(plane: Plane, size: int) -> Plane:
    return gaussian_filter(plane, size / 5)


@dataclass(frozen=True)
class Wrong:
    """A figure, whose it is, and how it comes about (None: not in a few lines). ``digits`` are those published."""

    metric: str
    pair: str
    figure: float
    what: str
    made: Callable[[], float] | None = None
    protocol: str = "gray"
    digits: int = 5


WRONG = (
    Wrong("ssim", "p01", 0.47120, "scikit-image's defaults: 7x7 uniform, N - 1",
          lambda: structural_similarity(*planes("p01"), data_range=255)),
    Wrong("ssim", "p01", 0.54979, "sewar's default: 11x11 uniform",
          lambda: structural_similarity(*planes("p01"), data_range=255, win_size=11, use_sample_covariance=False)),
    Wrong("ssim", "p01", 0.44498, "sample covariance",
          lambda: structural_similarity(*planes("p01"), data_range=255, **GAUSSIAN | {"use_sample_covariance": True})),
    Wrong("ssim", "p01", 0.44120, "border reflected (torchmetrics, kornia)",
          lambda: ssim(*planes("p01"), whole("mirror"))),
    Wrong("ssim", "p01", 0.44133, "border replicated (MATLAB's own)",
          lambda: ssim(*planes("p01"), whole("nearest"))),
    Wrong("ssim", "p01", 0.34343, "range 1 for values up to 255",
          lambda: structural_similarity(*planes("p01"), data_range=1, **GAUSSIAN)),
    Wrong("ssim", "p01", 0.97974, "range 4095 (image-similarity-measures)",
          lambda: structural_similarity(*planes("p01"), data_range=4095)),
    Wrong("ssim", "p01", 0.51298, "RGB as a volume (MATLAB's own)",
          lambda: ssim(*planes("p01", "rgb"), whole("nearest", (0, 1, 2))), "rgb"),
    Wrong("ssim", "p01", 0.34198, "range 1 and border replicated (RCDNet, DRSformer)",
          lambda: ssim(*planes("p01", "y"), whole("nearest"), 1), "y"),
    Wrong("ssim", "p01", 0.49955, "border replicated on Y",
          lambda: ssim(*planes("p01", "y"), whole("nearest")), "y"),
    Wrong("ssim", "p12", 0.19582, "negative contrast clamped (pyiqa)",
          lambda: ssim(*planes("p12"), clamp=True)),
    Wrong("ssim_auto", "p19", 0.87643, "2.5 rounded to 2 (piq, pyiqa)",
          lambda: ssim(*(smaller(plane, 2) for plane in planes("p19")))),
    Wrong("psnr", "p01", 24.0854243935, "1e-8 added to the error (piq, pyiqa)", lambda: with_constant("p01"),
          digits=10),
    Wrong("psnr", "p09", 80, "1e-8 added to an error of nothing", lambda: with_constant("p09")),
    Wrong("psnr", "p09", 361.2, "a constant of OpenCV's", lambda: cv2.PSNR(*pair("p09")), digits=1),
    Wrong("psnr", "p01", 28.6668, "differences of unsigned bytes (DLHacks/pix2pix_PAN)", lambda: wrapped("p01"),
          "rgb", digits=4),
    Wrong("uqi", "p01", 0.90792, "means where sums belong (sewar)", lambda: means_for_sums(*planes("p01"))),
    Wrong("uqi", "p01", 0.87540, "means where sums belong (sewar)",
          lambda: np.mean([means_for_sums(*(x[..., c] for x in planes("p01", "rgb"))) for c in range(3)]), "rgb"),
    Wrong("uqi", "p01", 0.34343, "11x11 Gaussian (torchmetrics)", lambda: gaussian_uqi(*planes("p01"))),
    Wrong("uqi", "p13", -2.8e7, "an epsilon for the rule of flat windows (torchmetrics)", digits=-6),
    Wrong("uqi", "p01", 0.97518, "one window over all", lambda: one_window(*planes("p01"))),
    Wrong("uqi", "p01", 0.40058, "blocks side by side", lambda: disjoint(*planes("p01"))),
    Wrong("uqi", "p08", 0, "flat windows count 0 (image-similarity-measures)"),
    Wrong("vifp", "p01", 0.94129, "values of 0 to 1 against noise of 2 (torchmetrics)",
          lambda: vifp(*(plane / 255 for plane in planes("p01")))),
    Wrong("vifp", "p01", 0.26063, "result taken for target", lambda: vifp(*reversed(planes("p01")))),
    Wrong("vifp", "p01", 0.34016, "filters with borders made up (aizvorski)",
          lambda: vifp(*planes("p01"), same_size)),
    Wrong("vifp", "p08", 1, "nothing by nothing is 1 (piq)"),
    Wrong("vifp", "p14", 0.96545, "windows larger than the picture (sewar)",
          lambda: vifp(*planes("p14"), swapping)),
    Wrong("vifp", "p16", 0.65687, "windows larger than the picture (sewar)",
          lambda: vifp(*planes("p16"), swapping)),
    Wrong("vif", "p01", 0.38999, "single precision, flat bands to 0 (pyiqa)"),
    Wrong("vif", "p01", 0.3337487467, "the pixel form under the wavelet form's name"),
    Wrong("vifp", "p01", 0.3898991685, "the wavelet form under the pixel form's name"),
)  # fmt: skip


@pytest.mark.parametrize("wrong", [case for case in WRONG if case.made], ids=lambda case: f"{case.metric}: {case.what}")
def test_the_mistake_gives_the_known_figure(wrong):
    # the last digit as published, by rounding or by cutting off
    assert wrong.made is not None
    assert wrong.made() == pytest.approx(wrong.figure, rel=0, abs=10.0**-wrong.digits)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda case: f"{case.metric}: {case.what}")
def test_ours_is_not_that(wrong):
    value = measure(PROTOCOLS[wrong.protocol], [wrong.metric], *pair(wrong.pair))[wrong.metric].value
    if (wrong.metric, wrong.pair) in UNDEFINED:
        assert math.isnan(value)
    else:
        # far more than the 1e-9 to which ours are right, and than the digits published leave open
        assert abs(value - wrong.figure) > max(1e-5, 5 * 10.0**-wrong.digits)


def test_the_plain_formulas_without_mistakes_are_ours():
    for name in ("p01", "p12", "p16"):
        made = measure(PROTOCOLS["gray"], ["ssim", "uqi"], *pair(name))
        assert ssim(*planes(name)) == pytest.approx(made["ssim"].value, rel=0, abs=1e-12)
    for name in ("p01", "p12"):
        made = measure(PROTOCOLS["gray"], ["vifp"], *pair(name))
        assert vifp(*planes(name)) == pytest.approx(made["vifp"].value, rel=0, abs=1e-11)


def test_y_of_limited_range_lifts_psnr_by_a_known_amount():
    # why "PSNR on Y" of one paper is 1.3 dB above that of another
    limited, full = (measure(PROTOCOLS[name], ["psnr"], *pair("p01"))["psnr"].value for name in ("y", "y_full"))
    assert limited - full == pytest.approx(20 * math.log10(255 / 219), abs=1e-3)
