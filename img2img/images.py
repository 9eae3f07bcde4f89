"""The only reader and writer of pictures: what comes in goes out with its depth, alpha and metadata."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from img2img.errors import UserError
from img2img.files import atomic_write_bytes

Pixels = np.ndarray[Any, Any]

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".bmp": "BMP",
}
WRITABLE = frozenset(FORMATS)
READABLE = WRITABLE | {".gif", ".ppm", ".pgm", ".jp2", ".avif"}
MAX_PIXELS = 200_000_000
ORIENTATION = 0x0112
# how samples lie in a file (TIFF 6.0), and the colour profile, which has a place of its own
LAYOUT = frozenset(
    (254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 330, 338)
) | {339, 347, 512, 513, 514, 529, 530, 531, 532, 34675}
NOT_RGB = ("CMYK", "YCbCr", "LAB", "HSV")


@dataclass(frozen=True)
class Picture:
    """A decoded picture: ``pixels`` (H, W, C) uint8 or uint16, C 1 (grey) or 3 (RGB); ``alpha`` (H, W) or None."""

    pixels: Pixels
    alpha: Pixels | None = None
    format: str = "PNG"
    icc: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None


def find(folder: Path) -> list[Path]:
    """All pictures below ``folder`` in natural order (2.jpg before 10.jpg), without hidden files and outside links.

    Raises:
        UserError: no such folder, a file, or no picture in it.
    """
    if not folder.exists():
        raise UserError(f"{folder}: no such folder")
    if not folder.is_dir():
        raise UserError(f"{folder}: is a file, a folder of pictures is needed")
    root = folder.resolve()
    files = []
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        if path.suffix.lower() not in READABLE or any(part.startswith(".") for part in relative.parts):
            continue
        if path.is_file() and path.resolve().is_relative_to(root):
            files.append(path)
    if not files:
        raise UserError(f"{folder}: no pictures in it (looked for {', '.join(sorted(READABLE))})")
    # names that differ in case alone count the same: the second key keeps their order the same on every machine
    return sorted(files, key=lambda path: (natural(str(path.relative_to(folder))), str(path)))


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sort key that counts: ``img2`` before ``img10``."""
    parts = [part for part in re.split(r"(\d+)", name) if part]
    # not isdigit: it takes a superscript 2 for a number, which int does not
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.lower()) for part in parts]


