"""Sliding windows: against scipy and against loops that look at every window."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate1d
from torch.autograd import gradcheck, gradgradcheck

from img2img.metrics.windows import all_equal, box_sums, gaussian, separable

quick = settings(deadline=None, max_examples=30)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def windows(x: np.ndarray, side: int) -> np.ndarray:
    """(H - side + 1, W - side + 1, side, side)."""
    return np.lib.stride_tricks.sliding_window_view(x, (side, side))


@pytest.mark.parametrize(("size", "sigma"), [(11, 1.5), (17, 17 / 5), (3, 3 / 5), (8, 2.0), (1, 1.5)])
def test_gaussian_taps_are_those_of_the_square_window(size, sigma):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    square = np.exp(-(x * x + y * y) / (2 * sigma * sigma))
    taps = gaussian(size, sigma)
    np.testing.assert_allclose(np.outer(taps, taps), square / square.sum(), rtol=1e-14)
    assert sum(taps) == pytest.approx(1, abs=1e-15)
    assert taps == taps[::-1]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9, 11, 17])
def test_separable_is_scipys_correlation_where_the_window_fits(size):
    x = normal(2, 3, 19, 24)
    taps = gaussian(size, 1.7)
    wanted = x.numpy()
    for axis in (2, 3):
        # an even window reaches one sample further back than forward
        wanted = correlate1d(wanted, np.array(taps), axis)
    low, high = size // 2, (size - 1) // 2
    wanted = wanted[..., low : 19 - high, low : 24 - high]
    kept = x.clone()
    np.testing.assert_allclose(separable(x, taps).numpy(), wanted, rtol=0, atol=1e-14)
    assert torch.equal(x, kept)


def test_separable_is_the_sum_over_every_window():
    x = normal(7, 9)
    taps = gaussian(5, 1.1)
    wanted = (windows(x.numpy(), 5) * np.outer(taps, taps)).sum((-1, -2))
    np.testing.assert_allclose(separable(x, taps).numpy(), wanted, rtol=0, atol=1e-14)
    # a window as large as the picture leaves one sample
    assert separable(x[:, :7], gaussian(7, 2.0)).shape == (1, 1)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_gradients_of_separable_of_first_and_second_order(size):
    taps = gaussian(size, 1.3)
    x = normal(2, 6, 7).requires_grad_()
    assert gradcheck(lambda x: separable(x, taps), (x,))
    # the square makes the second derivative depend on the filter
    assert gradgradcheck(lambda x: separable(x * x, taps), (x,))


@pytest.mark.parametrize("power", [0, 1, 3])
def test_box_sums_are_exact_for_whole_numbers(power):
    x = np.random.default_rng(1).integers(0, 2 * 255**2 + 1, (2, 13, 17))
    wanted = np.stack([windows(plane, 2**power).sum((-1, -2)) for plane in x])
    made = box_sums(torch.from_numpy(x).double(), power)
    assert made.dtype == torch.float64
    assert np.array_equal(made.numpy(), wanted)


@pytest.mark.parametrize("power", [1, 2, 3])
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(8, 20),
    width=st.integers(8, 20),
    odd=st.integers(0, 6),
)
@quick
def test_all_equal_looks_at_every_sample(power, seed, height, width, odd):
    rng = np.random.default_rng(seed)
    x = np.full((height, width), 7.0)
    x[:, rng.integers(width) :] += 0.1
    for row, column in zip(rng.integers(0, height, odd), rng.integers(0, width, odd), strict=True):
        # the least there is to be seen
        x[row, column] = np.nextafter(x[row, column], 100)
    parts = windows(x, 2**power)
    wanted = parts.max((-1, -2)) == parts.min((-1, -2))
    assert np.array_equal(all_equal(torch.from_numpy(x), power).numpy(), wanted)


def test_all_equal_sees_one_sample_at_every_place_of_a_window():
    for place in range(64):
        x = torch.zeros(2, 8, 8)
        x[1].view(-1)[place] = 1
        assert all_equal(x, 3).flatten().tolist() == [True, False]
