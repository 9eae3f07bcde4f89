"""The measures by hand, by their properties, as losses, and given what they cannot measure."""

from __future__ import annotations

import math

import numpy as np
import plain
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from photos import batch, pair
from torch import Tensor
from torch.autograd import gradcheck

from conftest import picture
from img2img.errors import UserError
from img2img.metrics import METRICS, mean
from img2img.metrics.mae import mae
from img2img.metrics.psnr import psnr
from img2img.metrics.ssim import ssim, ssim_auto
from img2img.metrics.uqi import uqi
from img2img.metrics.vifp import vifp

MEASURES = {"psnr": psnr, "ssim": ssim, "ssim_auto": ssim_auto, "uqi": uqi, "vifp": vifp, "mae": mae}
SYMMETRIC = [name for name in MEASURES if name != "vifp"]
BEST = {"psnr": math.inf, "ssim": 1, "ssim_auto": 1, "uqi": 1, "vifp": 1, "mae": 0}
SEEDS = st.integers(0, 2**32 - 1)
quick = settings(deadline=None, max_examples=10)


def pictures(seed: int, *shape: int) -> tuple[Tensor, Tensor]:
    """Noisy result and smooth target on [0, 255], with a flat patch in both and one in the target; float64."""
    rng = np.random.default_rng(seed)
    number, _, height, width = shape
    target = np.stack([picture(int(rng.integers(2**31)), height, width) for _ in range(number)])
    target = np.resize(target.transpose(0, 3, 1, 2), shape).astype(float)
    result = np.clip(np.rint(target + rng.normal(0, 15, shape)), 0, 255)
    top, left = rng.integers(0, height // 2), rng.integers(0, width // 2)
    target[..., top : top + 12, left : left + 12] = 90
    result[..., top : top + 12, left + 2 : left + 14] = 95
    return torch.from_numpy(result), torch.from_numpy(target)


def flat(*levels: float, side: int = 48) -> Tensor:
    """One level in each channel."""
    return torch.tensor(levels, dtype=torch.float64).reshape(1, -1, 1, 1).expand(1, len(levels), side, side)


def close(one: Tensor, other: Tensor, tolerance: float = 1e-11) -> bool:
    return torch.allclose(one, other, rtol=tolerance, atol=tolerance)


# --- by hand


def test_psnr_by_hand():
    # every sample is off by 1: MSE 1, 10 log10(255^2)
    assert float(psnr(flat(11, 21, 31), flat(10, 20, 30), data_range=255)) == pytest.approx(48.1308036086791, rel=1e-14)
    # one channel of three is off by 3: MSE 3, over all samples and not a mean of the channels' values
    made = float(psnr(flat(13, 20, 30), flat(10, 20, 30), data_range=255))
    assert made == pytest.approx(10 * math.log10(65025 / 3), rel=1e-14)
    # black against white, in bytes: no wrap-around of unsigned numbers
    black, white = (flat(level).to(torch.uint8) for level in (0, 255))
    assert float(psnr(black, white, data_range=255)) == float(psnr(white, black, data_range=255)) == 0


def test_mae_by_hand():
    assert float(mae(flat(0, 10, 255), flat(10, 10, 0), data_range=255)) == pytest.approx((10 + 0 + 255) / 3, rel=1e-14)
    one, other = (flat(level).to(torch.uint8) for level in (3, 250))
    assert float(mae(one, other, data_range=255)) == 247


def test_ssim_of_flat_pictures_by_hand():
    # no variance: the luminance term alone, and the mean of channels
    c1 = (0.01 * 255) ** 2
    wanted = [(2 * x * y + c1) / (x**2 + y**2 + c1) for x, y in ((100, 120), (0, 255), (7, 7))]
    made = ssim(flat(100, 0, 7), flat(120, 255, 7), data_range=255)
    assert float(made) == pytest.approx(np.mean(wanted), rel=1e-12)


def test_ssim_of_contrary_pictures_is_negative():
    target = pictures(0, 1, 1, 40, 40)[1]
    assert float(ssim(255 - target, target, data_range=255)) < -0.1
    assert float(uqi(255 - target, target, data_range=255)) < -0.1


def test_uqi_rules_of_flat_blocks_by_hand():
    def value(result: Tensor, target: Tensor) -> float:
        return float(uqi(result, target, data_range=255))

    x = pictures(3, 1, 1, 8, 8)[0]
    assert value(flat(100, side=8), flat(120, side=8)) == pytest.approx(60 / 61, rel=1e-15)
    assert value(flat(0, side=8), flat(0, side=8)) == 1
    assert value(flat(0, side=8), flat(5, side=8)) == 0
    assert value(flat(x.mean(), side=8), x) == value(x, flat(x.mean(), side=8)) == 0
    assert value(flat(0, side=8), x) == value(x, flat(0, side=8)) == 0
    rough = torch.from_numpy(np.random.default_rng(3).uniform(0, 255, (1, 1, 48, 48)))
    assert value(flat(100.1), rough) == value(rough, flat(100.1)) == 0
    assert value(x, x) == pytest.approx(1, abs=1e-14)
    # the same blocks in one picture, each counted once, and flat or not where they meet
    both = torch.cat([flat(100, side=8), x], 3), torch.cat([flat(120, side=8), x], 3)
    blocks = [value(both[0][..., i : i + 8], both[1][..., i : i + 8]) for i in range(9)]
    assert value(*both) == pytest.approx(np.mean(blocks), rel=1e-14)


@given(levels=st.tuples(*[st.floats(0.01, 255)] * 2))
@quick
def test_flat_pictures_that_are_not_whole_numbers(levels):
    x, y = levels
    one, other = flat(x), flat(y)
    assert float(uqi(one, other, data_range=255)) == pytest.approx(2 * x * y / (x * x + y * y), rel=1e-12)
    assert math.isnan(float(vifp(one, other, data_range=255)))
    assert math.isnan(float(vifp(pictures(0, 1, 1, 48, 48)[0], other, data_range=255)))
    assert float(vifp(one, pictures(0, 1, 1, 48, 48)[1], data_range=255)) == pytest.approx(0, abs=1e-9)


def test_vifp_above_one_where_contrast_was_raised():
    target = pictures(4, 1, 1, 64, 64)[1] * 0.5 + 60
    raised = (target - target.mean()) * 1.3 + target.mean()
    assert 1.05 < float(vifp(raised, target, data_range=255)) < 1.6


@pytest.mark.parametrize(("side", "scales"), [(17, 1), (24, 1), (25, 2), (32, 2), (33, 3), (40, 3), (41, 4), (50, 4)])
def test_vifp_counts_the_scales_that_fit(side, scales):
    result, target = pictures(5, 1, 1, side, side + 3)
    wanted = plain.vifp(target[0, 0].numpy(), result[0, 0].numpy(), sizes=(17, 9, 5, 3)[:scales])
    assert float(vifp(result, target, data_range=255)) == pytest.approx(wanted, rel=0, abs=1e-12)


@pytest.mark.parametrize(("side", "factor"), [(383, 1), (384, 2), (639, 2), (640, 3), (896, 4)])
def test_ssim_auto_makes_smaller_by_the_shorter_side(side, factor):
    result, target = pictures(6, 1, 1, side, side + 2)
    made = float(ssim_auto(result, target, data_range=255))
    one, other = (_boxes(x, factor) for x in (result, target))
    assert made == pytest.approx(float(ssim(one, other, data_range=255)), rel=0, abs=1e-12)
    if factor > 1:
        assert made != pytest.approx(float(ssim(result, target, data_range=255)), rel=0, abs=1e-3)


def _boxes(x: Tensor, factor: int) -> Tensor:
    """Every factor-th mean of factor x factor samples, with numpy's symmetric border."""
    before, after = (factor - 1) // 2, factor // 2
    wide = np.pad(x[0, 0].numpy(), ((before, after), (before, after)), mode="symmetric")
    means = np.lib.stride_tricks.sliding_window_view(wide, (factor, factor)).mean((-1, -2))
    return torch.from_numpy(means[::factor, ::factor].copy())[None, None]


# --- properties


@given(seed=SEEDS)
@quick
def test_order_does_not_matter_where_it_should_not(seed):
    result, target = pictures(seed, 1, 2, 48, 56)
    for name in SYMMETRIC:
        one, other = (MEASURES[name](*two, data_range=255) for two in ((result, target), (target, result)))
        assert close(one, other, 1e-13), name
    one, other = (vifp(*two, data_range=255) for two in ((result, target), (target, result)))
    assert not close(one, other, 1e-4)


@pytest.mark.parametrize("name", MEASURES)
@given(seed=SEEDS)
@quick
def test_identical_pictures_are_best(name, seed):
    _, target = pictures(seed, 2, 3, 44, 50)
    assert MEASURES[name](target, target.clone(), data_range=255).tolist() == pytest.approx([BEST[name]] * 2, abs=1e-10)


@pytest.mark.parametrize("name", MEASURES)
@given(seed=SEEDS)
@quick
def test_more_noise_is_worse(name, seed):
    _, target = pictures(seed, 1, 1, 64, 64)
    target = 60 + target * (135 / 255)
    noise = torch.from_numpy(np.random.default_rng(seed).normal(0, 1, target.shape).clip(-3, 3))
    values = [float(MEASURES[name](target + amount * noise, target, data_range=255)) for amount in (0, 1, 3, 6, 10, 20)]
    falling = values if METRICS[name].higher_is_better else [-value for value in values]
    assert all(better > worse for better, worse in zip(falling, falling[1:], strict=False))


@pytest.mark.parametrize("name", MEASURES)
@given(seed=SEEDS)
@quick
def test_flips_and_transposition_change_nothing(name, seed):
    # vifp keeps every second sample from the first: a flip keeps the same ones only if each scale's count is odd
    result, target = pictures(seed, 1, 2, 41, 57)
    measure = MEASURES[name]
    wanted = measure(result, target, data_range=255)
    for dims in ((2,), (3,), (2, 3)):
        assert close(measure(result.flip(dims), target.flip(dims), data_range=255), wanted)
    assert close(measure(result.mT, target.mT, data_range=255), wanted)


@pytest.mark.parametrize(("height", "width", "same"), [(384, 400, True), (640, 643, True), (385, 384, False)])
def test_ssim_auto_of_flips_where_the_phase_of_making_smaller_permits(height, width, same):
    # factor 2 pairs samples from the first on (an even side ends with a pair), factor 3 centres on the first sample
    result, target = pictures(8, 1, 1, height, width)
    one = ssim_auto(result, target, data_range=255)
    other = ssim_auto(result.flip(2), target.flip(2), data_range=255)
    assert close(one, other) == same
    assert close(one, ssim_auto(result.mT, target.mT, data_range=255))


@pytest.mark.parametrize("name", MEASURES)
def test_a_batch_is_its_pictures_one_by_one_and_the_mean_of_channels(name):
    result, target = pictures(9, 3, 3, 45, 52)
    measure = MEASURES[name]
    together = measure(result, target, data_range=255)
    assert together.shape == (3,)
    assert together.dtype == torch.float64
    alone = [measure(x[None], y[None], data_range=255) for x, y in zip(result, target, strict=True)]
    assert torch.equal(together, torch.cat(alone))
    channels = measure(result.flatten(0, 1)[:, None], target.flatten(0, 1)[:, None], data_range=255).view(3, 3)
    if name == "psnr":
        channels = 10 ** (-channels / 10)
        together = 10 ** (-together / 10)
    assert close(channels.mean(1), together, 1e-14)
    assert measure(result[:0], target[:0], data_range=255).shape == (0,)


@pytest.mark.parametrize("name", MEASURES)
@given(seed=SEEDS, top=st.sampled_from([1.0, 2.0, 1000.0, 65535.0]))
@quick
def test_the_range_scales_with_the_samples(name, seed, top):
    result, target = pictures(seed, 1, 1, 48, 48)
    wanted = MEASURES[name](result, target, data_range=255)
    made = MEASURES[name](result * (top / 255), target * (top / 255), data_range=top)
    if name == "mae":
        made = made * (255 / top)
    assert close(made, wanted, 1e-9)


@pytest.mark.parametrize("name", MEASURES)
def test_types_of_the_same_samples_agree(name):
    result, target = pictures(10, 1, 3, 48, 48)
    wanted = MEASURES[name](result, target, data_range=255)
    for dtype in (torch.uint8, torch.uint16, torch.int16, torch.int64, torch.float16, torch.float32):
        made = MEASURES[name](result.to(dtype), target.to(dtype), data_range=255)
        assert made.dtype == torch.float64
        assert torch.equal(made, wanted), dtype
    # neither the type of the other picture nor the layout matters
    columns = result.float().contiguous(memory_format=torch.channels_last)
    assert torch.equal(MEASURES[name](columns, target.to(torch.uint8), data_range=255), wanted)


@pytest.mark.parametrize("name", MEASURES)
def test_inputs_are_left_as_they_were(name):
    result, target = pictures(11, 1, 3, 48, 48)
    kept = result.clone(), target.clone()
    MEASURES[name](result, target, data_range=255)
    assert torch.equal(result, kept[0])
    assert torch.equal(target, kept[1])


@pytest.mark.parametrize(
    "change", [{"window": 7}, {"window": 8}, {"sigma": 0.8}, {"k1": 0.1}, {"k2": 0.1}, {"data_range": 1000}]
)
def test_every_argument_of_ssim_acts(change):
    result, target = pictures(12, 1, 1, 40, 40)
    usual = float(ssim(result, target, data_range=255, window=11, sigma=1.5, k1=0.01, k2=0.03))
    assert usual == float(ssim(result, target, data_range=255))
    changed = float(ssim(result, target, **{"data_range": 255} | change))
    assert changed != pytest.approx(usual, rel=0, abs=1e-4)


# --- as a loss


@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_gradients_of_ssim(data_range):
    rng = np.random.default_rng(13)
    result, target = (torch.from_numpy(rng.uniform(0.2, 0.8, (1, 2, 7, 8)) * data_range) for _ in "ab")
    for x in (result, target):
        x.requires_grad_()
    assert gradcheck(
        lambda x, y: ssim(x, y, data_range=data_range, window=5), (result, target), eps=1e-6 * data_range, atol=1e-7
    )


def test_gradients_of_the_others():
    rng = np.random.default_rng(14)
    result, target = (torch.from_numpy(rng.uniform(50, 200, (1, 1, 9, 9))) for _ in "ab")
    result.requires_grad_()
    assert gradcheck(lambda x: psnr(x, target, data_range=255), (result,))
    assert gradcheck(lambda x: mae(x, target, data_range=255), (result,))
    result = torch.from_numpy(rng.uniform(50, 200, (1, 1, 12, 11))).requires_grad_()
    target = torch.from_numpy(rng.uniform(50, 200, (1, 1, 12, 11)))
    assert gradcheck(lambda x: ssim_auto(x, target, data_range=255), (result,))


def test_descent_on_ssim_raises_it():
    _, target = pictures(15, 1, 3, 32, 32)
    target = (target / 255).float()
    made = torch.full_like(target, 0.5, requires_grad=True)
    optimizer = torch.optim.Adam([made], lr=0.05)
    values = []
    for _ in range(40):
        value = ssim(made.clamp(0, 1), target, data_range=1).mean()
        optimizer.zero_grad()
        (1 - value).backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert made.grad is not None
    assert made.grad.dtype == torch.float32
    assert values[0] < 0.5
    assert values[-1] > 0.95


def test_identical_pictures_have_no_gradient_of_ssim():
    _, target = pictures(16, 1, 1, 24, 24)
    made = target.clone().requires_grad_()
    ssim(made, target, data_range=255).sum().backward()
    assert made.grad is not None
    assert float(made.grad.abs().max()) < 1e-12


# --- what cannot be measured


@pytest.mark.parametrize("name", MEASURES)
def test_bad_input_says_what_is_wrong(name):
    measure = MEASURES[name]
    x = flat(100, 100, 100)
    for other in (flat(100, 100, 100, side=47), flat(100), x.expand(2, -1, -1, -1)):
        with pytest.raises(UserError, match=rf"{name} needs two batches \(N, C, H, W\) of one shape; these are \(1, 3"):
            measure(x, other, data_range=255)
    with pytest.raises(UserError, match=r"\(N, C, H, W\)"):
        measure(x[0], x[0], data_range=255)
    for bad in (math.nan, math.inf, -math.inf):
        odd = x.clone()
        odd[0, 1, 5, 7] = bad
        with pytest.raises(UserError, match=f"{name}: the result has samples that are not finite"):
            measure(odd, x, data_range=255)
        with pytest.raises(UserError, match=f"{name}: the target has samples that are not finite"):
            measure(x, odd, data_range=255)
    with pytest.raises(
        UserError, match=rf"{name}: the target's samples lie in \[-1, -1\], not in \[0, 2\]: say the data_"
    ):
        measure(flat(1), flat(-1), data_range=2)
    # bytes given as if they were on 0..1
    with pytest.raises(UserError, match=r"the result's samples lie in \[100, 100\], not in \[0, 1\]"):
        measure(flat(100).to(torch.uint8), flat(1).to(torch.uint8), data_range=1)


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("data_range", [0, -1, math.nan, math.inf])
def test_a_range_that_is_none_is_refused(name, data_range):
    with pytest.raises(UserError, match="data_range"):
        MEASURES[name](flat(0), flat(0), data_range=data_range)


@pytest.mark.parametrize("name", MEASURES)
def test_the_range_must_be_said(name):
    with pytest.raises(TypeError, match="data_range"):
        MEASURES[name](flat(1), flat(1))


def test_ssim_needs_a_picture_as_large_as_its_window():
    x = flat(100, side=14)
    assert float(ssim(x, x, data_range=255, window=14)) == pytest.approx(1, abs=1e-12)
    with pytest.raises(UserError, match=r"at least 15 px \(the 15x15 window\)"):
        ssim(x, x, data_range=255, window=15)


def test_one_sample_is_enough_for_psnr_and_mae():
    assert float(psnr(flat(10, side=1), flat(20, side=1), data_range=255)) == pytest.approx(28.1308036086791, rel=1e-14)
    assert float(mae(flat(10, side=1), flat(20, side=1), data_range=255)) == 10


# --- means over pictures


def test_a_mean_is_of_the_pictures_values_and_leaves_out_what_is_not_finite():
    results, targets = pictures(17, 3, 3, 40, 40)
    results[0] = (targets[0] + results[0]) / 2
    values = psnr(results, targets, data_range=255).tolist()
    assert mean(values) == (pytest.approx(sum(values) / 3, rel=1e-15), 0)
    # not the PSNR of the mean error
    pooled = psnr(results.reshape(1, 3, 120, 40), targets.reshape(1, 3, 120, 40), data_range=255)
    assert mean(values)[0] != pytest.approx(float(pooled), rel=1e-3)
    assert mean([1.0, math.inf, 3.0, math.nan]) == (2.0, 2)
    assert mean([math.inf, math.inf]) == (math.inf, 2)
    assert mean([math.inf, math.nan]) == (math.inf, 2)
    for nothing in ([], [math.nan]):
        value, left_out = mean(nothing)
        assert math.isnan(value)
        assert left_out == len(nothing)


def test_registry_is_of_these_functions():
    x, y = (batch(pixels) for pixels in pair("p16"))
    for name, measure in MEASURES.items():
        assert torch.equal(METRICS[name].measure(x, y, data_range=255), measure(x, y, data_range=255))
    assert [name for name, metric in METRICS.items() if not metric.higher_is_better] == ["mae"]
