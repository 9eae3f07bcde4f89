"""Pictures of any number of channels and of floats, beside those that Pillow knows: TIFF and .npy."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from img2img.errors import UserError
from img2img.images.arrays import encode_array, picture_in
from img2img.images.folder import ARRAYS, FORMATS
from img2img.images.form import DType, Form, seen
from img2img.images.opening import open_image, rules, told
from img2img.images.picture import Picture, Pixels, as_rgb, as_rgb8, joined
from img2img.images.reading import MAX_PIXELS, is_deep, read, size

TIFFS = (".tif", ".tiff")
# formats of any type and number of channels
HOLDS_ALL = (*TIFFS, *ARRAYS)
# photometric interpretations of TIFF whose samples are levels: white or black is zero, RGB
LEVELS, RGB = (0, 1, 2), 2
ALPHA = (1, 2)
ARRAY_FORMATS = tuple(FORMATS[ending] for ending in sorted(ARRAYS))


class Found(NamedTuple):
    """What a file's header says: the samples' type, channels without alpha, whether there is alpha, pages of a TIFF."""

    dtype: DType
    channels: int
    alpha: bool = False
    pages: int = 1


def form_of(path: Path) -> tuple[str, int]:
    """(type, channels without alpha) of a file's samples, as `look` finds them."""
    return look(path)[:2]


def look(path: Path, *, pages: bool = False) -> Found:
    """What samples a file has, by its header; types but uint8 and uint16 are ``float32``.

    With ``pages`` those of a TIFF are its channels.

    Raises:
        UserError: unreadable.
    """
    ending = path.suffix.lower()
    if ending in ARRAYS:
        with told(path):
            values = picture_in(path)
            return Found(_type(values.dtype), values.shape[2])
    with told(path), rules:
        count = 1
        if ending in TIFFS and (tiff := _tiff(path)):
            found = tiff.found
            if tiff.raster or found.dtype != "uint8" or (pages and found.pages > 1):
                return found._replace(channels=found.channels * found.pages) if pages else found
            count = found.pages
        with path.open("rb") as file:
            head = file.read(26)
        if head[:4] == b"\x89PNG" and head[24:25] == b"\x10":
            return Found("uint16", 1 if head[25] in (0, 4) else 3, head[25] >= 4)
        deep = is_deep(path)
        with open_image(path) as image:
            grey = image.mode in ("1", "L", "LA") or image.mode.startswith("I")
            alpha = image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info
        return Found("uint16" if deep else "uint8", 1 if grey else 3, alpha, count)


def _type(dtype: Any) -> DType:
    if dtype.kind not in "uifb":
        raise UserError(f"samples of type {dtype} are no levels")
    return dtype.name if dtype.name in ("uint8", "uint16") else "float32"


class _Tiff(NamedTuple):
    """A TIFF's header: as `Found`, and whether it is read here: floats, or channels that are no colours."""

    found: Found
    raster: bool