def _open(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except UnidentifiedImageError as error:
        what = "empty file" if path.stat().st_size == 0 else "not a picture (or of an unknown kind)"
        raise UserError(f"{path}: {what}") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"{path}: has too many pixels to be opened safely") from error
    except (OSError, ValueError, SyntaxError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{path}: cannot be read: {reason}") from error


@contextmanager
def _sound(path: Path) -> Iterator[None]:
    """What decoders raise for damaged files (many kinds), as a `UserError`."""
    try:
        yield
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        raise UserError(f"{path}: has too many pixels to be opened safely") from error
    except Exception as error:
        raise UserError(f"{path}: damaged or truncated: {' '.join(str(error).split())[:100]}") from error


def size(path: Path) -> tuple[int, int]:
    """(width, height) in pixels as displayed, without decoding where the header says the orientation.

    Raises:
        UserError: unreadable.
    """
    with _open(path) as image, _sound(path):
        width, height = image.size
        if image.format == "TIFF":
            # whether Pillow has turned this size already depends on its version
            tags = image.tag_v2  # type: ignore[attr-defined]
            width, height = int(tags[256]), int(tags[257])
        # for PNG Pillow would decode everything to find what may stand behind the pixels
        late = image.format != "PNG" or _tells_late(path)
        exif = image.getexif() if late else Image.Image.getexif(image)
        if exif.get(ORIENTATION, 1) >= 5:
            width, height = height, width
        return width, height


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
    """Decode a picture; the content decides the format, not the ending. EXIF orientation is applied.

    Raises:
        UserError: unreadable, truncated, or more than ``max_pixels`` pixels (refused before decoding).
    """
    with _open(path) as image, _sound(path):
        if image.width * image.height > max_pixels:
            raise UserError(f"{path}: {image.width}x{image.height} px are more than {max_pixels} pixels")
        return _decode(path, image)


def _decode(path: Path, image: Image.Image) -> Picture:
    deep = _deep(path, image)
    orientation = image.getexif().get(ORIENTATION, 1)
    image.load()
    exif = image.getexif()
    if deep is None:
        # Pillow turns 8-bit TIFFs itself while it loads them, and forgets their orientation
        orientation = exif.get(ORIENTATION, 1)
        pixels, alpha = _split(image)
    else:
        pixels, alpha = _parted(deep)
    if ORIENTATION in exif:
        exif[ORIENTATION] = 1
    for tag in LAYOUT & set(exif):
        del exif[tag]
    dpi = image.info.get("dpi")
    return Picture(
        np.ascontiguousarray(_turn(pixels, orientation)),
        None if alpha is None else np.ascontiguousarray(_turn(alpha, orientation)),
        format=image.format or "PNG",
        icc=_profile(image),
        exif=exif.tobytes() if len(exif) else None,
        dpi=(float(dpi[0]), float(dpi[1])) if dpi else None,
    )


def _split(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """Pixels and alpha of a loaded image of any mode, as 8 bits."""
    if image.mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    if image.mode in NOT_RGB:
        image = image.convert("RGB")
    if image.mode in ("1", "I;16", "I", "F"):
        image = image.convert("L")
    return _parted(np.asarray(image))


def _parted(pixels: Pixels) -> tuple[Pixels, Pixels | None]:
    """(H, W) or (H, W, C) as colour (H, W, 1 or 3) and alpha (H, W), where there are 2 or 4 channels."""
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    alpha = np.ascontiguousarray(pixels[:, :, -1]) if pixels.shape[2] in (2, 4) else None
    return np.ascontiguousarray(pixels[:, :, : 1 if pixels.shape[2] <= 2 else 3]), alpha


def _profile(image: Image.Image) -> bytes | None:
    # a CMYK profile does not describe RGB pixels
    profile: bytes | None = None if image.mode in NOT_RGB else image.info.get("icc_profile")
    return profile


def from_pil(image: Image.Image) -> Picture:
    """An image in memory as a picture, turned as its EXIF says; 8 bits, or 16 where its mode is ``I;16``.

    Raises:
        UserError: a mode of 32 bits, whose range nobody knows.
    """
    if image.mode in ("I", "F"):
        raise UserError(f"an image of mode {image.mode} has no known range: convert it to L, RGB or I;16")
    turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith("I;16"):
        return Picture(np.asarray(turned).astype(np.uint16)[:, :, None])
    return Picture(*_split(turned), icc=_profile(image))


def to_pil(picture: Picture) -> Image.Image:
    """The picture as an image in memory: L, LA, RGB or RGBA, or I;16 for grey of 16 bits."""
    image = _image(joined(picture))
    if picture.icc:
        image.info["icc_profile"] = picture.icc
    return image


def from_array(pixels: Pixels) -> Picture:
    """(H, W) or (H, W, C) uint8 or uint16 as a picture; C is 1 (grey), 2 (with alpha), 3 (RGB) or 4 (with alpha).

    Raises:
        UserError: anything else.
    """
    fits = pixels.ndim == 2 or (pixels.ndim == 3 and 1 <= pixels.shape[2] <= 4)
    if pixels.dtype not in (np.uint8, np.uint16) or not fits or not pixels.size:
        raise UserError(
            f"an array must be (H, W) or (H, W, C) of uint8 (0 to 255) or uint16 (0 to 65535) with 1 to 4 channels, "
            f"got {pixels.dtype} {pixels.shape}; values in [-1, 1] go in as a float tensor (C, H, W)"
        )
    return Picture(*_parted(pixels))


def joined(picture: Picture) -> Pixels:
    """(H, W, C) with alpha as the last channel, where there is one."""
    return picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])


def _deep(path: Path, image: Image.Image) -> Pixels | None:
    """16-bit pixels (H, W, C), or None where the file has 8 bits: Pillow drops 16-bit colour silently."""
    if image.format == "PNG":
        with path.open("rb") as file:
            header = file.read(26)
        if len(header) < 26 or header[24] != 16:
            return None
        import cv2

        raw = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
        if raw is None or raw.dtype != np.uint16:
            return None
        raw = raw[:, :, None] if raw.ndim == 2 else raw
        if raw.shape[2] == 3:
            return np.ascontiguousarray(raw[:, :, ::-1])
        if raw.shape[2] == 4:
            raw = np.ascontiguousarray(raw[:, :, [2, 1, 0, 3]])
            # grey + alpha comes as equal colour channels
            return raw[:, :, [0, 3]] if header[25] == 4 else raw
        return np.ascontiguousarray(raw)
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, (8,))  # type: ignore[attr-defined]
        bits = bits if isinstance(bits, tuple) else (bits,)
        if 16 not in bits:
            return None
        import tifffile

        raw = np.asarray(tifffile.imread(path, key=0))
        raw = raw[:, :, None] if raw.ndim == 2 else raw
        if raw.dtype != np.uint16 or raw.ndim != 3 or raw.shape[2] > 4:
            raise UserError(f"{path}: this kind of TIFF ({raw.dtype}, shape {raw.shape}) is not supported")
        return np.ascontiguousarray(raw)
    return None


