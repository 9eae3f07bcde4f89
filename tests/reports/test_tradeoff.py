"""Quality against speed: each candidate and precision has its mark where it belongs."""

import numpy as np
import pytest

from img2img.reports.plots import COLOURS
from img2img.reports.tradeoff import Candidate, tradeoff_plot


def centre(pixels: np.ndarray, colour: str) -> tuple[float, float]:
    """Mean column and row of a colour's pixels."""
    wanted = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    rows, columns = np.nonzero((np.abs(pixels.astype(int) - wanted) <= 2).all(-1))
    assert len(rows), f"{colour} is not in the picture"
    return float(columns.mean()), float(rows.mean())


def test_faster_is_right_and_better_is_up() -> None:
    slow_good = Candidate("good", {"fp32": 1.0}, 27.0, 26.9, 27.1)
    fast_bad = Candidate("fast", {"fp32": 10.0}, 25.0, 24.9, 25.1)
    pixels = tradeoff_plot([slow_good, fast_bad], "PSNR (dB)", 21.0)
    good, fast = centre(pixels, COLOURS[0]), centre(pixels, COLOURS[1])
    assert fast[0] > good[0] + 300
    assert fast[1] > good[1] + 100


def test_two_precisions_are_joined() -> None:
    one = tradeoff_plot([Candidate("m", {"fp32": 1.0}, 27.0, 26.5, 27.5)], "PSNR (dB)")
    two = tradeoff_plot([Candidate("m", {"fp32": 1.0, "bf16": 2.0}, 27.0, 26.5, 27.5)], "PSNR (dB)")
    assert one.shape == two.shape == (780, 1440, 3)
    assert (one != two).any()


def test_a_candidate_without_a_speed_is_refused() -> None:
    with pytest.raises(ValueError, match="speed"):
        tradeoff_plot([Candidate("m", {}, 27.0, 26.5, 27.5)], "PSNR (dB)")
