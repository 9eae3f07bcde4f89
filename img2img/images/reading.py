"""Reading pictures: any file ends as a `Picture` or as one line that names it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from img2img.errors import UserError
from img2img.images.deep import deep_samples
from img2img.images.exif import ORIENTATION, kept_exif
from img2img.images.folder import FORMATS
from img2img.images.opening import open_image, rules, told
from img2img.images.picture import Picture, Pixels, colours, parted, profile

MAX_PIXELS = 200_000_000
# Pillow spreads levels of a few bits over 8, but not the one of them that is transparent
SPREAD = {"1": 255, "L;2": 85, "L;4": 17}


def size(path: Path) -> tuple[int, int]:
    """(width, height) in pixels as displayed, without decoding where the header says the orientation.

    Raises:
        UserError: unreadable.
    """
    with told(path), rules, open_image(path) as image:
        width, height = image.size
        if isinstance(image, TiffImageFile):
            # whether Pillow has turned this size already depends on its version
            width, height = int(image.tag_v2[256]), int(image.tag_v2[257])
        orientation = 1
        # damaged EXIF is no reason to refuse, here and in `read`
        with suppress(Exception):
            # for PNG Pillow would decode everything to find what may stand behind the pixels
            late = image.format != "PNG" or _tells_late(path)
            exif = image.getexif() if late else Image.Image.getexif(image)
            orientation = exif.get(ORIENTATION, 1)
        return (height, width) if orientation in (5, 6, 7, 8) else (width, height)


def is_deep(path: Path) -> bool:
    """Whether a file has samples of more than 8 bits, by its header.

    Raises:
        UserError: unreadable.
    """
    with told(path), rules, open_image(path) as image:
        if isinstance(image, TiffImageFile):
            return bool(np.max(image.tag_v2.get(258, 8)) > 8)
        if image.format == "PNG":
            with path.open("rb") as file:
                return file.read(25)[24:] == b"\x10"
        return image.mode.startswith("I")


def _tells_late(path: Path) -> bool:
    """Whether a PNG has metadata behind its pixels. Reads the heads of its chunks alone."""
    seen = False
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            kind = head[4:]
            if seen and kind in (b"eXIf", b"tEXt", b"zTXt", b"iTXt"):
                return True
            seen = seen or kind == b"IDAT"
            file.seek(int.from_bytes(head[:4], "big") + 4, 1)
    return False


def read(path: Path, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a picture of any depth; the content decides the format, not the ending.

    Samples keep their depth: 16 bits in PNG, TIFF, PGM and PPM, otherwise 8. EXIF orientation is applied and reset;
    EXIF, the colour profile and dpi are kept. XMP, IPTC, comments and PNG's gAMA, cHRM and cICP are left out. Palettes
    and single bits become plain levels, CMYK and Lab become sRGB (through their profile where there is one), and of
    several pages or frames the first is taken: ``Picture.notes`` says so.

    Raises:
        UserError: unreadable, truncated, a video, samples without a known range, or more than ``max_pixels`` pixels
            (refused before decoding).
    """
    with told(path), rules, open_image(path) as image:
        _check_size(image, max_pixels)
        return _decode(path, image)


def _check_size(image: ImageFile, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise UserError(f"{width}x{height} px are more than {max_pixels} pixels")
    if isinstance(image, TiffImageFile):
        # a decoder takes memory for a whole tile, however small the picture; one side alone it completes by others
        across, down = image.tag_v2.get(322), image.tag_v2.get(323)
        if (across is None) != (down is None):
            raise UserError("damaged: its tiles have one side")
        tile = int(across or 0) * int(down or 0)
        if tile > max(max_pixels, 2**20):
            raise UserError(f"its tiles of {tile} pixels are more than {max_pixels} pixels")


def _decode(path: Path, image: ImageFile) -> Picture:
    notes = _first_notes(path, image)
    lossless = _lossless(path, image)
    raw = _raw_mode(image)
    icc = profile(image)
    deep = deep_samples(path, image, raw)
    if deep is None:
        if raw in SPREAD and "transparency" in image.info:
            image.info["transparency"] = min(255, image.info["transparency"] * SPREAD[raw])
        image.load()
        pixels, alpha, icc, more = colours(image)
        notes += more
        if raw.startswith("CMYK;16") or (image.format in ("JPEG2000", "AVIF") and _more_than_8_bits(path)):
            notes.append("more than 8 bits became 8")
    else:
        pixels, alpha = parted(deep)
    dpi = _dpi(image)
    orientation, exif = kept_exif(image, notes)
    return Picture(
        np.ascontiguousarray(_turn(pixels, orientation)),
        None if alpha is None else np.ascontiguousarray(_turn(alpha, orientation)),
        format="JPEG" if image.format == "MPO" else image.format or "PNG",
        icc=icc,
        exif=exif,
        dpi=dpi,
        lossless=lossless,
        notes=tuple(notes),
    )


def _raw_mode(image: ImageFile) -> str:
    """How Pillow is going to unpack the samples, which says more than the image's mode."""
    args: Any = image.tile[0][3] if image.tile else ""
    return str(args[0]) if isinstance(args, tuple) and args else str(args)


def _first_notes(path: Path, image: ImageFile) -> list[str]:
    notes = []
    form, said = ("JPEG" if image.format == "MPO" else image.format), FORMATS.get(path.suffix.lower())
    if said is not None and said != form:
        notes.append(f"named {path.suffix} but {form} inside")
    # damage behind the first frame is no matter
    with suppress(Exception):
        if getattr(image, "is_animated", False):
            notes.append("several frames or pages: the first alone was taken")
    raw = _raw_mode(image)
    tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    if raw.startswith("RGBa") or getattr(image, "premultiplied", tags.get(338) == (1,)):
        notes.append("alpha multiplied into the colours was taken out of them")
    if raw.startswith("RGBX") and tags.get(262) == 2:
        notes.append("a fourth channel without a meaning was left out")
    if raw == "I;12":
        notes.append("12 bits became 16")
    return notes


def _more_than_8_bits(path: Path) -> bool:
    """Whether a JPEG 2000 or AVIF file has more than 8 bits a sample, by its header box."""
    with path.open("rb") as file:
        head = file.read(4096)
    if (place := head.find(b"ihdr")) >= 0:
        return head[place + 14] & 0x7F > 7
    place = head.find(b"av1C")
    return place >= 0 and bool(head[place + 6] & 0x40)


def _lossless(path: Path, image: ImageFile) -> bool:
    if image.format != "WEBP":
        return image.format not in ("JPEG", "MPO", "AVIF") and "jpeg" not in str(image.info.get("compression"))
    with path.open("rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            if head[:3] == b"VP8" and head[3:4] in (b"L", b" "):
                return head[3:4] == b"L"
            length = int.from_bytes(head[4:], "little")
            # the pixels of a frame stand in it, behind 16 bytes of its own
            file.seek(16 if head[:4] == b"ANMF" else length + length % 2, 1)
    return False


def _turn(pixels: Pixels, orientation: int) -> Pixels:
    """Apply an EXIF orientation (1 to 8)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _dpi(image: ImageFile) -> tuple[float, float] | None:
    """Pixels an inch, if the file itself says so: Pillow has something to say of every TIFF and of JPEGs with EXIF."""
    with suppress(Exception):
        sure = image.info.get("jfif_unit") in (1, 2) or image.format not in ("JPEG", "MPO", "TIFF")
        if sure or 282 in image.getexif():
            across, down = (float(value) for value in image.info["dpi"])
            # not-a-number fails too
            if 0.1 < across < 1e5 and 0.1 < down < 1e5:
                return across, down
    return None
