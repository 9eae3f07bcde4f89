"""Pictures that show the same: duplicates and scenes within a part, leaks between parts and sets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from img2img.data.drawings import grey
from img2img.data.split import find_scenes, near, read_scenes
from img2img.doctor.findings import Finding, Spot, are, command, counted, many, scene_line, share, taken
from img2img.doctor.inventory import Inventory
from img2img.doctor.levels import own_depth
from img2img.doctor.measurements import MeasuredPart
from img2img.doctor.pair_tests import correlation
from img2img.doctor.threads import in_threads
from img2img.errors import UserError

Pixels = np.ndarray[Any, Any]
# of thumbnails, in grey levels: candidates for a copy (re-encoded at quality 10, brighter, cut by 1 px: 11 at the most)
CANDIDATE = 12.0
# correlation of detail that confirms one (such copies: 0.89 or more; the likest different pair of 3,000 pictures: 0.60)
COPY = 0.85
CONFIRM_PX = 96
TRIED = 3
NAMED = 6


def scenes_of(measured: MeasuredPart) -> list[int]:
    """The scene of each picture, as training finds them; undecodable ones are scenes of their own."""
    readable = measured.readable
    scenes = list(range(len(measured.pictures)))
    if readable:
        thumbnails = measured.thumbnails[measured.deciding_side][readable]
        for index, first in zip(readable, find_scenes(thumbnails), strict=True):
            scenes[index] = readable[first]
    return scenes


def within(inventory: Inventory, measured: MeasuredPart, scenes: list[int], task: str) -> list[Finding]:
    """Exact duplicates and near-duplicates of one part."""
    same: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index in measured.readable:
        same[measured.pictures[index].digests].append(index)
    copies = [group for group in same.values() if len(group) > 1]
    findings = []
    word = "pair" if measured.paired else "picture"
    if copies:
        extra = sum(len(group) - 1 for group in copies)
        findings.append(
            Finding(
                "duplicates",
                "note",
                f"{share(extra, len(measured.pictures), word)}{measured.part.of} {are(extra)} exact copies of others",
                "keep one of each, unless it shall count more than once",
                tuple(_group(inventory, measured, group) for group in copies),
            )
        )
    groups: dict[int, list[int]] = defaultdict(list)
    for index, scene in enumerate(scenes):
        groups[scene].append(index)
    shared = [
        group
        for group in groups.values()
        if len(group) > 1 and len({measured.pictures[index].digests for index in group}) > 1
    ]
    if shared:
        concerned = sum(len(group) for group in shared)
        findings.append(
            Finding(
                "scenes",
                "note",
                f"{share(concerned, len(measured.pictures), word)}{measured.part.of} show the same scene as another "
                f"({scene_line(counted(scenes))})"
                + (": a split by file number or at random would leak" if measured.part.splits else ""),
                f"training splits by scene by itself; to fix the scenes: "
                f"{command(task, inventory.root, '--scenes', 'scenes.csv', *taken(inventory.config))}, "
                f"then data.scenes=scenes.csv"
                if measured.part.splits
                else "count scenes, not files, when you judge how sure a mean over this part is",
                tuple(_group(inventory, measured, group) for group in sorted(shared, key=len, reverse=True)),
            )
        )
    return findings


def _group(inventory: Inventory, measured: MeasuredPart, group: list[int]) -> Spot:
    files = tuple(measured.part.files(index)[0] for index in group)
    more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
    return Spot(" = ".join(inventory.label(file) for file in files[:NAMED]) + more, files)


@dataclass(frozen=True)
class Copy:
    """``second`` (an index) shows what ``first`` shows; maybe mirrored."""

    first: int
    second: int
    mirrored: bool
    exact: bool


def copies(one: MeasuredPart, other: MeasuredPart, threads: int) -> list[Copy]:
    """For each picture of ``other`` the picture of ``one`` it is a copy of, where there is one.

    Thumbnails find the candidates; the detail of the pictures themselves, at 96 px, confirms them. Mirrored and
    re-encoded copies, and other sizes, count; blank pictures do not.
    """
    firsts, seconds = _with_content(one), _with_content(other)
    if not firsts or not seconds:
        return []
    thumbnails = one.thumbnails[one.deciding_side][firsts], other.thumbnails[other.deciding_side][seconds]
    candidates = {seconds[position]: nearest for position, nearest in _candidates(*thumbnails)}

    def confirm(second: int) -> Copy | None:
        detail = _detail(other, second)
        for position, mirrored in candidates[second]:
            first = firsts[position]
            exact = _digest(one, first) == _digest(other, second)
            candidate = _detail(one, first)
            if exact or correlation(candidate[:, ::-1] if mirrored else candidate, detail) >= COPY:
                return Copy(first, second, mirrored, exact)
        return None

    return [copy for copy in in_threads(confirm, sorted(candidates), threads) if copy is not None]


def _with_content(measured: MeasuredPart) -> list[int]:
    return [index for index in measured.readable if not measured.pictures[index].blank]


def _candidates(one: Pixels, other: Pixels) -> Iterator[tuple[int, list[tuple[int, bool]]]]:
    """For each picture of ``other`` that has any, its nearest few in ``one``: (index, mirrored), nearest first."""
    for seconds, firsts, distances, mirrored in near(other, one, CANDIDATE):
        if not len(seconds):
            continue
        order = np.lexsort((distances, seconds))
        seconds, firsts, mirrored = seconds[order], firsts[order], mirrored[order]
        starts = [0, *(np.flatnonzero(seconds[1:] != seconds[:-1]) + 1)]
        for start, end in zip(starts, [*starts[1:], len(seconds)], strict=True):
            nearest = slice(start, min(end, start + TRIED))
            yield (
                int(seconds[start]),
                [(int(f), bool(m)) for f, m in zip(firsts[nearest], mirrored[nearest], strict=True)],
            )


def _digest(measured: MeasuredPart, index: int) -> str:
    return measured.pictures[index].digests[0 if measured.deciding_side == "source" else -1]


def _detail(measured: MeasuredPart, index: int) -> Pixels:
    """(96, 96) float32: what a blur takes from the deciding side of a picture."""
    import cv2

    pixels = own_depth(measured.part.pictures.decode(index))[measured.deciding_side]
    small = cv2.resize(grey(pixels), (CONFIRM_PX, CONFIRM_PX), interpolation=cv2.INTER_AREA)
    return small - cv2.GaussianBlur(small, (0, 0), 3)  # type: ignore[no-any-return]


def leaks(inventory: Inventory, measured_parts: list[MeasuredPart], threads: int) -> list[Finding]:
    """Pictures that two parts of a set have in common."""
    findings = []
    for one, other in combinations(measured_parts, 2):
        if one.part.role == other.part.role or one.part.side != other.part.side:
            continue
        name, theirs = one.part.name, other.part.name
        fix = f"remove them from one of the two (from {name}, if {theirs} is a published test)"
        findings += _common(inventory, inventory, one, other, threads, "leak", theirs, name, fix)
    return findings


def against(
    inventory: Inventory,
    measured_parts: list[MeasuredPart],
    theirs: Inventory,
    others: list[MeasuredPart],
    threads: int,
) -> list[Finding]:
    """Pictures that the parts trained or selected on have in common with another set."""
    findings = []
    for one in measured_parts:
        if one.part.role == "test" and any(measured.part.role == "train" for measured in measured_parts):
            continue
        for other in others:
            if "pair" not in (one.part.side, other.part.side) and one.part.side != other.part.side:
                continue
            name = one.part.name if one.part.of else "these data"
            whole = f"{theirs.root} ({other.part.name})" if other.part.of else str(theirs.root)
            fix = f"remove them from {name} before training, or leave them out of the test"
            findings += _common(inventory, theirs, one, other, threads, "against", whole, name, fix)
    return findings


def _common(
    inventory: Inventory,
    theirs: Inventory,
    one: MeasuredPart,
    other: MeasuredPart,
    threads: int,
    kind: str,
    whole: str,
    name: str,
    fix: str,
) -> list[Finding]:
    common = copies(one, other, threads)
    if not common:
        return []
    text = (
        f"{share(len(common), len(other.pictures), 'picture')} of {whole} {are(len(common))} in {name} too: results on "
        f"{'it' if kind == 'against' else whole} are overstated"
    )
    return [Finding(kind, "wrong", text, fix, tuple(_spot(inventory, theirs, one, other, copy) for copy in common))]


def _spot(inventory: Inventory, theirs: Inventory, one: MeasuredPart, other: MeasuredPart, copy: Copy) -> Spot:
    first, second = one.part.files(copy.first)[0], other.part.files(copy.second)[0]
    how = "the same pixels as" if copy.exact else "mirrored" if copy.mirrored else "a copy of"
    text = f"{theirs.label(second)}: {how}{' from' if how == 'mirrored' else ''} {inventory.label(first)}"
    return Spot(text, (second, first))


def scenes_file(inventory: Inventory, measured: MeasuredPart, scenes: list[int]) -> list[Finding]:
    """Whether ``data.scenes`` knows every picture, and keeps together what shows the same."""
    path = Path(inventory.config.scenes or "")
    try:
        named = read_scenes(path, measured.part.pictures.names)
    except UserError as error:
        return [Finding("scenes_file", "stops", str(error), "write it anew with --scenes FILE")]
    together: dict[int, list[int]] = defaultdict(list)
    for index, scene in enumerate(scenes):
        together[scene].append(index)
    torn = [group for group in together.values() if len({named[index] for index in group}) > 1]
    if not torn:
        return []
    return [
        Finding(
            "scenes_file",
            "wrong",
            f"{path} gives different scenes to pictures that show the same ({many(len(torn), 'group')}): they may come "
            f"to both sides of the split",
            "write it anew with --scenes FILE",
            tuple(_group(inventory, measured, group) for group in torn),
        )
    ]
