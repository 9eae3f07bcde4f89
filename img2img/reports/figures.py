"""Pictures for people: labelled grids with details enlarged, plots, and what generators made of noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
# told apart by people who see colours differently too (Okabe and Ito), with a shape each
COLOURS = ((0, 114, 178), (213, 94, 0), (0, 140, 100), (204, 90, 160), (120, 95, 0), (86, 75, 200), (90, 90, 90))
SHAPES = ("circle", "square", "triangle", "diamond", "cross")
FEW = 40


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


def metric_plot(
    values: Mapping[str, Sequence[float]],
    names: Sequence[str],
    title: str,
    higher_is_better: bool = True,
    size: tuple[int, int] = (960, 420),
) -> Pixels:
    """A metric of each image for several methods, images from worst to best by the first method. (H, W, 3) uint8.

    ``values`` are those of each method in the order of ``names`` (the images, written below where they are few). Values
    that are infinite or undefined are left out, which the plot says; where the first method has none, its images come
    last. ``size`` is (width, height) in px.

    Raises:
        ValueError: no method, no image, or not one value an image.
    """
    if not values or not names or any(len(found) != len(names) for found in values.values()):
        raise ValueError(
            f"one value an image is needed: {len(names)} images, { ({k: len(v) for k, v in values.items()}) }"
        )
    first = next(iter(values.values()))
    sign = 1 if higher_is_better else -1
    order = sorted(range(len(names)), key=lambda i: (0, sign * first[i]) if math.isfinite(first[i]) else (1, 0))
    return _Plot(size, values, [names[index] for index in order], order).drawn(title, higher_is_better)


class _Plot:
    """Drawn twice as large and reduced, which smooths its edges."""

    def __init__(
        self, size: tuple[int, int], values: Mapping[str, Sequence[float]], names: Sequence[str], order: Sequence[int]
    ) -> None:
        self.size = size
        self.values = {method: [float(found[index]) for index in order] for method, found in values.items()}
        self.names = names
        self.font = ImageFont.load_default(26)
        self.canvas = Image.new("RGB", (2 * size[0], 2 * size[1]), "white")
        self.draw = ImageDraw.Draw(self.canvas)

    def drawn(self, title: str, higher_is_better: bool) -> Pixels:
        finite = [value for found in self.values.values() for value in found if math.isfinite(value)]
        low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
        margin = (high - low or abs(high) or 1.0) / 20
        self.low, self.high = low - margin, high + margin
        ticks = _ticks(self.low, self.high)
        better = "higher" if higher_is_better else "lower"
        self.draw.text(
            (16, 10), f"{title} of each image ({better} is better)", fill="black", font=ImageFont.load_default(30)
        )
        self.top = self._legend(58) + 14
        self.left = 30 + max(int(self.font.getlength(text)) for _, text in ticks)
        self.right = self.canvas.width - 24
        self.bottom = self.canvas.height - self._below() - 16
        for value, text in ticks:
            y = self._y(value)
            self.draw.line((self.left, y, self.right, y), fill=(215, 215, 215), width=2)
            self.draw.text((self.left - 12, y), text, fill="black", font=self.font, anchor="rm")
        for index, found in enumerate(self.values.values()):
            self._series(index, found)
        return np.asarray(self.canvas.reduce(2))

    def _x(self, place: int) -> float:
        return self.left + (place + 0.5) * (self.right - self.left) / len(self.names)

    def _y(self, value: float) -> float:
        return self.top + (self.high - value) / (self.high - self.low) * (self.bottom - self.top)

    def _series(self, index: int, found: Sequence[float]) -> None:
        points = [(self._x(place), self._y(value)) for place, value in enumerate(found) if math.isfinite(value)]
        if index == 0 and points[1:]:
            self.draw.line(points, fill=COLOURS[0], width=3)
        for point in points:
            self._mark(index, point)

    def _mark(self, index: int, at: tuple[float, float]) -> None:
        (x, y), colour, shape, r = at, COLOURS[index % len(COLOURS)], SHAPES[index % len(SHAPES)], 7
        if shape == "circle":
            self.draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)
        elif shape == "square":
            self.draw.rectangle((x - r + 1, y - r + 1, x + r - 1, y + r - 1), fill=colour)
        elif shape == "triangle":
            self.draw.polygon([(x, y - r - 1), (x + r + 1, y + r), (x - r - 1, y + r)], fill=colour)
        elif shape == "diamond":
            self.draw.polygon([(x, y - r - 2), (x + r + 2, y), (x, y + r + 2), (x - r - 2, y)], fill=colour)
        else:
            self.draw.line((x - r, y - r, x + r, y + r), fill=colour, width=4)
            self.draw.line((x - r, y + r, x + r, y - r), fill=colour, width=4)

    def _legend(self, top: int) -> int:
        """Methods with their marks, in lines; where the last ends."""
        left = 30
        for index, (method, found) in enumerate(self.values.items()):
            missing = sum(not math.isfinite(value) for value in found)
            text = f"{method} ({missing} infinite or undefined left out)" if missing else method
            width = int(self.font.getlength(text)) + 24
            if left > 30 and left + width > self.canvas.width - 24:
                left, top = 30, top + 36
            self._mark(index, (left, top + 16))
            self.draw.text((left + 16, top + 16), text, fill="black", font=self.font, anchor="lm")
            left += width + 32
        return top + 32

    def _below(self) -> int:
        """Names of few images, upright; of many their number. How high that is."""
        height, width = self.canvas.height, self.right - self.left
        if len(self.names) > FEW:
            text = f"{len(self.names)} images, worst to best by {next(iter(self.values))}"
            middle = (self.left + self.right) / 2
            self.draw.text((middle, height - 14), text, fill="black", font=self.font, anchor="ms")
            return 44
        points = max(12, min(26, int(width / len(self.names))))
        small = ImageFont.load_default(points)
        texts = [name if len(name) <= 18 else f"...{name[-15:]}" for name in self.names]
        room = max(int(small.getlength(text)) for text in texts) + 8
        for place, text in enumerate(texts):
            line = Image.new("RGB", (room, int(points * 1.4)), "white")
            ImageDraw.Draw(line).text((room, line.height / 2), text, fill="black", font=small, anchor="rm")
            upright = line.rotate(90, expand=True)
            self.canvas.paste(upright, (round(self._x(place) - upright.width / 2), height - room - 8))
        return room + 8


def _ticks(low: float, high: float, about: int = 6) -> list[tuple[float, str]]:
    """Round values in [low, high] and how they are written."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough)
    digits = max(0, -math.floor(math.log10(step)))
    return [(k * step, f"{k * step:.{digits}f}") for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def save_png(path: Path, pixels: Pixels) -> None:
    """Write (H, W, 3) uint8 as PNG, whole or not at all."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=6)
    atomic_write_bytes(path, buffer.getvalue())
