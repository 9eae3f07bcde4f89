"""Animations for people: frames of one size with a caption each, as GIF or WebP."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from img2img.errors import UserError
from img2img.files import atomic_write_bytes
from img2img.reports.writing import printable

Pixels = np.ndarray[Any, Any]
# how long a frame is shown, and the last one, in milliseconds
SHOWN, LAST = 200, 1600
# height of a caption, and the longer side of a frame at most and of small ones at least, in px
CAPTION, LONGEST, SHORTEST = 24, 1000, 320
# Pillow's options by the file's ending
FORMATS: dict[str, dict[str, Any]] = {
    ".webp": {"format": "WEBP", "quality": 85, "method": 4},
    ".gif": {"format": "GIF", "optimize": True},
}


def check_animation(path: Path) -> None:
    """Refuse what is no name of an animation.

    Raises:
        UserError: naming the endings that are known.
    """
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"--film {path}: a name that ends in {' or '.join(FORMATS)} is needed")


def save_animation(path: Path, frames: Sequence[tuple[str, Pixels]]) -> None:
    """Write frames (caption, (H, W, 3) uint8) one after the other, endlessly; the file is whole or as it was.

    All get the size of the largest; small ones are enlarged without smoothing, large ones reduced.

    Raises:
        UserError: another ending than `FORMATS` has.
        ValueError: no frame.
    """
    check_animation(path)
    if not frames:
        raise ValueError("at least one frame is needed")
    pictures = [_fitted(pixels) for _, pixels in frames]
    width, height = (max(picture.size[axis] for picture in pictures) for axis in (0, 1))
    drawn = [
        _captioned(picture, caption, (width, height)) for (caption, _), picture in zip(frames, pictures, strict=True)
    ]
    packed = BytesIO()
    drawn[0].save(
        packed,
        save_all=True,
        append_images=drawn[1:],
        duration=[*[SHOWN] * (len(drawn) - 1), LAST],
        loop=0,
        **FORMATS[path.suffix.lower()],
    )
    atomic_write_bytes(path, packed.getvalue())


def _fitted(pixels: Pixels) -> Image.Image:
    picture = Image.fromarray(pixels)
    longest = max(picture.size)
    if longest > LONGEST:
        sides = [max(1, round(side * LONGEST / longest)) for side in picture.size]
        return picture.resize((sides[0], sides[1]), Image.Resampling.LANCZOS)
    times = max(1, SHORTEST // longest)
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def _captioned(picture: Image.Image, caption: str, size: tuple[int, int]) -> Image.Image:
    frame = Image.new("RGB", (size[0], size[1] + CAPTION), "white")
    ImageDraw.Draw(frame).text((4, 3), printable(caption), fill="black", font=ImageFont.load_default(15))
    frame.paste(picture, (0, CAPTION))
    return frame
