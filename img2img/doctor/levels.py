"""Levels that are not what they mean: few bits in many, numbers of classes, masks of 0 and 1, colours under alpha."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import numpy as np

from img2img.data.drawings import FEW
from img2img.doctor.findings import Finding, Spot, are, share
from img2img.doctor.inventory import Inventory, Part

Pixels = np.ndarray[Any, Any]
# lowest, highest and highest possible level
Range = tuple[int, int, int]
# by index of the picture, of each of its sides, source first
Levels = Mapping[int, tuple[Range, ...]]


def levels_of(pixels: Pixels) -> Range:
    """The lowest and the highest level of (H, W, C) uint8 or uint16, and the highest possible one."""
    return int(pixels.min()), int(pixels.max()), int(np.iinfo(pixels.dtype).max)


def own_depth(sides: Mapping[str, Pixels]) -> dict[str, Pixels]:
    """(H, W, 3) uint8 of each side of a pair, uint16 scaled by the bits that its sides use together, at least 8.

    12 bits in 16 are so judged by their shapes and not as black, and a side keeps its brightness beside the other.
    """
    highest = max((int(pixels.max()) for pixels in sides.values() if pixels.dtype == np.uint16), default=0)
    top = 2 ** max(8, highest.bit_length()) - 1
    return {
        name: ((pixels.astype(np.uint32) * 255 + top // 2) // top).astype(np.uint8)
        if pixels.dtype == np.uint16
        else pixels
        for name, pixels in sides.items()
    }


def narrow_sides(levels: Levels) -> dict[int, Range]:
    """Sides (by column) all of whose pictures stay in the lowest quarter; those that are blank throughout are none."""
    found = {}
    for column in range(max((len(sides) for sides in levels.values()), default=0)):
        known = [sides[column] for sides in levels.values()]
        top = max(level[2] for level in known)
        low, high = min(level[0] for level in known), max(level[1] for level in known)
        if low < high and FEW * high <= top and all(level[2] == top for level in known):
            found[column] = (low, high, top)
    return found


def narrow(part: Part, levels: Levels) -> list[Finding]:
    """Sides that use few of their levels, each with what would spread them."""
    findings = []
    for column, (low, high, top) in narrow_sides(levels).items():
        side = "" if len(next(iter(levels.values()))) == 1 else f" ({('source', 'target')[column]})"
        findings.append(
            Finding(
                "few_levels",
                "wrong",
                f"pictures{part.of}{side} use levels {low:,} to {high:,} of {top:,}: nearly black to a network",
                _cure(high, top, _where(part, column, len(next(iter(levels.values()))))),
            )
        )
    return findings


def _where(part: Part, column: int, sides: int) -> tuple[str, str]:
    """The half of its pictures that a side is (empty: it has files of its own), and the files in a shell's words."""
    files = part.files(0)
    file = files[min(column, len(files) - 1)]
    pattern = f"{shlex.quote(file.parent.name)}/*{file.suffix}"
    if len(files) == sides:
        return "", pattern
    return ("left", "right")[column if part.pictures.config.direction == "AtoB" else 1 - column], pattern


def _cure(high: int, top: int, where: tuple[str, str]) -> str:
    bits = high.bit_length()
    if high == 1:
        return f"0 and 1 are meant as black and white: {_multiply(top, *where)}"
    if bits > 8:
        return f"they are of {bits} bits: {_multiply(top // (2**bits - 1), *where)}"
    return f"if they are numbers of classes, give each its own colour or {_multiply(top // high, *where)}"


def _multiply(by: int, half: str, files: str) -> str:
    if half:
        # the other half may have all its levels
        return f"multiply every level of the {half} half by {by} in a copy of the set"
    return f"multiply every level by {by} in a copy of the set (magick mogrify -evaluate multiply {by} {files})"


def transparent(inventory: Inventory, part: Part, levels: Levels) -> list[Finding]:
    """Files whose alpha hides something: training leaves alpha out and learns the colours under it."""
    clear = [
        (file, levels[index][column if len(part.files(index)) == len(levels[index]) else 0])
        for index in levels
        for column, file in enumerate(part.files(index))
        if file in part.reader.clear
    ]
    if not clear or part.pictures.config.alpha == "keep":
        return []
    drawn = sum(low == high for _, (low, high, _) in clear)
    looked = sum(len(part.files(index)) for index in levels)
    text = f"{share(len(clear), looked, 'picture')}{part.of} {are(len(clear))} transparent in parts"
    learnt = f"; {drawn} of them {are(drawn)} of one colour, what they show stands in the alpha alone" if drawn else ""
    fix = (
        "lay them onto the ground they are meant for, in a copy (magick mogrify -background white -alpha remove *.png)"
    )
    spots = tuple(Spot(inventory.label(file), (file,)) for file, _ in clear)
    said = f"{text}: alpha is left out, and the colours under it are learnt from{learnt}"
    return [Finding("transparent", "wrong" if drawn else "note", said, fix, spots)]
