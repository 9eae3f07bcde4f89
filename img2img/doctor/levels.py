"""Levels that are not what they mean: few bits in many, numbers of classes, masks of 0 and 1, colours under alpha."""

from __future__ import annotations

from collections.abc import Mapping

from img2img.data.drawings import FEW
from img2img.doctor.findings import Finding, Spot, are, share
from img2img.doctor.inventory import Inventory, Part

# by index of the picture, lowest and highest level of 255 of its sides, source first
Levels = Mapping[int, tuple[tuple[int, int], ...]]


def narrow_sides(part: Part, levels: Levels) -> dict[int, tuple[int, int, int]]:
    """Sides (by column) all of whose pictures stay in the lowest quarter: (lowest, highest, highest possible) level.

    Of files of 16 bits with one side each it is their own levels; sides of nothing but blank pictures are none.
    """
    found = {}
    for column in range(max((len(sides) for sides in levels.values()), default=0)):
        known = [_own_levels(part, index, column, sides) for index, sides in levels.items()]
        top = max(level[2] for level in known)
        low, high = min(level[0] for level in known), max(level[1] for level in known)
        if low < high and FEW * high <= top and all(level[2] == top for level in known):
            found[column] = (low, high, top)
    return found


def _own_levels(part: Part, index: int, column: int, sides: tuple[tuple[int, int], ...]) -> tuple[int, int, int]:
    files = part.files(index)
    if len(files) == len(sides):
        return part.reader.levels.get(files[column], (*sides[column], 255))
    return (*sides[column], 255)


def narrow(part: Part, levels: Levels) -> list[Finding]:
    """Sides that use few of their levels, each with what would spread them."""
    findings = []
    for column, (low, high, top) in narrow_sides(part, levels).items():
        side = "" if len(next(iter(levels.values()))) == 1 else f" ({('source', 'target')[column]})"
        findings.append(
            Finding(
                "few_levels",
                "wrong",
                f"pictures{part.of}{side} use levels {low:,} to {high:,} of {top:,}: nearly black to a network",
                _cure(high, top),
            )
        )
    return findings


def _cure(high: int, top: int) -> str:
    bits = high.bit_length()
    if high == 1:
        return f"0 and 1 are meant as black and white: {_multiply(top)}"
    if bits > 8:
        return f"they are of {bits} bits: {_multiply(top // (2**bits - 1))}"
    return f"if they are numbers of classes, give each its own colour or {_multiply(top // high)}"


def _multiply(by: int) -> str:
    return f"multiply every level by {by} in a copy of the set (magick mogrify -evaluate multiply {by} *.png)"


def transparent(inventory: Inventory, part: Part, levels: Levels) -> list[Finding]:
    """Files whose alpha hides something: training leaves alpha out and learns the colours under it."""
    clear = [
        (file, levels[index][column if len(part.files(index)) == len(levels[index]) else 0])
        for index in levels
        for column, file in enumerate(part.files(index))
        if file in part.reader.clear
    ]
    if not clear:
        return []
    drawn = sum(low == high for _, (low, high) in clear)
    text = f"{share(len(clear), len(levels), 'picture')}{part.of} {are(len(clear))} transparent in parts"
    learnt = f"; {drawn} of them {are(drawn)} of one colour, what they show stands in the alpha alone" if drawn else ""
    fix = (
        "lay them onto the ground they are meant for, in a copy (magick mogrify -background white -alpha remove *.png)"
    )
    spots = tuple(Spot(inventory.label(file), (file,)) for file, _ in clear)
    said = f"{text}: alpha is left out, and the colours under it are learnt from{learnt}"
    return [Finding("transparent", "wrong" if drawn else "note", said, fix, spots)]
