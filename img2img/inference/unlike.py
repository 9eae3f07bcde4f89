"""Pictures that are not what a network was trained on: drawings in alpha, negatives, pairs side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from img2img.data.drawings import grey, sampled
from img2img.data.source_statistics import SourceStatistics, levels_of
from img2img.doctor.pair_tests import ALIKE, detail, peak, strokes, surface
from img2img.images import Picture, Pixels, as_rgb8

# a colour that differs by no more than so many of 255 levels is one
ONE_COLOUR = 16
# how far beyond the range of training counts as far off: levels of 255, and shares
MARGINS = {"level": 80.0, "dark": 0.4, "light": 0.4, "colour": 80.0}
# colourfulness up to which pictures are grey (JPEG's colours), and from which on one is not
GREY, COLOURED = 2.0, 12.0
# how much wider than any training picture a pair side by side is at least, and what a half's shape may differ by
WIDER, SHAPE = 1.5, 0.15
# side in px that halves are compared at, px they may lie off, correlation of the strokes of a drawing and its photo
HALF, PLACE, STROKES = 128, 3, 0.25
NAMES = {"level": "mean level", "dark": "share of black", "light": "share of white", "colour": "colourfulness"}
NEGATIVE = "its negative would fit (black and white the other way round)"
PAIR = (
    "looks like a pair side by side (twice as wide as what these weights were trained on, halves alike) and was "
    "translated as one picture: cut out the half that is the source"
)


def on_ground(picture: Picture, statistics: SourceStatistics | None) -> Picture:
    """A drawing whose lines stand in its alpha, laid onto the ground of the training's sources, without alpha.

    That is one whose visible pixels have one colour, and where the training's sources have a ground (white paper), also
    any other that is transparent for the most part. Others come back as they are. Without a ground it is white under
    dark lines, black under light ones. Its notes say what was done.
    """
    alpha = picture.alpha
    if alpha is None or int(alpha.min()) == int(alpha.max()):
        return picture
    top = int(np.iinfo(alpha.dtype).max)
    visible = _visible_range(picture.pixels, alpha > top // 8)
    if visible is None:
        return picture
    low, high = visible
    ground = statistics.ground if statistics is not None else None
    one_colour = int((high - low).max()) * 255 <= ONE_COLOUR * top
    if not one_colour and (ground is None or float((alpha > top // 2).mean()) > 0.5):
        return picture
    if ground is None:
        ground = 255 if float((low + high).mean()) < top else 0
    note = f"a drawing in alpha was laid onto {'white' if ground else 'black'}; its result has no alpha"
    pixels = _laid_onto(picture.pixels, alpha, ground * (top // 255))
    return replace(picture, pixels=pixels, alpha=None, notes=(*picture.notes, note))


def _visible_range(pixels: Pixels, seen: Pixels) -> tuple[Pixels, Pixels] | None:
    """The lowest and the highest level (C,) of each channel of (H, W, C) where (H, W) bool is true, if anywhere."""
    ranges = [
        (row[inside].min(0), row[inside].max(0)) for row, inside in zip(pixels, seen, strict=True) if inside.any()
    ]
    if not ranges:
        return None
    low = np.min([low for low, _ in ranges], 0).astype(np.int64)
    return low, np.max([high for _, high in ranges], 0).astype(np.int64)


def _laid_onto(pixels: Pixels, alpha: Pixels, level: int) -> Pixels:
    """(H, W, C) over a ground of one level, by their alpha (H, W), rounded."""
    top = int(np.iinfo(alpha.dtype).max)
    flat = np.empty_like(pixels)
    # rows at a time: the products need eight bytes a sample
    for start in range(0, len(pixels), 64):
        rows = slice(start, start + 64)
        share = alpha[rows, :, None].astype(np.uint64)
        flat[rows] = (pixels[rows] * share + level * (top - share) + top // 2) // top
    return flat


def unlike(picture: Picture, statistics: SourceStatistics) -> tuple[str, ...]:
    """Notes on a picture that lies far from all sources of the training."""
    notes = []
    pixels = as_rgb8(replace(picture, pixels=_thinned(picture.pixels)))
    far = _far(levels_of(pixels), statistics)
    if far:
        negative = f"; {NEGATIVE}" if not _far(levels_of(255 - pixels), statistics) else ""
        notes.append(f"unlike what these weights were trained on: {', '.join(far)}{negative}")
    if _is_pair(picture, statistics):
        notes.append(PAIR)
    return tuple(notes)


def _thinned(pixels: Pixels, side: int = 256) -> Pixels:
    """At most (side * side) of the pixels, evenly over them, as one row (1, N, C)."""
    return sampled(pixels, min(side, max(pixels.shape[:2])))[None]


def _far(levels: dict[str, float], statistics: SourceStatistics) -> list[str]:
    """What lies far outside the range of the training, in words that are the same for all pictures of the kind."""
    said = []
    for name, margin in MARGINS.items():
        low, high = getattr(statistics, name)
        if name == "colour" and high <= GREY:
            if levels[name] > COLOURED:
                said.append("in colour, they were grey")
        elif not low - margin <= levels[name] <= high + margin:
            where = "above" if levels[name] > high else "below"
            bounds = f"{low:.2f} to {high:.2f}" if margin < 1 else f"{low:.0f} to {high:.0f} of 255"
            said.append(f"{NAMES[name]} far {where} its {bounds}")
    return said


def _is_pair(picture: Picture, statistics: SourceStatistics) -> bool:
    """Whether it is twice as wide as what was trained on, and both halves show the same."""
    height, width = picture.pixels.shape[:2]
    if statistics.aspect is None or width % 2 or height < 8:
        return False
    low, high = statistics.aspect
    aspect = width / height
    if aspect < WIDER * high or not low * (1 - SHAPE) <= aspect / 2 <= high * (1 + SHAPE):
        return False
    import cv2

    pixels = as_rgb8(picture)
    halves = [pixels[:, : width // 2], pixels[:, width // 2 :]]
    one, other = (grey(cv2.resize(half, (HALF, HALF), interpolation=cv2.INTER_AREA)) for half in halves)
    for kind, least in ((detail, ALIKE), (strokes, STROKES)):
        (right, down), likeness, _ = peak(surface(kind(one), kind(other)))
        if likeness >= least and max(abs(right), abs(down)) <= PLACE:
            return True
    return False
