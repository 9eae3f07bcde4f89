"""Pictures as images, arrays and tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from odd_files import noise, turned
from PIL import Image

from img2img.errors import UserError
from img2img.images import from_array, from_pil, joined, to_pil, to_pixels, to_tensor
from img2img.images.exif import ORIENTATION


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_level_goes_there_and_back(dtype):
    top = np.iinfo(dtype).max
    pixels = np.arange(top + 1).astype(dtype).reshape(16, -1, 1)
    values = to_tensor(pixels)
    assert values.shape == (1, 1, *pixels.shape[:2])
    assert values.dtype == torch.float32
    assert (values.min().item(), values.max().item()) == (-1, 1)
    assert np.array_equal(to_pixels(values, dtype), pixels)


def test_values_between_levels_are_rounded_and_beyond_clipped():
    steps = torch.tensor([0.0, 0.49, 0.51, 1.49, 127.5, 254.4, 254.6, 255.0, -40.0, 300.0])
    values = (steps / 127.5 - 1).reshape(1, 1, 1, -1)
    assert to_pixels(values, np.uint8).ravel().tolist() == [0, 0, 1, 1, 128, 254, 255, 255, 0, 255]


def test_channels_stay_where_they_are():
    pixels = noise(3, np.uint8, 3, 4)
    values = to_tensor(pixels)
    assert values[0, 2, 1, 3].item() == pytest.approx(pixels[1, 3, 2] / 127.5 - 1)
    assert np.array_equal(to_pixels(values, np.uint8), pixels)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_images_in_memory_keep_their_mode(mode):
    image = Image.fromarray(noise(1, np.uint16, 5, 6)[:, :, 0]) if mode == "I;16" else _random(mode)
    made = to_pil(from_pil(image))
    assert (made.mode, made.size) == (image.mode, image.size)
    assert np.array_equal(np.asarray(made), np.asarray(image))


def _random(mode: str) -> Image.Image:
    channels = len(mode)
    pixels = noise(channels, np.uint8, 5, 6)
    return Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)


def test_images_in_memory():
    image = Image.fromarray(turned(noise(3), 6))
    image.getexif()[ORIENTATION] = 6
    assert np.array_equal(from_pil(image).pixels, noise(3))
    image = _random("RGB")
    image.info["icc_profile"] = b"profile"
    assert to_pil(from_pil(image)).info["icc_profile"] == b"profile"
    for mode in ("I", "F"):
        with pytest.raises(UserError, match=f"mode {mode} has no known range"):
            from_pil(Image.new(mode, (2, 2)))


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 2), (4, 5, 3), (4, 5, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_arrays_in_memory(shape, dtype):
    pixels = noise(shape[2] if len(shape) == 3 else 1, dtype, *shape[:2])
    made = from_array(pixels.reshape(shape))
    assert made.pixels.shape[2] == (3 if shape[2:] in ((3,), (4,)) else 1)
    assert (made.alpha is not None) == (shape[2:] in ((2,), (4,)))
    assert np.array_equal(joined(made), pixels)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), bool), np.zeros((4, 4, 5), np.uint8), np.zeros(4, np.uint8),
     np.zeros((0, 4, 3), np.uint8), np.zeros((1, 4, 4, 3), np.uint8), np.zeros((4, 4), np.int64)],
)  # fmt: skip
def test_arrays_that_are_no_pictures(pixels):
    with pytest.raises(UserError, match=r"must be \(H, W\) or \(H, W, C\) of uint8 .* got "):
        from_array(pixels)
