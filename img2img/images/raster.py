"""Pictures of any number of channels and of floats, beside those that Pillow knows: TIFF and .npy."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from img2img.errors import UserError
from img2img.images.form import Form, seen
from img2img.images.opening import open_image, rules, told
from img2img.images.picture import Picture, Pixels, as_rgb, as_rgb8, joined
from img2img.images.reading import MAX_PIXELS, is_deep, read, size

TIFFS = (".tif", ".tiff")
# photometric interpretations of TIFF whose samples are levels: white or black is zero, RGB
LEVELS, RGB = (0, 1, 2), 2
ALPHA = (1, 2)


def form_of(path: Path) -> tuple[str, int]:
    """(type, channels without alpha) of a file's samples, by its header; types but uint8 and uint16 are ``float32``.

    Raises:
        UserError: unreadable.
    """
    ending = path.suffix.lower()
    if ending == ".npy":
        values = _array(path)
        return _type(values.dtype), values.shape[2]
    with told(path), rules:
        if ending in TIFFS and (found := _tiff_form(path)):
            return found[:2]
        with path.open("rb") as file:
            head = file.read(26)
        if head[:4] == b"\x89PNG" and head[24:25] == b"\x10":
            return "uint16", 1 if head[25] in (0, 4) else 3
        deep = is_deep(path)
        with open_image(path) as image:
            grey = image.mode in ("1", "L", "LA") or image.mode.startswith("I")
        return "uint16" if deep else "uint8", 1 if grey else 3


def _type(dtype: Any) -> str:
    if dtype.kind not in "uifb":
        raise UserError(f"samples of type {dtype} are no levels")
    return dtype.name if dtype.name in ("uint8", "uint16") else "float32"


def _tiff_form(path: Path) -> tuple[str, int, bool] | None:
    """`form_of` a TIFF and whether it `is_raster`; None where Pillow knows all of it: 8 bits, palettes, print."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        if page.dtype is None or page.dtype.itemsize * 8 != page.bitspersample or int(page.photometric) not in LEVELS:
            return None
        channels = page.samplesperpixel
        if channels in (2, 4) and page.extrasamples and int(page.extrasamples[-1]) in ALPHA:
            channels -= 1
        kind, colours = _type(page.dtype), 1 if int(page.photometric) < RGB else 3
        raster = kind == "float32" or channels != colours
        # a fourth beside red, green and blue that says not what it is has always been left out
        pillow = page.dtype == np.uint8 and (not raster or (colours, channels) == (3, 4))
        return None if pillow else (kind, channels, raster)


def is_raster(path: Path) -> bool:
    """Whether a file is read here and not by Pillow: .npy, or a TIFF of floats or of channels that are no colours.

    Raises:
        UserError: unreadable.
    """
    if path.suffix.lower() == ".npy":
        return True
    if path.suffix.lower() not in TIFFS:
        return False
    with told(path):
        found = _tiff_form(path)
    return found is not None and found[2]


def raster_size(path: Path) -> tuple[int, int]:
    """(width, height) of what `is_raster`, by its header.

    Raises:
        UserError: unreadable.
    """
    if path.suffix.lower() == ".npy":
        height, width = _array(path).shape[:2]
        return width, height
    import tifffile

    with told(path), tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        return int(page.imagewidth), int(page.imagelength)


def any_size(path: Path) -> tuple[int, int]:
    """(width, height) of a picture of any kind, as displayed, by its header.

    Raises:
        UserError: unreadable.
    """
    try:
        return size(path)
    except UserError:
        if path.suffix.lower() not in (".npy", *TIFFS) or not _raster_or_not(path):
            raise
        return raster_size(path)


def _raster_or_not(path: Path) -> bool:
    try:
        return is_raster(path)
    except UserError:
        return False


