"""Pictures to set int8's ranges by, and to measure what a lower precision costs."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from img2img.data.builtin import TRAINING, VALIDATION, photo_path
from img2img.errors import UserError
from img2img.export.compare import Inputs
from img2img.export.samples import noise_inputs
from img2img.images import Picture, as_rgb8, find, read, to_tensor
from img2img.inference.translator import Translator

# the middle of each is enough for ranges and figures, and bounds what int8's calibration takes
MOST_PICTURES, MOST_SIDE = 24, 256


def calibration(folder: Path | None, translator: Translator) -> list[Inputs]:
    """The middle of each of some pictures as (1, C, h, w) in [0, 1], with a hole of half its sides where masks are due.

    Where pictures are made from noise: what their first samples are made of.

    Args:
        folder: any pictures, of which `MOST_PICTURES` spread over the folder are taken; None: scikit-image's.

    Raises:
        UserError: no pictures there, or weights whose pictures have neither one nor three channels; a folder for
            weights that start from noise.
    """
    if translator.flow.from_noise:
        if folder is not None:
            raise UserError("--calibration: these weights make pictures from noise, not from pictures; leave it out")
        return [noise_inputs(translator, 1, number) for number in range(MOST_PICTURES)]
    channels = translator.shape.source
    if channels not in (1, 3):
        raise UserError(f"--precision: pictures of {channels} channels cannot be read for calibration; use fp32")
    paths = [photo_path(name) for name in (*VALIDATION, *TRAINING)] if folder is None else find(folder)
    step = -(-len(paths) // MOST_PICTURES)
    images = (middle(read(path), channels) for path in paths[::step])
    return [(image, hole(image)) if translator.takes_mask else (image,) for image in images]


def middle(picture: Picture, channels: int) -> Tensor:
    """The middle of a picture, at most `MOST_SIDE` px a side, as (1, channels, h, w) in [0, 1]."""
    pixels = as_rgb8(picture)
    top, left = (max(0, (side - MOST_SIDE) // 2) for side in pixels.shape[:2])
    image = to_tensor(pixels[top : top + MOST_SIDE, left : left + MOST_SIDE]) / 2 + 0.5
    return image if channels == 3 else image.mean(1, keepdim=True)


def hole(image: Tensor) -> Tensor:
    """A mask (1, 1, h, w) of the middle quarter of a picture."""
    height, width = image.shape[2:]
    mask = torch.zeros(1, 1, height, width)
    mask[..., height // 4 : -(-3 * height // 4), width // 4 : -(-3 * width // 4)] = 1
    return mask
