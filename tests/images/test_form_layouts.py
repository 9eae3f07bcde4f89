"""8-bit pictures become tensors whatever way they lie in memory: cut, mirrored, turned, read-only, of one column."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from img2img.images.form import Form, from_bytes

PICTURE = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
PICTURE.setflags(write=False)
VIEWS = {
    "whole": PICTURE,
    "cut": PICTURE[2:7, 3:8],
    "mirrored": PICTURE[2:7, 3:8][:, ::-1],
    "upside down": PICTURE[::-1],
    "turned": np.rot90(PICTURE),
    "turned and mirrored": np.rot90(PICTURE, 3)[:, ::-1],
    "a mirrored column": PICTURE[:, :1][:, ::-1],
    "every second column": PICTURE[:, ::2],
    "a channel": PICTURE[:, :, 1:2],
    "channels turned round": PICTURE[:, :, ::-1],
}


@pytest.mark.parametrize("view", VIEWS)
def test_values_are_those_of_the_array(view):
    pixels = VIEWS[view]
    form = Form(channels=pixels.shape[2])
    expected = torch.from_numpy(np.array(pixels.transpose(2, 0, 1).tolist(), dtype=np.float32)) / 127.5 - 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values, levels = form.to_tensor(pixels), form.as_bytes(pixels)
    assert values.is_contiguous()
    assert torch.equal(values, expected)
    assert levels.dtype == torch.uint8
    assert torch.equal(from_bytes(levels), expected)


def test_every_level_has_the_same_bits_both_ways():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    form = Form(channels=1)
    assert torch.equal(from_bytes(form.as_bytes(levels)), form.to_tensor(levels))


def test_other_types_and_ranges_are_numbers_at_once():
    assert Form(dtype="uint16").as_bytes(np.zeros((2, 2, 3), np.uint16)).dtype == torch.float32
    assert Form(range=(0, 7)).as_bytes(np.zeros((2, 2, 3), np.uint8)).dtype == torch.float32
