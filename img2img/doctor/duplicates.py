"""Pictures that show the same: duplicates and scenes within a part, leaks between parts and sets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from img2img.data.split import find_scenes, near, read_scenes
from img2img.doctor.findings import Finding, Spot, are, command, counted, many, scene_line, share
from img2img.doctor.inventory import Inventory, in_threads
from img2img.doctor.measurements import Seen
from img2img.doctor.pair_tests import correlation, grey
from img2img.errors import UserError

Pixels = np.ndarray[Any, Any]
# of thumbnails, in grey levels: candidates for a copy (re-encoded at quality 10, brighter, cut by 1 px: 11 at the most)
CANDIDATE = 12.0
# correlation of detail that confirms one (such copies: 0.89 or more; the likest different pair of 3,000 pictures: 0.60)
COPY = 0.85
CONFIRM_PX = 96
TRIED = 3
NAMED = 6


def scenes_of(seen: Seen) -> list[int]:
    """The scene of each picture, as training finds them; undecodable ones are scenes of their own."""
    good = seen.good
    scenes = list(range(len(seen.looks)))
    if good:
        for index, first in zip(good, find_scenes(seen.thumbs[seen.deciding][good]), strict=True):
            scenes[index] = good[first]
    return scenes


def within(found: Inventory, seen: Seen, scenes: list[int], task: str) -> list[Finding]:
    """Exact duplicates and near-duplicates of one part."""
    same: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index in seen.good:
        same[seen.looks[index].digests].append(index)
    copies = [group for group in same.values() if len(group) > 1]
    findings = []
    word = "pair" if seen.paired else "picture"
    if copies:
        extra = sum(len(group) - 1 for group in copies)
        findings.append(
            Finding(
                "duplicates",
                "note",
                f"{share(extra, len(seen.looks), word)}{seen.part.of} {are(extra)} exact copies of others",
                "keep one of each, unless it shall count more than once",
                tuple(_group(found, seen, group) for group in copies),
            )
        )
    groups: dict[int, list[int]] = defaultdict(list)
    for index, scene in enumerate(scenes):
        groups[scene].append(index)
    shared = [
        group for group in groups.values() if len(group) > 1 and len({seen.looks[index].digests for index in group}) > 1
    ]
    if shared:
        concerned = sum(len(group) for group in shared)
        findings.append(
            Finding(
                "scenes",
                "note",
                f"{share(concerned, len(seen.looks), word)}{seen.part.of} show the same scene as another "
                f"({scene_line(counted(scenes))})"
                + (": a split by file number or at random would leak" if seen.part.splits else ""),
                f"training splits by scene by itself; to fix the scenes: "
                f"{command(task, found.root, '--scenes', 'scenes.csv')}, then data.scenes=scenes.csv"
                if seen.part.splits
                else "count scenes, not files, when you judge how sure a mean over this part is",
                tuple(_group(found, seen, group) for group in sorted(shared, key=len, reverse=True)),
            )
        )
    return findings


def _group(found: Inventory, seen: Seen, group: list[int]) -> Spot:
    files = tuple(seen.part.files(index)[0] for index in group)
    more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
    return Spot(" = ".join(found.label(file) for file in files[:NAMED]) + more, files)


@dataclass(frozen=True)
class Copy:
    """``second`` (an index) shows what ``first`` shows; maybe mirrored."""

    first: int
    second: int
    mirrored: bool
    exact: bool


def copies(one: Seen, other: Seen, threads: int) -> list[Copy]:
    """For each picture of ``other`` the picture of ``one`` it is a copy of, where there is one.

    Thumbnails find the candidates; the detail of the pictures themselves, at 96 px, confirms them. Mirrored and
    re-encoded copies, and other sizes, count; blank pictures do not.
    """
    goods = [[index for index in seen.good if not seen.looks[index].blank] for seen in (one, other)]
    if not goods[0] or not goods[1]:
        return []
    thumbs = [seen.thumbs[seen.deciding][good] for seen, good in zip((one, other), goods, strict=True)]
    tries = {goods[1][place]: found for place, found in _candidates(thumbs[0], thumbs[1])}

    def confirm(second: int) -> Copy | None:
        here = _detail(other, second)
        for place, mirrored in tries[second]:
            first = goods[0][place]
            exact = _digest(one, first) == _digest(other, second)
            there = _detail(one, first)
            if exact or correlation(there[:, ::-1] if mirrored else there, here) >= COPY:
                return Copy(first, second, mirrored, exact)
        return None

    return [copy for copy in in_threads(confirm, sorted(tries), threads) if copy is not None]


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


def _digest(seen: Seen, index: int) -> str:
    return seen.looks[index].digests[0 if seen.deciding == "source" else -1]


def _detail(seen: Seen, index: int) -> Pixels:
    """(96, 96) float32: what a blur takes from the deciding side of a picture."""
    import cv2

    pixels = seen.part.pictures.decode(index)[seen.deciding]
    small = cv2.resize(grey(pixels), (CONFIRM_PX, CONFIRM_PX), interpolation=cv2.INTER_AREA)
    return small - cv2.GaussianBlur(small, (0, 0), 3)  # type: ignore[no-any-return]


def leaks(found: Inventory, looks: list[Seen], threads: int) -> list[Finding]:
    """Pictures that two parts of a set have in common."""
    findings = []
    for place, one in enumerate(looks):
        for other in looks[place + 1 :]:
            if one.part.role == other.part.role or one.part.side != other.part.side:
                continue
            name, theirs = one.part.name, other.part.name
            fix = f"remove them from one of the two (from {name}, if {theirs} is a published test)"
            findings += _common(found, found, one, other, threads, "leak", theirs, name, fix)
    return findings


def against(found: Inventory, looks: list[Seen], theirs: Inventory, others: list[Seen], threads: int) -> list[Finding]:
    """Pictures that the parts trained or selected on have in common with another set."""
    findings = []
    for one in looks:
        if one.part.role == "test" and any(seen.part.role == "train" for seen in looks):
            continue
        for other in others:
            if "pair" not in (one.part.side, other.part.side) and one.part.side != other.part.side:
                continue
            name = one.part.name if one.part.of else "these data"
            whole = f"{theirs.root} ({other.part.name})" if other.part.of else str(theirs.root)
            fix = f"remove them from {name} before training, or leave them out of the test"
            findings += _common(found, theirs, one, other, threads, "against", whole, name, fix)
    return findings


def _common(
    found: Inventory,
    theirs: Inventory,
    one: Seen,
    other: Seen,
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
        f"{share(len(common), len(other.looks), 'picture')} of {whole} {are(len(common))} in {name} too: results on "
        f"{'it' if kind == 'against' else whole} are overstated"
    )
    return [Finding(kind, "wrong", text, fix, tuple(_spot(found, theirs, one, other, copy) for copy in common))]


def _spot(found: Inventory, theirs: Inventory, one: Seen, other: Seen, copy: Copy) -> Spot:
    first, second = one.part.files(copy.first)[0], other.part.files(copy.second)[0]
    how = "the same pixels as" if copy.exact else "mirrored" if copy.mirrored else "a copy of"
    text = f"{theirs.label(second)}: {how}{' from' if how == 'mirrored' else ''} {found.label(first)}"
    return Spot(text, (second, first))


def scenes_file(found: Inventory, seen: Seen, scenes: list[int]) -> list[Finding]:
    """Whether ``data.scenes`` knows every picture, and keeps together what shows the same."""
    path = Path(found.config.scenes or "")
    try:
        named = read_scenes(path, seen.part.pictures.names)
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
            tuple(_group(found, seen, group) for group in torn),
        )
    ]
