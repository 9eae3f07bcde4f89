"""Pictures for people: labelled grids, details enlarged, and contact sheets of what generators make of noise."""

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
Box = tuple[int, int, int, int]
FRAME = (230, 40, 30)
LINE = 2


def grid(rows: Sequence[Sequence[Pixels]], labels: Sequence[str], cell: int = 384) -> Pixels:
    """Rows of pictures under labelled columns, each fitted into ``cell`` px, on white. (H, W, 3) uint8."""
    return _laid_out([[_fit(picture, cell) for picture in row] for row in rows], labels)


def _laid_out(rows: Sequence[Sequence[Pixels]], labels: Sequence[str]) -> Pixels:
    columns = len(labels)
    font = ImageFont.load_default(15)
    widths = [
        max([int(font.getlength(label)) + 8, *(row[column].shape[1] for row in rows)])
        for column, label in zip(range(columns), labels, strict=True)
    ]
    heights = [max(picture.shape[0] for picture in row) for row in rows]
    canvas = Image.new("RGB", (sum(widths) + GAP * (columns + 1), HEAD + sum(heights) + GAP * (len(rows) + 1)), "white")
    draw = ImageDraw.Draw(canvas)
    left = GAP
    for width, label in zip(widths, labels, strict=True):
        draw.text((left + 2, 4), label, fill="black", font=font)
        left += width + GAP
    top = HEAD + GAP
    for row, height in zip(rows, heights, strict=True):
        left = GAP
        for picture, width in zip(row, widths, strict=True):
            canvas.paste(Image.fromarray(picture), (left, top))
            left += width + GAP
        top += height + GAP
    return np.asarray(canvas)


def zoomed_grid(
    rows: Sequence[Sequence[Pixels]],
    labels: Sequence[str],
    boxes: Sequence[Box | None] | None = None,
    cell: int = 384,
    source: int | None = 0,
    target: int | None = -1,
) -> Pixels:
    """A `grid` with a frame in each picture of a row, and what lies in the frame enlarged below. (H, W, 3) uint8.

    ``boxes`` are (left, top, width, height) in px of the pictures; where there is none, `telling_box` finds it from the
    columns but ``source``, against the column ``target``.

    Raises:
        ValueError: pictures of one row differ in size; a box that does not lie in them; no box and no ``target``.
    """
    shown = []
    for row, box in zip(rows, boxes or [None] * len(rows), strict=True):
        height, width = row[0].shape[:2]
        if any(picture.shape != row[0].shape for picture in row):
            raise ValueError(f"pictures of one row must have one size: {[picture.shape for picture in row]}")
        if box is None:
            if target is None:
                raise ValueError("without a target column the boxes must be given")
            sides = {index % len(row) for index in (source, target) if index is not None}
            results = [picture for index, picture in enumerate(row) if index not in sides]
            box = telling_box(results or [row[0]], row[target], _box_size(width, height, cell))
        left, top, wide, high = box
        if min(left, top) < 0 or min(wide, high) < 1 or left + wide > width or top + high > height:
            raise ValueError(f"box {box} does not lie in a picture of {width}x{height}")
        shown.append([_with_detail(picture, box, cell) for picture in row])
    return _laid_out(shown, labels)


def telling_box(results: Sequence[Pixels], target: Pixels, size: tuple[int, int]) -> Box:
    """(left, top, width, height) of where ``results`` differ most in their error to ``target`` (all (H, W, 3) uint8).

    That is the window of ``size`` (width, height) in which the largest and the smallest squared error of the results
    lie furthest apart (of a single one: where its error is largest); the first such window, the middle of identical
    pictures.
    """
    height, width = target.shape[:2]
    wide, high = size
    sums = np.stack([_window_sums(_squared_error(result, target), high, wide) for result in results])
    spread = sums.max(0) - (sums.min(0) if len(results) > 1 else 0)
    if not spread.any():
        # they differ nowhere, perhaps all from the target
        spread = sums[0]
    if not spread.any():
        return (width - wide) // 2, (height - high) // 2, wide, high
    top, left = np.unravel_index(int(spread.argmax()), spread.shape)
    return int(left), int(top), wide, high


