"""Pictures for people: labelled grids, and what generators made of noise."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from img2img.files import atomic_write_bytes

Pixels = np.ndarray[Any, Any]
HEAD = 26
GAP = 4


def grid(rows: Sequence[Sequence[Pixels]], labels: Sequence[str], cell: int = 384) -> Pixels:
    """Rows of pictures under labelled columns, each fitted into ``cell`` px, on white. (H, W, 3) uint8."""
    columns = len(labels)
    fitted = [[_fit(picture, cell) for picture in row] for row in rows]
    font = ImageFont.load_default(15)
    widths = [
        max([int(font.getlength(label)) + 8, *(row[column].shape[1] for row in fitted)])
        for column, label in zip(range(columns), labels, strict=True)
    ]
    heights = [max(picture.shape[0] for picture in row) for row in fitted]
    canvas = Image.new("RGB", (sum(widths) + GAP * (columns + 1), HEAD + sum(heights) + GAP * (len(rows) + 1)), "white")
    draw = ImageDraw.Draw(canvas)
    left = GAP
    for width, label in zip(widths, labels, strict=True):
        draw.text((left + 2, 4), label, fill="black", font=font)
        left += width + GAP
    top = HEAD + GAP
    for row, height in zip(fitted, heights, strict=True):
        left = GAP
        for picture, width in zip(row, widths, strict=True):
            canvas.paste(Image.fromarray(picture), (left, top))
            left += width + GAP
        top += height + GAP
    return np.asarray(canvas)


def _fit(picture: Pixels, cell: int) -> Pixels:
    height, width = picture.shape[:2]
    factor = cell / max(height, width)
    if factor >= 1:
        # small pictures are enlarged without smoothing, so that their pixels can be seen
        times = max(1, min(int(factor), 128 // max(1, max(height, width))))
        return picture.repeat(times, 0).repeat(times, 1)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def vectors_side_by_side(made: Pixels, real: Pixels) -> Pixels:
    """Two contact sheets of (N, C, H, W) pictures in [-1, 1]: made and real."""
    sheets = []
    for images in (made, real):
        pixels = np.clip(np.rint((images.transpose(0, 2, 3, 1) + 1) * 127.5), 0, 255).astype(np.uint8)
        side = int(np.ceil(np.sqrt(len(pixels))))
        blank = np.zeros_like(pixels[0])
        padded = [*pixels, *[blank] * (side * side - len(pixels))]
        sheets.append(np.concatenate([np.concatenate(padded[r * side : (r + 1) * side], 1) for r in range(side)], 0))
    return grid([sheets], ["made", "real"])


def scatter(made: Pixels, real: Pixels, side: int = 384) -> Pixels:
    """Points (N, 2) made (red) over real (grey), the axes from -2 to 2."""
    canvas = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(canvas)
    for points, colour in ((real, (170, 170, 170)), (made, (200, 30, 30))):
        for x, y in np.asarray(points)[:, :2]:
            place = ((x + 2) / 4 * side, (2 - y) / 4 * side)
            draw.ellipse((place[0] - 1, place[1] - 1, place[0] + 1, place[1] + 1), fill=colour)
    return np.asarray(canvas)


def save_png(path: Path, pixels: Pixels) -> None:
    """Write (H, W, 3) uint8 as PNG, whole or not at all."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=6)
    atomic_write_bytes(path, buffer.getvalue())
