"""Samples of 16 bits, of which Pillow gives 8 where there is more than one channel."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from img2img.errors import UserError
from img2img.images.opening import GreyAlpha, open_image
from img2img.images.picture import Pixels

# of a 16-bit sample Pillow unpacks one byte: the high one by its own choice, and by this one the low one
NATIVE = "L" if sys.byteorder == "little" else "B"
LOW_BYTE = {"L": "B", "B": "L", "N": "B" if NATIVE == "L" else "L"}
TOP = 65535


def deep_samples(path: Path, image: ImageFile, raw: str) -> Pixels | None:
    """(H, W, C) uint16 with alpha as the last of 2 or 4 channels, or None where the file has 8 bits.

    ``image`` is opened but not loaded, ``raw`` is how Pillow is going to unpack it. What is damaged raises anything.

    Raises:
        UserError: samples without a known range.
    """
    tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    white_is_zero = tags.get(262) == 0
    premultiplied = tags.get(338) == (1,)
    if isinstance(image, GreyAlpha):
        white_is_zero, premultiplied = image.white_is_zero, image.premultiplied
    colour = re.fullmatch(r"(RGB[AaX]?);16([LBN])", raw)
    if tags.get(284) == 2 and tags.get(277, 1) > 1 and (isinstance(image, GreyAlpha) or 16 in tags.get(258, ())):
        samples = _planes(path)
    elif isinstance(image, GreyAlpha):
        compressed = image.tile[0][0] == "libtiff"
        order = NATIVE if compressed else "L" if image.tag_v2.prefix == b"II" else "B"
        samples = _load(image, "RGBA").view("<u2" if order == "L" else ">u2").astype(np.uint16)
    elif raw == "LA;16B":
        samples = _load(image, "RGBA").view(">u2").astype(np.uint16)
    elif colour:
        mode = colour[1].replace("a", "A")
        samples = _load(image, f"{mode};16{colour[2]}").astype(np.uint16)
        samples <<= 8
        with open_image(path) as low:
            samples |= _load(low, f"{mode};16{LOW_BYTE[colour[2]]}")
    elif image.format == "PPM" and image.mode == "RGB" and (top := _ppm_top(image)) > 255:
        samples = _ppm_samples(path, image, top)
    elif image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        image.load()
        samples = np.asarray(image).astype(np.uint16)[:, :, None]
        if raw == "I;12":
            samples = samples << 4 | samples >> 8
    elif image.mode in ("I", "F"):
        raise UserError("samples of 32 bits or with a sign have no known range: convert it to 16 bits")
    else:
        return None
    if white_is_zero:
        samples[:, :, 0] = TOP - samples[:, :, 0]
    if premultiplied:
        samples = _straight(samples)
    clear = image.info.get("transparency")
    if clear is not None and samples.shape[2] in (1, 3):
        alpha = np.where((samples == clear).all(2), 0, TOP).astype(np.uint16)
        samples = np.dstack([samples, alpha])
    return samples


def _load(image: ImageFile, raw: str) -> Pixels:
    """(H, W, C) uint8 of an image, its samples unpacked in a chosen way."""
    for place, tile in enumerate(image.tile):
        image.tile[place] = tile._replace(args=(raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw)
    image.load()
    return np.asarray(image)


def _straight(samples: Pixels) -> Pixels:
    """Colours that alpha was multiplied into, divided by it."""
    alpha = samples[:, :, -1:].astype(np.uint32)
    colour = (samples[:, :, :-1].astype(np.uint32) * TOP + alpha // 2) // np.maximum(alpha, 1)
    return np.dstack([np.minimum(colour, TOP).astype(np.uint16), samples[:, :, -1]])


def _planes(path: Path) -> Pixels:
    """(H, W, C) of a TIFF whose channels lie one after the other, which Pillow unpacks wrongly."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        if page.compression not in (1, 8, 32946):
            name = getattr(page.compression, "name", page.compression)
            raise UserError(f"channels of 16 bits one after the other, in {name}: store them pixel by pixel")
        if page.dtype != np.uint16 or len(page.shape) != 3 or not 2 <= page.shape[0] <= 4:
            raise UserError(f"this kind of TIFF ({page.dtype}, shape {page.shape}) is not supported")
        if len(page.dataoffsets) != np.prod(page.chunked) or 0 in page.databytecounts:
            raise UserError("damaged or truncated: parts of it are missing")  # tifffile would leave them black
        return np.ascontiguousarray(np.moveaxis(page.asarray(), 0, 2))


def _ppm_top(image: ImageFile) -> int:
    """The highest level of a colour PPM in binary."""
    codec, _, _, args = image.tile[0]
    return int(args[1]) if codec == "ppm" and isinstance(args, tuple) else 255


def _ppm_samples(path: Path, image: ImageFile, top: int) -> Pixels:
    offset = image.tile[0][2]
    samples = np.fromfile(path, ">u2", image.width * image.height * 3, offset=offset).reshape(image.height, -1, 3)
    levels: Pixels = (np.minimum(samples, top).astype(np.uint32) * TOP + top // 2) // top
    return levels.astype(np.uint16)