def _turn(pixels: Pixels, orientation: int) -> Pixels:
    """Apply an EXIF orientation (1 to 8)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def write(path: Path, picture: Picture, quality: int = 95) -> None:
    """Encode by the ending and replace ``path`` whole or not at all; metadata are kept where the format can.

    JPEG is written at ``quality`` without chroma subsampling, WebP lossless; formats of 8 bits get the high byte of
    16-bit pixels, rounded; formats without alpha lose it.

    Raises:
        UserError: an ending that cannot be written.
        RunError: the file system refuses.
    """
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise UserError(f"{path}: cannot write this kind of file (use one of {', '.join(sorted(FORMATS))})")
    kind = FORMATS[ending]
    pixels = picture.pixels if kind in ("JPEG", "BMP") else joined(picture)
    if pixels.dtype == np.uint16 and kind not in ("PNG", "TIFF"):
        pixels = to_8_bits(pixels)
    data = _encode_deep(pixels, kind) if pixels.dtype == np.uint16 else _encode(pixels, kind, picture, quality)
    atomic_write_bytes(path, data)


def _image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else np.ascontiguousarray(pixels))


def _encode(pixels: Pixels, kind: str, picture: Picture, quality: int) -> bytes:
    image = _image(pixels)
    if kind == "WEBP" and image.mode in ("L", "LA"):
        image = image.convert("RGB" if image.mode == "L" else "RGBA")
    extra: dict[str, Any] = {}
    if picture.icc and kind in ("PNG", "JPEG", "TIFF", "WEBP"):
        extra["icc_profile"] = picture.icc
    if picture.exif and kind in ("PNG", "JPEG", "TIFF", "WEBP"):
        extra["exif"] = picture.exif
    if picture.dpi and kind in ("PNG", "JPEG", "TIFF", "BMP"):
        extra["dpi"] = picture.dpi
    if kind == "JPEG":
        extra |= {"quality": quality, "subsampling": 0}
    elif kind == "WEBP":
        extra |= {"lossless": True}
    elif kind == "TIFF":
        extra |= {"compression": "tiff_deflate"}
    elif kind == "PNG":
        extra |= {"compress_level": 3}
    buffer = BytesIO()
    image.save(buffer, kind, **extra)
    return buffer.getvalue()


def _encode_deep(pixels: Pixels, kind: str) -> bytes:
    if pixels.shape[2] == 2:
        # no reader of 16 bits knows grey with alpha
        pixels = pixels[:, :, [0, 0, 0, 1]]
    if kind == "TIFF":
        import tifffile

        buffer = BytesIO()
        colour = pixels.shape[2] >= 3
        extra = ["unassalpha"] if pixels.shape[2] == 4 else None
        data = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
        tifffile.imwrite(buffer, data, photometric="rgb" if colour else "minisblack", extrasamples=extra)
        return buffer.getvalue()
    import cv2

    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.shape[2]]
    done, data = cv2.imencode(".png", np.ascontiguousarray(pixels[:, :, order]))
    if not done:
        raise UserError("a 16-bit PNG could not be encoded")
    encoded: bytes = data.tobytes()
    return encoded


def to_8_bits(pixels: Pixels) -> Pixels:
    """uint16 as uint8, rounded to the nearest of 255 steps."""
    return ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def as_rgb(picture: Picture) -> Pixels:
    """(H, W, 3) of the picture's own depth: grey replicated, alpha left out."""
    return np.repeat(picture.pixels, 3, axis=2) if picture.pixels.shape[2] == 1 else picture.pixels


def as_rgb8(picture: Picture) -> Pixels:
    """(H, W, 3) uint8: grey replicated, 16 bits scaled, alpha left out."""
    pixels = as_rgb(picture)
    return to_8_bits(pixels) if pixels.dtype == np.uint16 else pixels


def digest(pixels: Pixels) -> str:
    """What identifies (H, W, C) pixels, whatever file they came from."""
    shape = "x".join(str(side) for side in pixels.shape)
    text = hashlib.blake2b(shape.encode() + np.ascontiguousarray(pixels).tobytes(), digest_size=8).hexdigest()
    return str(text)


def to_tensor(pixels: Pixels) -> Tensor:
    """(H, W, C) uint8 or uint16 -> (1, C, H, W) float32 in [-1, 1]."""
    top = float(np.iinfo(pixels.dtype).max)
    values = np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32)
    return torch.from_numpy(values).div_(top / 2).sub_(1).unsqueeze(0)


def to_pixels(values: Tensor, dtype: Any) -> Pixels:
    """(1, C, H, W) in [-1, 1] -> (H, W, C) of an unsigned integer type: clipped, rounded half up, never truncated."""
    top = float(np.iinfo(dtype).max)
    levels = values[0].double().add(1).mul(top / 2).add(0.5).floor().clamp(0, top)
    return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy().astype(dtype))
