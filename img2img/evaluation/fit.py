"""Results whose size is not their target's: refused with the likely reason, or fitted to each other as asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from img2img.errors import UserError
from img2img.evaluation.entries import INPUT, Entry, Files
from img2img.images import Pixels, any_size

Fit = Literal["crop", "center", "resize"]
Size = tuple[int, int]
FITS: Mapping[Fit, str] = {
    "crop": "all pictures are cut from the top left to what every result shows",
    "center": "all pictures are cut to their centre, to what every result shows",
    "resize": "resized to their targets' size (Pillow's bicubic)",
}
# sides that networks need a multiple of; what fits 16 and 32 is named after the more frequent one
MULTIPLES = (16, 8, 32, 64, 4)


@dataclass(frozen=True)
class Fitting:
    """How the pictures of each name come to have one size.

    Attributes:
        how: ``crop`` and ``center`` cut the target, its source and larger results to the region that every result of
            the picture shows; ``resize`` brings results (and sources) to their target's size.
        targets: (width, height) in px of each target.
        fitted: (width, height) in px that all pictures of a name come to have.
        rows: the rows with pictures whose size is not their target's.
        concerned: how many targets have such pictures.
    """

    how: Fit
    targets: Mapping[str, Size]
    fitted: Mapping[str, Size]
    rows: tuple[str, ...]
    concerned: int

    def line(self) -> str:
        """What the protocol's line says of it: how, and how many pictures are concerned."""
        who = f"results of {', '.join(self.rows) or 'no row'} are " if self.how == "resize" else ""
        return f"fit={self.how}: {who}{FITS[self.how]}, {self.concerned} of {len(self.targets)} pictures concerned"

    def apply(self, name: str, pixels: Pixels) -> Pixels:
        """(H, W, 3) of the target, the source or a result called ``name`` in the size that all of them come to have.

        Raises:
            UserError: 16 bits would have to be resized, which rounds to 8.
        """
        height, width = pixels.shape[:2]
        wide, high = self.fitted[name]
        if (width, height) == (wide, high):
            return pixels
        if self.how == "resize":
            if pixels.dtype != np.uint8:
                raise UserError("has 16 bits a sample, --fit resize rounds to 8; --fit crop or --fit center keeps them")
            return np.asarray(Image.fromarray(pixels).resize((wide, high), Image.Resampling.BICUBIC))
        whole = self.targets[name]
        left, top = (
            _margin(self.how, full, kept) - _margin(self.how, full, own)
            for full, kept, own in zip(whole, (wide, high), (width, height), strict=True)
        )
        return pixels[top : top + high, left : left + wide]


def _margin(how: Fit, full: int, kept: int) -> int:
    """Where ``kept`` px begin in ``full`` ones; an odd pixel goes to the end."""
    return (full - kept) // 2 if how == "center" else 0


def fit_to_targets(
    how: Fit | None, targets: Files, entries: Sequence[Entry], flags: Mapping[str, str]
) -> Fitting | None:
    """How sizes are made to agree; None where ``how`` is None and they agree. ``flags`` name each method's argument.

    Raises:
        UserError: sizes differ and no fit is asked for; a picture to be cut out of its target is larger than it; a
            file's header cannot be read.
    """
    wanted = {stem: any_size(file) for stem, file in targets.items()}
    found = [{stem: any_size(file) for stem, file in entry.files.items()} for entry in entries]
    if how is None:
        for entry, sizes in zip(entries, found, strict=True):
            if sizes != wanted:
                raise UserError(_refusal(entry, sizes, targets, wanted, flags[entry.method]))
        return None
    fitted = wanted
    if how != "resize":
        for entry, sizes in zip(entries, found, strict=True):
            _check_smaller(how, entry, sizes, wanted)
        fitted = {
            stem: (min(sizes[stem][0] for sizes in found), min(sizes[stem][1] for sizes in found)) for stem in wanted
        }
    rows = tuple(entry.label for entry, sizes in zip(entries, found, strict=True) if sizes != wanted)
    concerned = sum(any(sizes[stem] != full for sizes in found) for stem, full in wanted.items())
    return Fitting(how, wanted, fitted, rows, concerned)


def _check_smaller(how: Fit, entry: Entry, sizes: Mapping[str, Size], wanted: Mapping[str, Size]) -> None:
    for stem, (width, height) in sizes.items():
        full = wanted[stem]
        if width > full[0] or height > full[1]:
            raise UserError(
                f"--fit {how}: {entry.files[stem]} is {width}x{height}, its target but {full[0]}x{full[1]}; cut it to "
                f"that size, or give --fit resize"
            )


def _refusal(entry: Entry, sizes: Mapping[str, Size], targets: Files, wanted: Mapping[str, Size], flag: str) -> str:
    """Which sizes differ, why they may, and what can be done about it."""
    differing = [stem for stem in wanted if sizes[stem] != wanted[stem]]
    first = differing[0]
    one, other = (f"{width}x{height}" for width, height in (sizes[first], wanted[first]))
    files = f"{entry.files[first]} against {targets[first]}{f' and {len(differing) - 1} more' if differing[1:] else ''}"
    multiple, way = _multiple(sizes, wanted)
    guess = f": {way} to a multiple of {multiple}?" if multiple else ";"
    cure = "--fit crop (top left), --fit center or --fit resize makes them so, and is said beside every figure"
    if any(side > full for stem in wanted for side, full in zip(sizes[stem], wanted[stem], strict=True)):
        cure = "--fit resize makes them so, and is said beside every figure"
        if way == "padded":
            cure = "cut them back to their targets' size"
    if all(sizes[stem] == (3 * wanted[stem][0], wanted[stem][1]) for stem in wanted):
        cure = "they are three times as wide, as input, result and target side by side are: cut out the results"
    what = "inputs" if entry.method == INPUT else "results"
    return f"{flag}: {what} are {one}, targets {other} ({files}){guess} sizes must be the same; {cure}"


def _multiple(sizes: Mapping[str, Size], wanted: Mapping[str, Size]) -> tuple[int, str]:
    """The multiple that explains all sizes and whether pictures were cropped or padded to it; 0 where there is none."""
    for multiple in MULTIPLES:
        for way, spare in (("cropped", 0), ("padded", multiple - 1)):
            if all(
                sizes[stem] == tuple((side + spare) // multiple * multiple for side in wanted[stem]) for stem in wanted
            ):
                return multiple, way
    return 0, ""
