"""What became of a folder of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from img2img.compute.memory import is_out_of_memory
from img2img.images import natural


@dataclass
class Summary:
    """What became of a folder: results written, results that were there before, and failures by file with a reason.

    ``tiled`` counts pictures that were taken in tiles, ``differing`` those of them where the network looks at the whole
    picture, whose results therefore differ from those of the whole. ``unchanged`` counts written results that equal
    their inputs in every pixel. ``notes`` says what reading or writing changed, and in which files.
    """

    done: int = 0
    skipped: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    tiled: int = 0
    differing: int = 0
    unchanged: int = 0
    notes: dict[str, list[str]] = field(default_factory=dict)


def summed(parts: Sequence[Summary]) -> Summary:
    """The summary of several processes that shared a folder; files stand in the order in which people count."""
    total = Summary()
    for part in parts:
        total.failed |= part.failed
        for note, files in part.notes.items():
            total.notes.setdefault(note, []).extend(files)
        for name in ("done", "skipped", "tiled", "differing", "unchanged"):
            setattr(total, name, getattr(total, name) + getattr(part, name))
    total.failed = {file: total.failed[file] for file in sorted(total.failed, key=_counting)}
    total.notes = {note: sorted(set(files), key=_counting) for note, files in total.notes.items()}
    return total


def _counting(file: str) -> tuple[list[tuple[int, int, str]], str]:
    return natural(file), file


def reason(error: BaseException) -> str:
    """A failure in one line."""
    if is_out_of_memory(error):
        return "not enough memory: give a smaller --memory or --tile"
    return " ".join(str(error).split()) or type(error).__name__
