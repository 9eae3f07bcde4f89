"""Writing pictures: whole files, with everything of a picture that their format can hold."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from img2img.errors import UserError
from img2img.files import atomic_write_bytes
from img2img.images.exif import DIRECTORIES, LAYOUT, in_bytes
from img2img.images.folder import FORMATS, WRITABLE
from img2img.images.labels import as_palette_image
from img2img.images.opening import rules
from img2img.images.picture import Picture, Pixels, as_image, joined, to_8_bits
from img2img.images.raster import ARRAY_FORMATS, encode_raster

BAND = 2**20  # bytes that are compressed at a time
# what a format holds besides its pixels
WITH_ALPHA = ("PNG", "TIFF", "WEBP", "AVIF", "BMP")
WITH_EXIF = ("PNG", "JPEG", "TIFF", "WEBP", "AVIF")
WITH_DPI = ("PNG", "JPEG", "TIFF", "BMP")
WITH_16_BITS = ("PNG", "TIFF", "PPM")
LONGEST_EXIF = 65533  # of a JPEG's segment
PREDICTOR, DEFLATE = 2, 8
# differences of photos seldom repeat in any other way: a quarter of the time, and no larger
RUNS = zlib.Z_RLE


def kept_format(picture: Picture) -> str:
    """The format to write a picture in as it came: its own, or PNG where that cannot be written (GIF, JPEG 2000)."""
    return picture.format if picture.format in {FORMATS[ending] for ending in WRITABLE} else "PNG"


def write(path: Path, picture: Picture, quality: int = 95, *, format: str | None = None) -> tuple[str, ...]:
    """Encode a picture and replace ``path`` whole or not at all.

    Args:
        format: ``PNG``, ``JPEG``, ...; by default what the ending of ``path`` stands for. A file whose ending lies is
            written back as it came by ``format=kept_format(picture)``.
        quality: of JPEG, lossy WebP and AVIF; as for `encode`.

    Returns:
        What the format could not keep, a phrase each.

    Raises:
        UserError: an ending that cannot be written; a picture that its format cannot hold.
        RunError: the file system refuses.
    """
    if format is None:
        ending = path.suffix.lower()
        if ending not in WRITABLE:
            raise UserError(f"{path}: cannot write this kind of file (use one of {', '.join(sorted(WRITABLE))})")
        if ending == ".pgm" and picture.pixels.shape[2] == 3:
            raise UserError(f"{path}: .pgm holds grey alone; use .ppm for colours")
        format = FORMATS[ending]
    try:
        data, notes = encode(picture, format, quality)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    atomic_write_bytes(path, data)
    return notes


def encode(picture: Picture, format: str, quality: int = 95) -> tuple[bytes, tuple[str, ...]]:
    """The bytes of a file, and what its format could not keep, a phrase each.

    PNG, TIFF (deflate) and PPM hold 8 and 16 bits exactly. JPEG is written at ``quality`` without chroma subsampling;
    WebP exactly, or at ``quality`` where the picture came from a lossy file; AVIF at ``quality`` without subsampling,
    and at 100 where there is alpha, which it keeps exactly at that alone. Formats of 8 bits get the nearest level.

    Raises:
        UserError: the format cannot hold the picture (WebP ends at 16383 px a side, JPEG at 65535).
    """
    shape = picture.pixels.shape
    unlike = picture.pixels.dtype == np.float32 or shape[2] > 4
    if unlike or format in ARRAY_FORMATS or (format == "TIFF" and (shape[2] in (2, 4) or picture.pages > 1)):
        lost = any((picture.icc, picture.exif, picture.dpi))
        notes = ["EXIF, profile or dpi were left out"] if lost else []
        return encode_raster(joined(picture), format, picture.pages), tuple(notes)
    notes = []
    if picture.alpha is not None and format not in WITH_ALPHA:
        notes.append(f"{format} has no alpha")
        picture = replace(picture, alpha=None)
    pixels = joined(picture)
    if pixels.dtype == np.uint16 and format not in WITH_16_BITS:
        notes.append(f"{format} has 8 bits, not 16")
        pixels = to_8_bits(pixels)
    if picture.exif and (format not in WITH_EXIF or (format == "JPEG" and len(picture.exif) > LONGEST_EXIF)):
        notes.append(f"{format} cannot hold its EXIF")
        picture = replace(picture, exif=None)
    if picture.dpi and format not in WITH_DPI:
        notes.append(f"{format} has no dpi")
        picture = replace(picture, dpi=None)
    if picture.icc and format not in WITH_EXIF:
        notes.append(f"{format} has no colour profile")
        picture = replace(picture, icc=None)
    if picture.icc and format == "PNG" and (picture.icc[16:20] == b"GRAY") != (pixels.shape[2] <= 2):
        notes.append("PNG holds a profile of grey for grey alone, and of colours for colours alone")
        picture = replace(picture, icc=None)
    with rules:
        if picture.exif or picture.icc or picture.dpi:
            # metadata that no encoder takes are no reason to lose the picture
            with suppress(Exception):
                return _encoded(pixels, picture, format, quality), tuple(notes)
            picture = replace(picture, exif=None, icc=None, dpi=None)
            notes.append("EXIF, profile or dpi could not be written")
        try:
            return _encoded(pixels, picture, format, quality), tuple(notes)
        except (OSError, ValueError, OverflowError, struct.error) as error:
            height, width = pixels.shape[:2]
            raise UserError(f"{width}x{height} px cannot be written as {format}: {error}") from error


def _encoded(pixels: Pixels, picture: Picture, format: str, quality: int) -> bytes:
    if format == "TIFF":
        return _tiff(pixels, picture)
    if format == "BMP" and picture.alpha is not None:
        return _bmp(pixels, picture)
    if pixels.dtype == np.uint16:
        return _png(pixels, picture) if format == "PNG" else _ppm(pixels)
    indexed = format == "PNG" and 0 < len(picture.palette) <= 256
    image = as_palette_image(picture) if indexed else as_image(pixels)
    if format == "WEBP" and image.mode == "LA":
        image = image.convert("RGBA")
    extra: dict[str, Any] = {}
    if format == "JPEG":
        extra = {"quality": quality, "subsampling": 0}
    elif format == "WEBP":
        # exact: the colours under full transparency too
        extra = {"lossless": True, "exact": True} if picture.lossless else {"quality": quality, "exact": True}
    elif format == "AVIF":
        clear = picture.alpha is not None
        extra = {"quality": 100 if clear else quality, "subsampling": "4:0:0" if image.mode == "L" else "4:4:4"}
    elif format == "PNG":
        extra = {"compress_level": 3}
    elif format == "BMP":
        # not the 96 that Pillow would write
        extra = {"dpi": (0, 0)}
    if picture.icc:
        extra["icc_profile"] = picture.icc
    if picture.exif:
        # the plugin for AVIF writes it anew
        extra["exif"] = _loaded(picture.exif) if format == "AVIF" else picture.exif
    if picture.dpi and format in WITH_DPI:
        extra["dpi"] = picture.dpi
    buffer = BytesIO()
    image.save(buffer, format, **extra)
    return buffer.getvalue()


def _loaded(block: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(block)
    return in_bytes(exif)


def _bands(pixels: Pixels) -> list[Pixels]:
    """Rows of about a megabyte each."""
    rows = max(1, BAND // pixels[:1].nbytes)
    return [pixels[start : start + rows] for start in range(0, len(pixels), rows)]


def _bmp(pixels: Pixels, picture: Picture) -> bytes:
    """A BMP of (H, W, 2 or 4) with a header of version 4: in the one that Pillow writes there is no alpha."""
    height, width, channels = pixels.shape
    order = [0, 0, 0, 1] if channels == 2 else [2, 1, 0, 3]
    body = pixels[::-1, :, order].tobytes()
    across, down = (round(dpi / 0.0254) for dpi in picture.dpi or (0, 0))
    head = struct.pack("<2sIII", b"BM", 122 + len(body), 0, 122)
    head += struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(body), across, down, 0, 0)
    head += struct.pack("<4I4s", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, b"BGRs")
    return head.ljust(122, b"\0") + body


def _ppm(pixels: Pixels) -> bytes:
    height, width, channels = pixels.shape
    return b"P%d\n%d %d\n65535\n" % (5 if channels == 1 else 6, width, height) + pixels.astype(">u2").tobytes()


def _png(pixels: Pixels, picture: Picture) -> bytes:
    """A PNG of 16 bits, (H, W, 1 to 4): Pillow writes 8, OpenCV no grey with alpha and no metadata."""
    height, width, channels = pixels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    step = 2 * channels
    parts = [b"\x89PNG\r\n\x1a\n", _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))]
    if picture.icc:
        parts.append(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc)))
    if picture.dpi:
        parts.append(_chunk(b"pHYs", struct.pack(">IIB", *(round(dpi / 0.0254) for dpi in picture.dpi), 1)))
    if picture.exif:
        parts.append(_chunk(b"eXIf", picture.exif.removeprefix(b"Exif\0\0")))
    packer = zlib.compressobj(strategy=RUNS)
    above = np.zeros((1, width * step), np.uint8)
    for band in _bands(pixels):
        rows = np.ascontiguousarray(band, ">u2").view(np.uint8).reshape(len(band), -1)
        left = rows.copy()
        left[:, step:] -= rows[:, :-step]
        up = rows - np.concatenate([above, rows[:-1]])
        # as the format's authors advise: the filter whose differences are smallest in sum
        sums = [np.abs(filtered.view(np.int8)).sum(1, dtype=np.int64) for filtered in (left, up)]
        best = (sums[1] < sums[0])[:, None]
        lines = np.concatenate([np.where(best, 2, 1).astype(np.uint8), np.where(best, up, left)], axis=1)
        parts.append(_chunk(b"IDAT", packer.compress(lines.tobytes())))
        above = rows[-1:]
    return b"".join([*parts, _chunk(b"IDAT", packer.flush()), _chunk(b"IEND", b"")])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def _tiff(pixels: Pixels, picture: Picture) -> bytes:
    """A TIFF of 8 or 16 bits, (H, W, 1 to 4): Pillow writes 8 and fails at EXIF when it compresses."""
    height, width, channels = pixels.shape
    bits = 8 * pixels.itemsize
    bands = _bands(pixels)
    strips = []
    for band in bands:
        left = band.astype(pixels.dtype.newbyteorder("<"))
        left[:, 1:] -= band[:, :-1]
        packer = zlib.compressobj(strategy=RUNS)
        strips.append(packer.compress(left.tobytes()) + packer.flush())
    lengths = [len(strip) for strip in strips]
    tags = ImageFileDirectory_v2()
    if picture.exif:
        exif = _loaded(picture.exif)
        for tag in set(exif) - LAYOUT:
            tags[tag] = exif.get_ifd(tag) if tag in DIRECTORIES else exif[tag]
    for tag, value in {
        256: width,
        257: height,
        258: (bits,) * channels,
        259: DEFLATE,
        262: 1 if channels <= 2 else 2,
        273: tuple(int(start) for start in np.cumsum([0, *lengths[:-1]])),
        277: channels,
        278: len(bands[0]),
        279: tuple(lengths),
        284: 1,
        317: PREDICTOR,
    }.items():
        tags[tag] = value
    if channels in (2, 4):
        tags[338] = 2
    if picture.dpi:
        tags[282], tags[283], tags[296] = *picture.dpi, 2
    if picture.icc:
        tags[34675] = picture.icc
    # the directory shifts the places of the strips behind itself
    return b"".join([b"II*\0\x08\0\0\0", tags.tobytes(8), *strips])
