"""Memory: how much a forward takes, amounts, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from spies import Spy, randomised
from torch import Tensor, nn
from translators import translator

from conftest import picture
from img2img.errors import UserError
from img2img.images import Picture, write
from img2img.inference import (
    list_jobs,
    translate_folder,
)
from img2img.inference.budget import PROBE, amount, bytes_per_pixel, parse_amount
from img2img.networks import GENERATORS


def test_reading_and_writing_are_bounded_by_what_they_take(tmp_path):
    made = translator({"name": "residual", "width": 4})
    made.budget.memory = 700_000_000
    made.budget.admit(4000, 3000)
    with pytest.raises(UserError, match=r"4000x3000 px need \S+ of memory to be read and written; --memory allows 7"):
        made.budget.admit(4000, 3000, 36)
    (tmp_path / "in").mkdir()
    deep = Picture(picture(0, 1500, 3000).astype(np.uint16) * 257)
    for name in ("deep.png", "deep.tif"):
        write(tmp_path / "in" / name, deep)
    write(tmp_path / "in/plain.png", Picture(picture(0, 1500, 3000)))
    write(tmp_path / "in/heavy.webp", Picture(picture(0, 1500, 3000)))
    made.budget.memory = 560_000_000
    summary = translate_folder(made, list_jobs(made, tmp_path / "in", tmp_path / "out", None, None, 1))
    assert {Path(file).name for file in summary.failed} == {"deep.png", "deep.tif", "heavy.webp"}


class Holds(nn.Module):
    """Holds so many copies of its input at once, that of its caller and what it returns included."""

    multiple = minimum = 1

    def __init__(self, copies: int) -> None:
        super().__init__()
        self.copies = copies

    def forward(self, x: Tensor) -> Tensor:
        held = [x + number for number in range(self.copies - 2)]
        for _ in range(20):
            x + 1  # freed at once
        return held[0] * 2


@pytest.mark.parametrize("copies", [20, 40])
def test_memory_is_counted_while_it_is_alive(copies):
    assert bytes_per_pixel(Holds(copies), 3) == copies * 3 * 4


def test_memory_of_known_networks():
    """Written out from their forwards: what is alive at the widest place, with the input, 4 bytes a value."""
    idcgan = GENERATORS["idcgan"](width=64).build(in_channels=3, out_channels=3, size=None)
    idcgan = idcgan.to(memory_format=torch.channels_last).eval()
    # input 3, two kept for the mirrored layers, the neck, a layer's input, its convolution and its norm
    assert bytes_per_pixel(idcgan, 3) == 4 * (3 + 5 * 64 + 1)
    for part in idcgan.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            part.weight.data = part.weight.data.contiguous()
    # another layout needs reordered copies besides
    assert bytes_per_pixel(idcgan, 3) > 4 * (3 + 5 * 64 + 1) * 1.15


def test_memory_is_a_count_not_a_measurement():
    network = randomised("pan", width=64)
    assert len({bytes_per_pixel(network, 3) for _ in range(3)}) == 1
    half = bytes_per_pixel(randomised("pan", width=32), 3)
    assert 1.5 * half < bytes_per_pixel(network, 3) < 2 * half


def test_half_precision_takes_less():
    network = randomised("idcgan", width=32)
    full = bytes_per_pixel(network, 3)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert bytes_per_pixel(network, 3) < 0.6 * full


def test_counting_takes_little():
    spy = Spy(multiple=2, minimum=2)
    bytes_per_pixel(spy, 3)
    assert spy.seen == [(PROBE, PROBE)]


@pytest.mark.parametrize(
    ("text", "number"),
    [("800M", 800_000_000), ("1.5G", 1_500_000_000), ("2g", 2_000_000_000), ("64k", 64_000), ("1000", 1000), (7, 7)],
)
def test_amounts(text, number):
    assert parse_amount("--memory", text) == number


@pytest.mark.parametrize("text", ["", "G", "2T", "1,5G", "-1G", "0", "nan", "inf", "1e400", "two", "2GB"])
def test_amounts_that_are_refused(text):
    with pytest.raises(UserError) as caught:
        parse_amount("--memory", text)
    assert str(caught.value) == f"--memory {text}: use a number such as 800M or 1.5G"


@given(st.integers(1, 10**12))
def test_amounts_are_told_as_they_are_read_and_never_too_low(size):
    assert size <= parse_amount("--memory", amount(size)) <= max(1.1 * size, size + 1e6)