def _tiff(path: Path) -> _Tiff | None:
    """What a TIFF's header says; None where Pillow knows all of it: 8 bits, palettes, print."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        if page.dtype is None or page.dtype.itemsize * 8 != page.bitspersample or int(page.photometric) not in LEVELS:
            return None
        channels = page.samplesperpixel
        alpha = channels in (2, 4) and bool(page.extrasamples) and int(page.extrasamples[-1]) in ALPHA
        channels -= alpha
        kind, colours = _type(page.dtype), 1 if int(page.photometric) < RGB else 3
        raster = kind == "float32" or channels != colours
        # a fourth beside red, green and blue that says not what it is has always been left out
        pillow = page.dtype == np.uint8 and (colours, channels) == (3, 4)
        found = Found(kind, 3 if pillow else channels, alpha, len(file.pages))
        return _Tiff(found, raster and not pillow)


def is_raster(path: Path, *, pages: bool = False) -> bool:
    """Whether a file is read here and not by Pillow: an array, or a TIFF of floats or of channels that are no colours.

    With ``pages`` also a TIFF of several.

    Raises:
        UserError: unreadable.
    """
    if path.suffix.lower() not in HOLDS_ALL:
        return False
    if path.suffix.lower() in ARRAYS:
        return True
    with told(path):
        tiff = _tiff(path)
    return tiff is not None and (tiff.raster or (pages and tiff.found.pages > 1))


def raster_size(path: Path) -> tuple[int, int]:
    """(width, height) of what `is_raster`, by its header.

    Raises:
        UserError: unreadable.
    """
    with told(path):
        if path.suffix.lower() in ARRAYS:
            height, width = picture_in(path).shape[:2]
            return width, height
        import tifffile

        with tifffile.TiffFile(path) as file:
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
        if not _raster_or_not(path, pages=False):
            raise
        return raster_size(path)


def _raster_or_not(path: Path, *, pages: bool) -> bool:
    try:
        return is_raster(path, pages=pages)
    except UserError:
        return False


def read_any(path: Path, max_pixels: int = MAX_PIXELS, *, pages: bool = False) -> Picture:
    """A picture of any type and number of channels, as `read` gives those of 8 and 16 bits in grey or RGB.

    Other files come as (H, W, C) of uint8, uint16 or float32 without alpha. Of a TIFF the first page is taken,
    or with ``pages`` all of them as its channels.

    Raises:
        UserError: unreadable, too large, or with values that are no numbers.
    """
    if not _raster_or_not(path, pages=pages):
        # it says what is wrong with a TIFF
        return read(path, max_pixels)
    width, height = raster_size(path)
    if width * height > max_pixels:
        raise UserError(f"{path}: {width}x{height} px are more than {max_pixels} pixels")
    with told(path):
        count = 1
        if path.suffix.lower() in ARRAYS:
            pixels = np.array(picture_in(path))
        else:
            pixels, count = _tiff_samples(path, pages=pages)
    kind = FORMATS[path.suffix.lower()]
    pixels = np.ascontiguousarray(pixels, dtype=_type(pixels.dtype))
    if pixels.dtype == np.float32 and not (finite := np.isfinite(pixels)).all():
        raise UserError(
            f"{path}: {finite.size - int(finite.sum())} of {finite.size} values are no numbers (NaN or infinite); "
            f"replace them, or leave the file out"
        )
    return Picture(pixels, format=kind, pages=count)


def _tiff_samples(path: Path, *, pages: bool) -> tuple[Pixels, int]:
    """(H, W, C), and how many pages they lie in."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        taken = [_page(page) for page in (file.pages if pages else file.pages[:1])]
    if len({values.shape[:2] for values in taken}) > 1:
        raise UserError("its pages differ in size, so that they are no channels of one picture")
    if len({values.shape[2] for values in taken}) > 1:
        raise UserError("its pages differ in channels, so that they are no channels of one picture")
    return (np.concatenate(taken, axis=2) if len(taken) > 1 else taken[0]), len(taken)


def _page(page: Any) -> Pixels:
    if len(page.dataoffsets) != np.prod(page.chunked) or 0 in page.databytecounts:
        raise UserError("damaged or truncated: parts of it are missing")  # tifffile would leave them black
    values: Pixels = page.asarray()
    if values.ndim == 2:
        return values[:, :, None]
    # channels one after the other
    return np.moveaxis(values, 0, 2) if int(page.planarconfig) == 2 else values


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
    return fitted(read_any(path, pages=form.pages), form, path)


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


def encode_raster(pixels: Pixels, format: str, pages: int = 1) -> bytes:
    """(H, W, C) as the bytes of a TIFF, of so many ``pages``, or of a file of an array, exactly as they are.

    Raises:
        UserError: another format.
    """
    buffer = BytesIO()
    if format in ARRAY_FORMATS:
        return encode_array(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels, format)
    if format == "TIFF":
        import tifffile

        with tifffile.TiffWriter(buffer) as file:
            for page in np.split(pixels, pages, axis=2):
                file.write(
                    page[:, :, 0] if page.shape[2] == 1 else np.ascontiguousarray(page),
                    photometric="rgb" if page.shape[2] == 3 else "minisblack",
                    planarconfig="contig",
                    compression="zlib",
                    metadata=None,
                )
    else:
        channels = f"{pixels.shape[2]} channel{'s' if pixels.shape[2] > 1 else ''}"
        raise UserError(f"{format} cannot hold {channels} of {pixels.dtype}; use .tif or .npy")
    return buffer.getvalue()
