"""Which side of a pair shows what is there: the photo, not the drawing, the label map or what is as good as black."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

Pixels = np.ndarray[Any, Any]
SIDE = 256
# a side whose highest level is no more than this part of the possible ones uses few of them
FEW = 4
# a grey drawing has a ground of at least this share of its pixels (lines and shading leave more), or this share of them
# in a dozen levels
GROUND, FEW_LEVELS = 0.6, 0.9


def deciding_side(tops: Iterable[int], drawn: Sequence[int]) -> str:
    """The side of pairs that tells which of them show the same: the target, but the source where that is the photo.

    That is where no target has a level above a quarter of 255 (``tops`` are their highest levels: numbers of classes,
    12 bits in 16), or most targets are drawings (``drawn``: `vote_drawn` of each pair).
    """
    as_good_as_black = FEW * max(tops, default=255) <= 255
    return "source" if as_good_as_black or drawn.count(-1) > 0.5 * len(drawn) else "target"


def drawn_vote(source: Pixels, target: Pixels) -> int:
    """`vote_drawn` of the middles of two whole pictures of one size; 0 where they differ in size."""
    if source.shape != target.shape:
        return 0
    return vote_edges(middle(source), middle(target))


def vote_edges(source: Pixels, target: Pixels) -> int:
    """`vote_drawn` of two pictures."""
    sides = (source, target)
    shares = [float(flat(side).mean()) for side in sides]
    return vote_drawn((shares[0], shares[1]), source, target)


def vote_drawn(flats: tuple[float, float], source: Pixels, target: Pixels) -> int:
    """Whether the source is a drawing of the target (more flat area, fewer colours), or the reverse.

    ``flats`` are the shares of `flat` pixels of source and target. Of 446 real pairs of labels or edges and photos 389
    vote 1, none -1. Grey has fewer colours than colour: where one side alone is grey the tones of both are counted, and
    a side that `may_be_drawn` not is none.
    """
    samples = [sampled(side) for side in (source, target)]
    grey_sides = [is_grey(sample) for sample in samples]
    if grey_sides[0] != grey_sides[1]:
        samples = [sample if alone else _tones(sample) for sample, alone in zip(samples, grey_sides, strict=True)]
    colours = [distinct(sample) for sample in samples]
    if flats[0] > flats[1] + 0.05 and colours[0] < 0.8 * colours[1]:
        return int(may_be_drawn(source))
    if flats[1] > flats[0] + 0.05 and colours[1] < 0.8 * colours[0]:
        return -int(may_be_drawn(target))
    return 0


def may_be_drawn(picture: Pixels) -> bool:
    """Whether (H, W, 3) uint8 may be a drawing or label map, by its levels.

    None are masks (two levels in areas, not in lines), numbers of classes (all levels in the lowest quarter), and grey
    photographs, in which neither a ground has most of the pixels nor a dozen levels nearly all of them.
    """
    if int(picture.max()) < 64:
        return False
    if not is_grey(picture):
        return True
    counts = np.bincount(picture[:, :, 0].ravel(), minlength=256)
    total = float(counts.sum())
    if np.count_nonzero(counts) <= 2:
        return not _in_areas(picture[:, :, 0])
    ground = float(np.convolve(counts, np.ones(9), "valid").max())
    return ground >= GROUND * total or float(np.sort(counts)[-12:].sum()) >= FEW_LEVELS * total


def _in_areas(plane: Pixels) -> bool:
    """Whether the rarer of two levels of (H, W) stands in areas, most of which a line of 5 px would fit into."""
    import cv2

    high = plane == plane.max()
    rare = (high if high.mean() <= 0.5 else ~high).astype(np.uint8)
    opened = cv2.morphologyEx(rare, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    return int(opened.sum()) > 0.5 * int(rare.sum())


def is_grey(pixels: Pixels) -> bool:
    """Whether all channels of (..., 3) are the same."""
    return bool((pixels == pixels[..., :1]).all())


def _tones(sample: Pixels) -> Pixels:
    """The luminance of (N, 3) uint8, three times over."""
    return np.repeat(grey(sample[None])[0].round().astype(np.uint8)[:, None], 3, axis=1)


def grey(picture: Pixels) -> Pixels:
    """(H, W) float32 luminance of (H, W, 3) uint8."""
    import cv2

    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)  # type: ignore[no-any-return]


def middle(picture: Pixels, side: int = SIDE) -> Pixels:
    """The central ``side`` x ``side`` px, or as much of them as there is."""
    height, width = picture.shape[:2]
    down, across = min(side, height), min(side, width)
    top, left = (height - down) // 2, (width - across) // 2
    return picture[top : top + down, left : left + across]


def sampled(picture: Pixels, side: int = 64) -> Pixels:
    """(side * side, ...) of the values of (H, W, ...), evenly over it."""
    height, width = picture.shape[:2]
    rows = ((np.arange(side) + 0.5) * height / side).astype(np.intp)
    columns = ((np.arange(side) + 0.5) * width / side).astype(np.intp)
    return picture[np.ix_(rows, columns)].reshape(side * side, *picture.shape[2:])


def distinct(sample: Pixels) -> int:
    """The number of colours of (N, 3) uint8."""
    return len(np.unique(sample.astype(np.int32) @ np.array([65536, 256, 1], np.int32)))


def flat(picture: Pixels) -> Pixels:
    """(H, W) bool: no level of the 3 x 3 px around differs by more than 8, in any channel."""
    import cv2

    kernel = np.ones((3, 3), np.uint8)
    return highest(cv2.dilate(picture, kernel) - cv2.erode(picture, kernel)) <= 8


def highest(picture: Pixels) -> Pixels:
    """(H, W) maximum over the channels, some ten times faster than max(2)."""
    most: Pixels = np.maximum.reduce([picture[:, :, channel] for channel in range(picture.shape[2])])
    return most
