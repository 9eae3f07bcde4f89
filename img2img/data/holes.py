"""Shapes of holes for in-painting: a centre, rectangles, a region, strokes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from img2img.data.config import Hole
from img2img.errors import UserError

Mask = np.ndarray[Any, Any]
# cells of the noise that regions are cut from, a px (Pathak et al., train_random.lua)
RESOLUTION = 0.06
# strokes: vertices, largest turn from one to the next in radians, and width and reach as shares of the shorter side
VERTICES, TURN, WIDTH, REACH = (4, 12), 1.2, (0.03, 0.1), (0.08, 0.3)


def made_hole(height: int, width: int, options: Hole, rng: np.random.Generator) -> Mask:
    """(H, W) uint8, 255 inside a hole of the kind that ``options`` name.

    Raises:
        UserError: the picture is so small that nothing would be a hole, or all of it.
    """
    mask = HOLES[options.kind](height, width, options, rng)
    if mask.any() and not mask.all():
        return mask
    cure = f"give larger pictures, or change data.hole.share (it is {options.share:g})"
    if options.overlap:
        cure += f" or data.hole.overlap (it is {options.overlap})"
    what = "all of it" if mask.any() else "nothing of it"
    raise UserError(f"data.hole: a picture of {width}x{height} px would have {what} as its hole; {cure}")


def fill_levels(fill: Sequence[int], channels: int) -> tuple[int, ...]:
    """The levels (0 to 255) that a hole has in each channel: those of RGB, or their mean in all of other numbers."""
    return tuple(fill) if channels == len(fill) else (round(sum(fill) / len(fill)),) * channels


def centre(height: int, width: int, options: Hole, rng: np.random.Generator) -> Mask:
    """A rectangle of ``share`` of each side in the middle, less ``overlap`` px at each of its sides.

    Pathak et al. predict the whole rectangle and fill all but the overlap (train.lua: 64 px and 56 px of 128).
    """
    mask = np.zeros((height, width), np.uint8)
    down, across = max(1, round(height * options.share)), max(1, round(width * options.share))
    top, left, less = (height - down) // 2, (width - across) // 2, options.overlap
    mask[top + less : top + max(less, down - less), left + less : left + max(less, across - less)] = 255
    return mask


def blocks(height: int, width: int, options: Hole, rng: np.random.Generator) -> Mask:
    """Random rectangles that overlap, until ``share`` squared of the area is covered."""
    mask = np.zeros((height, width), np.uint8)
    covered = 0.0
    while covered < options.share**2:
        down = max(1, int(height * rng.uniform(0.1, 0.35)))
        across = max(1, int(width * rng.uniform(0.1, 0.35)))
        top, left = int(rng.integers(0, height - down + 1)), int(rng.integers(0, width - across + 1))
        mask[top : top + down, left : left + across] = 255
        covered = float(np.mean(mask > 0))
    return mask


def region(height: int, width: int, options: Hole, rng: np.random.Generator) -> Mask:
    """Where coarse noise, enlarged, is lowest: ``share`` squared of the area, in blobs."""
    import cv2

    rows, columns = (max(2, round(RESOLUTION * side)) for side in (height, width))
    noise = rng.random((rows, columns), dtype=np.float32)
    smooth = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    mask: Mask = np.where(smooth <= np.quantile(smooth, options.share**2), 255, 0).astype(np.uint8)
    return mask


def strokes(height: int, width: int, options: Hole, rng: np.random.Generator) -> Mask:
    """Brush strokes of several bends with round ends, until ``share`` squared of the area is covered.

    After the free-form masks of Yu et al. 2019 (algorithm 1), with sizes relative to the shorter side and the area
    covered, not the number of strokes, given.
    """
    import cv2

    mask = np.zeros((height, width), np.uint8)
    side = min(height, width)
    while float(np.mean(mask > 0)) < options.share**2:
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        thickness = max(1, round(side * rng.uniform(*WIDTH)))
        angle = rng.uniform(0, 2 * np.pi)
        points = [(x, y)]
        for _ in range(int(rng.integers(VERTICES[0], VERTICES[1] + 1))):
            angle += rng.uniform(-TURN, TURN)
            reach = side * rng.uniform(*REACH)
            x = float(np.clip(x + reach * np.cos(angle), 0, width - 1))
            y = float(np.clip(y + reach * np.sin(angle), 0, height - 1))
            points.append((x, y))
        # round joints and ends: that is how lines of some thickness are drawn
        cv2.polylines(mask, [np.array(points).round().astype(np.int32)], isClosed=False, color=255, thickness=thickness)
    return mask


HOLES: dict[str, Callable[[int, int, Hole, np.random.Generator], Mask]] = {
    "centre": centre,
    "blocks": blocks,
    "region": region,
    "strokes": strokes,
}
