"""Targets, inputs and results that are pairs side by side: the half that is meant is cut out, or it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from img2img.errors import UserError, unknown
from img2img.evaluation.entries import INPUT, Entry, Files
from img2img.images import any_size, read, write

# the half that holds the source; targets, and results in their place, are in the other one
SOURCES = {"AtoB": "left", "BtoA": "right"}
OTHER = {"left": "right", "right": "left"}
CURE = "--direction AtoB takes the right half as the target's (the left as the source's), BtoA the other way round"


def cut_halves(
    target: str, targets: Files, entries: Sequence[Entry], flags: Mapping[str, str], direction: str | None, keep: Path
) -> tuple[Files, list[Entry], list[str]]:
    """Targets and entries, pairs side by side among them as PNG files of their half below ``keep``; a line for each.

    Pairs are those that are, picture by picture, twice as wide as the narrowest of targets and entries and as high.
    ``target`` and ``flags`` name the arguments. ``direction`` is that of ``data.direction``.

    Raises:
        UserError: there are pairs and no ``direction``, or it is given and there are none; unreadable files.
    """
    if direction is not None and direction not in SOURCES:
        raise unknown("direction", direction, SOURCES, "--direction")
    sizes = [{stem: any_size(file) for stem, file in files.items()} for files in (targets, *(e.files for e in entries))]
    narrow = {stem: min(found[stem][0] for found in sizes) for stem in targets}
    wide = [all(found[stem] == (2 * narrow[stem], sizes[0][stem][1]) for stem in targets) for found in sizes]
    names = [target, *(flags[entry.method] for entry in entries)]
    pairs = [name for name, double in zip(names, wide, strict=True) if double]
    if direction is None:
        if pairs:
            raise UserError(f"{', '.join(pairs)}: twice as wide as the others, as pairs side by side are; {CURE}")
        return targets, list(entries), []
    if not pairs:
        raise UserError(
            f"--direction {direction}: no pairs side by side are among {', '.join(names)} (none is twice as wide as "
            f"the others); leave it out"
        )
    lines, cut = [], []
    for place, (name, files) in enumerate(zip(names, (targets, *(e.files for e in entries)), strict=True)):
        is_source = place > 0 and entries[place - 1].method == INPUT
        half = SOURCES[direction] if is_source else OTHER[SOURCES[direction]]
        cut.append(_cut(files, half, keep / str(place)) if wide[place] else files)
        if wide[place]:
            lines.append(f"{name}: pairs side by side, of which the {half} half is taken ({direction})")
    return cut[0], [replace(entry, files=files) for entry, files in zip(entries, cut[1:], strict=True)], lines


def _cut(files: Files, half: str, folder: Path) -> dict[str, Path]:
    """The left or right half of each picture, as a PNG file of its own."""
    halves = {}
    for stem, file in files.items():
        picture = read(file)
        middle = picture.pixels.shape[1] // 2
        columns = slice(middle) if half == "left" else slice(middle, None)
        alpha = None if picture.alpha is None else picture.alpha[:, columns]
        halves[stem] = folder / f"{stem}.png"
        write(halves[stem], replace(picture, pixels=picture.pixels[:, columns], alpha=alpha, format="PNG", exif=None))
    return halves
