"""Samples of any type, number of channels and range: to files, to [-1, 1] and back."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from img2img.errors import UserError
from img2img.images import Picture, to_pixels, to_tensor, write
from img2img.images.form import FULL, Form
from img2img.images.raster import any_size, form_of, read_any, samples_of

FILES = [
    (dtype, channels, ending)
    for dtype in ("uint8", "uint16", "float32")
    for channels in (1, 2, 3, 4, 6, 13)
    for ending in (".tif", ".npy", ".png")
    if ending != ".png" or (dtype != "float32" and channels in (1, 3))
]


def drawn(dtype: str, channels: int) -> np.ndarray:
    rng = np.random.default_rng(channels)
    top = 255 if dtype == "uint8" else 60000
    return (rng.random((5, 7, channels)) * top - (300.5 if dtype == "float32" else 0)).astype(dtype)


@pytest.mark.parametrize(("dtype", "channels", "ending"), FILES)
def test_a_file_keeps_every_sample(tmp_path, dtype, channels, ending):
    pixels = drawn(dtype, channels)
    path = tmp_path / f"a{ending}"
    write(path, Picture(pixels))
    assert form_of(path) == (dtype, channels)
    assert any_size(path) == (7, 5)
    read = read_any(path).pixels
    assert read.dtype == dtype
    assert np.array_equal(read, pixels)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize(("dtype", "channels"), [("uint16", 5), ("float32", 6), ("int16", 1)])
def test_another_programs_tiff_is_read(tmp_path, planar, dtype, channels):
    pixels = drawn("float32", channels).clip(-30000, 30000)
    pixels = (pixels.clip(0) if dtype == "uint16" else pixels).astype(dtype)
    if channels > 1:
        laid = pixels if planar == "contig" else np.moveaxis(pixels, 2, 0)
        tifffile.imwrite(tmp_path / "a.tif", laid, photometric="minisblack", planarconfig=planar)
    else:
        tifffile.imwrite(tmp_path / "a.tif", pixels[:, :, 0])
    assert form_of(tmp_path / "a.tif") == ("uint16" if dtype == "uint16" else "float32", channels)
    assert np.array_equal(read_any(tmp_path / "a.tif").pixels, pixels)


def test_of_several_pages_the_first_is_taken(tmp_path):
    pages = drawn("float32", 3).transpose(2, 0, 1)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for page in pages:
            file.write(page, contiguous=False, photometric="minisblack")
    assert np.array_equal(read_any(tmp_path / "a.tif").pixels[:, :, 0], pages[0])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_integers_come_back_from_minus_one_to_one(data):
    dtype = data.draw(st.sampled_from(["uint8", "uint16"]))
    top = int(FULL[dtype][1])
    low = data.draw(st.integers(0, top - 1))
    high = data.draw(st.integers(low + 1, top))
    form = Form(dtype=dtype, channels=2, range=(float(low), float(high)))
    pixels = data.draw(arrays.arrays(dtype, (3, 2, 2), elements=st.integers(0, top)))
    values = form.to_tensor(pixels)
    assert values.shape == (2, 3, 2)
    assert values.dtype == torch.float32
    assert float(values.abs().max()) <= 1
    assert np.array_equal(form.to_pixels(values), pixels.clip(low, high))
    assert form.outside(pixels) == sum(not low <= int(value) <= high for value in pixels.ravel())


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_floats_come_back_to_the_precision_of_float32_over_the_range(data):
    numbers = st.floats(-1e6, 1e6, width=32)
    low = data.draw(numbers)
    high = low + data.draw(st.floats(0.5, 1e6))
    form = Form(dtype="float32", channels=1, range=(low, high))
    pixels = data.draw(arrays.arrays(np.float32, (2, 3, 1), elements=numbers))
    back = form.to_pixels(form.to_tensor(pixels))
    # half a step of float32 in [-1, 1] over the range, and one of the units themselves
    tolerance = (high - low) * 2**-24 + max(abs(low), abs(high)) * 2**-23
    assert np.abs(back - pixels.astype(np.float64).clip(low, high)).max() <= tolerance


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_full_range_is_taken_bit_for_bit_as_pictures_are(dtype):
    pixels = drawn(dtype, 3)
    form = Form(dtype=dtype, channels=3, range=FULL[dtype])
    assert torch.equal(form.to_tensor(pixels)[None], to_tensor(pixels))
    values = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0)) * 2.2 - 1.1
    assert np.array_equal(form.to_pixels(values[0]), to_pixels(values, np.dtype(dtype)))


def test_what_is_no_number_is_refused_by_name(tmp_path):
    pixels = drawn("float32", 2)
    pixels[1, 2, 0] = np.nan
    pixels[1, 3, 0] = np.inf
    write(tmp_path / "a.tif", Picture(pixels))
    with pytest.raises(UserError, match=r"a\.tif: 2 of 70 values are no numbers"):
        read_any(tmp_path / "a.tif")


def test_another_form_is_refused_by_name(tmp_path):
    write(tmp_path / "a.tif", Picture(drawn("uint16", 6)))
    with pytest.raises(UserError, match=r"a\.tif: has samples of uint16, the others float32"):
        samples_of(tmp_path / "a.tif", Form(dtype="float32", channels=6, range=(0, 1)))
    with pytest.raises(UserError, match=r"a\.tif: has 6 channels, 5 are needed"):
        samples_of(tmp_path / "a.tif", Form(dtype="uint16", channels=5, range=(0, 65535)))


def test_the_window_for_eyes():
    form = Form(dtype="float32", channels=6, range=(-1.0, 3.0))
    pixels = np.array([-2, -1, 1, 3, 9, 0], np.float32)
    shown = form.for_eyes(pixels.reshape(1, 1, 6))
    assert shown.tolist() == [[[0, 0, 128]]]
    assert Form(dtype="uint16", channels=1, range=(0, 65535)).for_eyes(np.full((1, 1, 1), 514, np.uint16)).tolist() == [
        [[2, 2, 2]]
    ]


def test_pages_of_other_channels_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(np.zeros((4, 5), np.uint16))
        file.write(np.zeros((4, 5, 3), np.uint16))
    with pytest.raises(UserError, match=r"a\.tif.* its pages differ in channels"):
        read_any(tmp_path / "a.tif", pages=True)
