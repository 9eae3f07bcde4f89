"""Results that are their targets or their sources: counted, and said beside the figures that they make worthless."""

from __future__ import annotations

import filecmp
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from img2img.evaluation.entries import INPUT, Entry

Side = Literal["target", "source"]


class Copy(NamedTuple):
    """A picture of ``row`` that has the very pixels of its target or its source, or even the same bytes."""

    row: str
    side: Side
    same_bytes: bool


def copies_of(
    stem: str, target: Path, entries: Sequence[Entry], digests: Sequence[str], target_digest: str
) -> list[Copy]:
    """What ``stem``'s pictures copy, from the digests of their pixels; files are read where these agree.

    A result that is its target is not looked at further: where the source is the target too, its own row says so.
    """
    known: dict[Side, tuple[Path, str]] = {"target": (target, target_digest)}
    copies = []
    for entry, digest in zip(entries, digests, strict=True):
        for side, (file, original) in known.items():
            if digest == original:
                same = filecmp.cmp(entry.files[stem], file, shallow=False)
                copies.append(Copy(entry.label, side, same))
                break
        if entry.method == INPUT:
            known["source"] = (entry.files[stem], digest)
    return copies


def copy_lines(copies: Sequence[Copy], pictures: int) -> list[str]:
    """A line for each row and side that is copied."""
    groups: dict[tuple[str, Side], list[bool]] = {}
    for row, side, same_bytes in copies:
        groups.setdefault((row, side), []).append(same_bytes)
    return [_line(row, side, same, pictures) for (row, side), same in groups.items()]


QUESTIONS: Mapping[tuple[bool, Side], str] = {
    (True, "target"): "are the inputs the degraded pictures?",
    (False, "target"): "do the results lie there, or the targets?",
    (False, "source"): "were they translated at all?",
}


def _line(row: str, side: Side, same_bytes: Sequence[bool], pictures: int) -> str:
    count = len(same_bytes)
    share = f"all {count}" if count == pictures > 1 else f"{count} of {pictures}"
    what = "untouched inputs" if row == INPUT else f"results of {row}"
    originals = f"its {side}" if count == 1 else f"their {side}s"
    if all(same_bytes):
        same = f"{'is' if count == 1 else 'are'} byte-identical to {originals}"
    else:
        same = f"{'has' if count == 1 else 'have'} the very pixels of {originals}"
    return f"{share} {what} {same}: {QUESTIONS[row == INPUT, side]}"
