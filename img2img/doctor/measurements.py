"""Each picture is decoded whole, measured once, and let go; a few hundred bytes and a thumbnail stay."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from img2img.data.drawings import deciding_side, distinct, flat, grey, middle, sampled, vote_drawn
from img2img.data.samples import decode_photo
from img2img.data.split import SIDE as THUMB
from img2img.data.split import thumbnail
from img2img.doctor.inventory import Part
from img2img.doctor.levels import Range, levels_of, own_depth
from img2img.doctor.pair_tests import (
    ALIKE,
    RANGE,
    VOTES,
    correlation,
    detail,
    peak,
    same_outside,
    strokes,
    surface,
    vote,
)
from img2img.doctor.threads import in_threads
from img2img.errors import UserError
from img2img.images import digest

Pixels = np.ndarray[Any, Any]
BINS = 32
# standard deviation in grey levels under which a picture is blank (the least of 3,000 real pictures and labels: 16)
BLANK = 2.0


@dataclass(frozen=True, slots=True)
class MeasuredPicture:
    """What is kept of a picture or pair. ``error``: why it could not be decoded; then nothing else is known.

    All but that is of the sides there are, source first: ``digests`` identify their pixels, ``flats`` are the shares of
    flat pixels, ``colours`` the numbers of distinct colours in a sample, ``levels`` the lowest, the highest and
    the highest possible level. ``shift`` is (px right, px down) of the source against the target where both show the
    same, ``likeness`` the correlation of their detail then, ``alike`` that of their thumbnails. Digests and levels are
    of the pixels as stored, all else of those that `own_depth` gives.
    """

    error: str = ""
    digests: tuple[str, ...] = ()
    blank: tuple[str, ...] = ()
    vote: int = 0
    drawn: int = 0
    alike: float = 1.0
    likeness: float = 0.0
    shift: tuple[int, int] | None = None
    margin: float = 0.0
    flats: tuple[float, ...] = ()
    colours: tuple[int, ...] = ()
    levels: tuple[Range, ...] = ()


@dataclass
class MeasuredPart:
    """What is kept of all pictures of a part.

    ``thumbnails`` hold (N, 24, 24, 3) uint8 of each side, ``palettes`` how often each of 32^3 colours is in its flat
    areas; ``stroke_surface`` is the sum of the `surface` of the strokes of those ``stroke_pairs`` pairs that do not
    show the same detail.
    """

    part: Part
    pictures: list[MeasuredPicture] = field(default_factory=list)
    thumbnails: dict[str, Pixels] = field(default_factory=dict)
    palettes: dict[str, Pixels] = field(default_factory=dict)
    stroke_surface: Pixels = field(default_factory=lambda: np.zeros((2 * RANGE + 1, 2 * RANGE + 1)))
    stroke_pairs: int = 0

    def fill(self, synthesis: str, threads: int) -> Iterator[int]:
        """Decode and measure every picture of the part, one a thread at a time; 1 for each that is done."""
        count = len(self.part.pictures)
        lock = threading.Lock()

        def measure(index: int) -> MeasuredPicture:
            try:
                sides = self.part.pictures.decode(index)
            except UserError as error:
                return MeasuredPicture(error=str(error))
            return _measured(self, index, count, sides, synthesis, lock)

        for picture in in_threads(measure, range(count), threads):
            self.pictures.append(picture)
            yield 1

    @property
    def readable(self) -> list[int]:
        """Indices of what could be decoded."""
        return [index for index, picture in enumerate(self.pictures) if not picture.error]

    @property
    def levels(self) -> dict[int, tuple[Range, ...]]:
        """The levels of the sides of what could be decoded."""
        return {index: self.pictures[index].levels for index in self.readable}

    @property
    def paired(self) -> bool:
        return "source" in self.thumbnails

    @property
    def deciding_side(self) -> str:
        """The side that tells which pairs show the same, as training decides it."""
        if not self.paired:
            return "target"
        readable = [self.pictures[index] for index in self.readable]
        # as of 255: training looks at pictures of any depth so
        tops = [255 * picture.levels[1][1] // picture.levels[1][2] for picture in readable]
        return deciding_side(tops, [picture.drawn for picture in readable])


def _measured(
    measured: MeasuredPart, index: int, count: int, stored: dict[str, Pixels], synthesis: str, lock: threading.Lock
) -> MeasuredPicture:
    sides = own_depth(stored)
    small = {name: thumbnail(pixels).astype(np.uint8) for name, pixels in sides.items()}
    # block means spread less than their pixels: where they do, the picture is not blank
    blank = tuple(name for name, pixels in sides.items() if _spread(small[name]) < BLANK and _spread(pixels) < BLANK)
    centres = {name: middle(pixels) for name, pixels in sides.items()}
    flats, colours = [], []
    for name, centre in centres.items():
        calm, sample = flat(centre), sampled(centre)
        flats.append(float(calm.mean()))
        colours.append(distinct(sample))
        palette = _palette(sample[sampled(calm)])
        with lock:
            if name not in measured.thumbnails:
                measured.thumbnails[name] = np.zeros((count, THUMB, THUMB, 3), np.uint8)
                measured.palettes[name] = np.zeros(BINS**3, np.int64)
            measured.thumbnails[name][index] = small[name]
            measured.palettes[name] += palette
    known: dict[str, Any] = {
        "digests": tuple(digest(pixels) for pixels in stored.values()),
        "blank": blank,
        "flats": tuple(flats),
        "colours": tuple(colours),
        "levels": tuple(levels_of(pixels) for pixels in stored.values()),
    }
    if len(sides) < 2 or sides["source"].shape != sides["target"].shape:
        return MeasuredPicture(**known)
    source, target = centres["source"], centres["target"]
    if not blank and min(source.shape[:2]) >= 4 * RANGE:
        one, other = grey(source), grey(target)
        if synthesis == "hole" and same_outside(source, target):
            shift, likeness, margin = (0, 0), 1.0, 0.0
        else:
            shift, likeness, margin = peak(surface(detail(one), detail(other)))
        known["likeness"] = likeness
        if likeness >= ALIKE:
            known |= {"shift": shift, "margin": margin}
        else:
            plane = surface(strokes(one), strokes(other))
            with lock:
                measured.stroke_surface += plane
                measured.stroke_pairs += 1
    drawn = vote_drawn((flats[0], flats[1]), source, target)
    known["drawn"] = drawn
    known["vote"] = drawn if synthesis == "edges" else vote(synthesis, source, target)
    known["alike"] = correlation(small["source"].astype(np.float32), small["target"].astype(np.float32))
    return MeasuredPicture(**known)


def _spread(pixels: Pixels) -> float:
    """The largest standard deviation of a channel, in grey levels."""
    import cv2

    return float(cv2.meanStdDev(pixels)[1].max())


def _palette(pixels: Pixels) -> Pixels:
    """Counts of (N, 3) uint8 colours, 32 levels a channel."""
    levels = (pixels // (256 // BINS)).astype(np.int64)
    return np.bincount((levels[:, 0] * BINS + levels[:, 1]) * BINS + levels[:, 2], minlength=BINS**3)


def sample_looks(
    part: Part, synthesis: str, most: int = 24
) -> tuple[list[tuple[int, int]], dict[int, tuple[Range, ...]]]:
    """(index, vote) of a few pairs, and by index the levels of the sides, evenly through the part.

    Those that cannot be decoded are left out; where there is nothing to vote on only a third are looked at.
    """
    votes: list[tuple[int, int]] = []
    levels: dict[int, tuple[Range, ...]] = {}
    voting = synthesis in VOTES and part.pictures.decoder is not decode_photo
    count, most = len(part.pictures), most if voting else most // 3
    for index in sorted({round(place) for place in np.linspace(0, count - 1, min(most, count))}):
        try:
            sides = part.pictures.decode(index)
        except UserError:
            continue
        levels[index] = tuple(levels_of(pixels) for pixels in sides.values())
        sides = own_depth(sides)
        if voting:
            votes.append((index, vote(synthesis, middle(sides["source"]), middle(sides["target"]))))
    return votes, levels