def _squared_error(result: Pixels, target: Pixels) -> Pixels:
    return np.asarray(((result.astype(np.int64) - target) ** 2).sum(2))


def _window_sums(values: Pixels, high: int, wide: int) -> Pixels:
    """Exact sums of integers (H, W) over every window of ``high`` x ``wide`` inside."""
    total = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return np.asarray(total[high:, wide:] - total[:-high, wide:] - total[high:, :-wide] + total[:-high, :-wide])


def _box_size(width: int, height: int, cell: int) -> tuple[int, int]:
    """About a quarter of each side, such that a whole number of times it fills the width of the fitted picture."""
    factor = _fitted_factor(width, height, cell)
    times = max(1, round(4 * factor))
    wide, high = ((round(side * factor) - 2 * LINE) // times for side in (width, height))
    return min(width, max(1, wide)), min(height, max(1, high))


def _with_detail(picture: Pixels, box: Box, cell: int) -> Pixels:
    """The picture with a frame around the box, and its content enlarged below, in a frame of the same colour."""
    left, top, wide, high = box
    fitted = _fit(picture, cell)
    height, width = fitted.shape[:2]
    scale = width / picture.shape[1]
    image = Image.fromarray(fitted)
    # around the box, not on it, but where the picture ends
    corners = (
        max(0, round(left * scale) - LINE),
        max(0, round(top * scale) - LINE),
        min(width, round((left + wide) * scale) + LINE) - 1,
        min(height, round((top + high) * scale) + LINE) - 1,
    )
    ImageDraw.Draw(image).rectangle(corners, outline=FRAME, width=LINE)
    detail = picture[top : top + high, left : left + wide]
    times = (width - 2 * LINE) // wide
    if times >= 1:
        detail = detail.repeat(times, 0).repeat(times, 1)
    else:
        fits = (max(1, width - 2 * LINE), max(1, round(high * (width - 2 * LINE) / wide)))
        detail = np.asarray(Image.fromarray(detail).resize(fits, Image.Resampling.LANCZOS))
    framed = np.pad(detail, ((LINE, LINE), (LINE, LINE), (0, 0)))
    framed[:LINE] = framed[-LINE:] = FRAME
    framed[:, :LINE] = framed[:, -LINE:] = FRAME
    sheet = np.full((height + GAP + framed.shape[0], max(width, framed.shape[1]), 3), 255, np.uint8)
    sheet[:height, :width] = np.asarray(image)
    sheet[height + GAP :, : framed.shape[1]] = framed
    return sheet


def _fitted_factor(width: int, height: int, cell: int) -> float:
    """How many times larger `_fit` makes a picture."""
    longest = max(width, height)
    return cell / longest if cell < longest else max(1, min(cell // longest, 128 // longest))


def _fit(picture: Pixels, cell: int) -> Pixels:
    height, width = picture.shape[:2]
    factor = _fitted_factor(width, height, cell)
    if factor >= 1:
        # small pictures are enlarged without smoothing, so that their pixels can be seen
        return picture.repeat(int(factor), 0).repeat(int(factor), 1)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def vectors_side_by_side(generated: Pixels, real: Pixels) -> Pixels:
    """Two contact sheets of (N, C, H, W) pictures in [-1, 1], their first channels: generated and real.

    (H', W', 3) uint8.
    """
    sheets = []
    for images in (generated, real):
        pixels = np.clip(np.rint((images.transpose(0, 2, 3, 1) + 1) * 127.5), 0, 255).astype(np.uint8)
        pixels = pixels[..., :3] if pixels.shape[3] >= 3 else pixels[..., :1].repeat(3, 3)
        side = int(np.ceil(np.sqrt(len(pixels))))
        blank = np.zeros_like(pixels[0])
        padded = [*pixels, *[blank] * (side * side - len(pixels))]
        sheets.append(np.concatenate([np.concatenate(padded[r * side : (r + 1) * side], 1) for r in range(side)], 0))
    return grid([sheets], ["generated", "real"])


def save_png(path: Path, pixels: Pixels) -> None:
    """Write (H, W, 3) uint8 as PNG, whole or not at all."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=6)
    atomic_write_bytes(path, buffer.getvalue())
