"""EXIF: the orientation to be applied, and the block to be kept."""

from __future__ import annotations

import re
import struct

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

ORIENTATION = 0x0112
DIRECTORIES = (0x8769, 0x8825)  # of the exposure, of the place
# in a TIFF: how samples lie in the file (TIFF 6.0), which is no property of the picture; then what has a place of its
# own (dpi, profile) or is left out (XMP, IPTC, Photoshop's blocks and layers)
LAYOUT = frozenset(
    (254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 330, 338)
) | {339, 347, 512, 513, 514, 529, 530, 531, 532, 282, 283, 296, 34675, 700, 33723, 34377, 37724}


def kept_exif(image: ImageFile, notes: list[str]) -> tuple[int, bytes | None]:
    """The orientation that is still to be applied to a loaded image, and the EXIF block to be kept."""
    orientation = 1
    try:
        exif = image.getexif()
        orientation = exif.get(ORIENTATION, 1)
        block = image.info.get("exif")
        if isinstance(block, bytes) and not isinstance(image, TiffImageFile):
            return orientation, upright(block)
        for tag in LAYOUT & set(exif):
            del exif[tag]
        if set(exif) <= {ORIENTATION}:
            return orientation, None
        if ORIENTATION in exif:
            exif[ORIENTATION] = 1
        return orientation, in_bytes(exif).tobytes()
    except Exception:
        notes.append("its EXIF is damaged and was left out")
        return orientation, None


def in_bytes(exif: Image.Exif) -> Image.Exif:
    """With texts as the bytes they were: Pillow reads them as Latin-1 and would write question marks."""
    for tags in (exif, *(exif.get_ifd(directory) for directory in DIRECTORIES if directory in exif)):
        for tag, value in list(tags.items()):
            if isinstance(value, str) and not value.isascii():
                tags[tag] = value.encode("latin-1")
    return exif


def upright(exif: bytes) -> bytes:
    """A block with its orientation set to 1 and without its thumbnail, which shows the picture as it was.

    All else stays where it is: what cameras note for themselves has offsets that nobody else can correct.
    """
    data = bytearray(re.sub(rb"^(Exif\0\0)+", b"", exif))
    order = {b"II": "<", b"MM": ">"}[bytes(data[:2])]
    (first,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, first)
    end = first + 2 + 12 * count
    for place in range(first + 2, end, 12):
        if struct.unpack_from(f"{order}H", data, place) == (ORIENTATION,):
            struct.pack_into(f"{order}HHIHH", data, place, ORIENTATION, 3, 1, 1, 0)
    if len(data) >= end + 4:
        struct.pack_into(f"{order}I", data, end, 0)
    return b"Exif\0\0" + bytes(data)