def read_any(path: Path, max_pixels: int = MAX_PIXELS) -> Picture:
    """A picture of any type and number of channels, as `read` gives those of 8 and 16 bits in grey or RGB.

    Other files come as (H, W, C) of uint8, uint16 or float32 without alpha. Of a TIFF the first page is taken.

    Raises:
        UserError: unreadable, too large, or with values that are no numbers.
    """
    if path.suffix.lower() not in (".npy", *TIFFS) or not _raster_or_not(path):
        # it says what is wrong with a TIFF
        return read(path, max_pixels)
    width, height = raster_size(path)
    if width * height > max_pixels:
        raise UserError(f"{path}: {width}x{height} px are more than {max_pixels} pixels")
    if path.suffix.lower() == ".npy":
        pixels, kind = np.array(_array(path)), "NPY"
    else:
        pixels, kind = _tiff_samples(path), "TIFF"
    pixels = np.ascontiguousarray(pixels, dtype=_type(pixels.dtype))
    if pixels.dtype == np.float32 and not (finite := np.isfinite(pixels)).all():
        raise UserError(
            f"{path}: {finite.size - int(finite.sum())} of {finite.size} values are no numbers (NaN or infinite); "
            f"replace them, or leave the file out"
        )
    return Picture(pixels, format=kind)


def _tiff_samples(path: Path) -> Pixels:
    import tifffile

    with told(path), tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        if len(page.dataoffsets) != np.prod(page.chunked) or 0 in page.databytecounts:
            raise UserError("damaged or truncated: parts of it are missing")  # tifffile would leave them black
        values: Pixels = page.asarray()
        if values.ndim == 2:
            return values[:, :, None]
        # channels one after the other
        return np.moveaxis(values, 0, 2) if int(page.planarconfig) == 2 else values


def _array(path: Path) -> Pixels:
    """(H, W, C) of an .npy file, mapped."""
    with told(path):
        try:
            values: Pixels = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise UserError("no .npy file of numbers, or damaged") from error
        if values.ndim == 2:
            values = values[:, :, None]
        if values.ndim != 3 or not values.size:
            raise UserError(f"an array {values.shape}; (H, W) or (H, W, C) is needed")
        return values


def to_look_at(picture: Picture) -> Pixels:
    """(H, W, 3) uint8 of a picture of any kind; floats and other channels from their own lowest to highest value."""
    if picture.pixels.dtype == np.float32 or picture.pixels.shape[2] not in (1, 3):
        return seen(picture.pixels)
    return as_rgb8(picture)


def samples_of(path: Path, form: Form) -> Pixels:
    """The samples of a file as a form has them: (H, W, C).

    Raises:
        UserError: unreadable, or of another type or number of channels.
    """
    if form.plain:
        return as_rgb8(read(path))
    return fitted(read_any(path), form, path)


def fitted(picture: Picture, form: Form, path: Path) -> Pixels:
    """The samples of a picture in as many channels as a form has: grey as three, alpha as the second or fourth.

    Raises:
        UserError: another type or number of channels.
    """
    pixels = picture.pixels
    if form.channels == pixels.shape[2] + 1 and picture.alpha is not None:
        pixels = joined(picture)
    elif form.channels == 3:
        pixels = as_rgb(picture)
    if pixels.dtype != form.dtype:
        raise UserError(f"{path}: has samples of {pixels.dtype}, the others {form.dtype}: convert it, or leave it out")
    if pixels.shape[2] != form.channels:
        raise UserError(
            f"{path}: has {pixels.shape[2]} channel{'s' if pixels.shape[2] > 1 else ''}, {form.channels} are needed"
        )
    return pixels


def encode_raster(pixels: Pixels, format: str) -> bytes:
    """(H, W, C) as the bytes of a TIFF or an .npy file, exactly as they are.

    Raises:
        UserError: another format.
    """
    buffer = BytesIO()
    squeezed = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    if format == "NPY":
        np.save(buffer, squeezed)
    elif format == "TIFF":
        import tifffile

        tifffile.imwrite(
            buffer,
            squeezed,
            photometric="rgb" if pixels.shape[2] == 3 else "minisblack",
            planarconfig="contig",
            compression="zlib",
            metadata=None,
        )
    else:
        channels = f"{pixels.shape[2]} channel{'s' if pixels.shape[2] > 1 else ''}"
        raise UserError(f"{format} cannot hold {channels} of {pixels.dtype}; use .tif or .npy")
    return buffer.getvalue()
