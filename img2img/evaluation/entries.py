"""Which picture is compared with which: rows of results, matched to targets by name."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from img2img.data.matching import by_stem
from img2img.data.patterns import result_patterns
from img2img.errors import UserError
from img2img.files import inside
from img2img.images import natural
from img2img.inference.jobs import COMPARISONS

Files = Mapping[str, Path]
# the row of the untouched inputs
INPUT = "input (untouched)"


@dataclass(frozen=True)
class Entry:
    """One set of results: of a method, of one of its seeds (empty where it has one run)."""

    method: str
    files: Files
    seed: str = ""

    @property
    def label(self) -> str:
        """The method's name, with the seed where it has several."""
        return f"{self.method}-seed{self.seed}" if self.seed else self.method


def entries_of(
    target: Path,
    folders: Mapping[str, Path],
    flags: Mapping[str, str],
    patterns: Mapping[str, str] | None = None,
    *,
    halved: bool = False,
) -> tuple[Files, list[Entry], list[str]]:
    """The targets by name, as people count, each row's pictures of them, and lines on what was left aside.

    ``flags`` are the rows' arguments; ``patterns`` say by row what its files are called (``{}_fake_B``), ``{}`` being
    the target's path without ending. ``halved``: pairs side by side hold target and input in one file.

    Raises:
        UserError: the targets' own folder given as another, a target without result, a result without target, two
            pictures of one name.
    """
    patterns = patterns or {}
    for row, folder in folders.items():
        if _same(folder, target) and row not in patterns and not (halved and row == INPUT):
            what = "untouched inputs" if row == INPUT else "results"
            raise UserError(
                f"{flags[row]}: is the folder of the targets ({target}), every figure would be perfect; name the "
                f"folder of the {what}"
            )
    hint = _nesting({f"--target {target}": target, **{flags[row]: folder for row, folder in folders.items()}})
    found = by_stem(target)
    targets = {stem: found[stem] for stem in sorted(found, key=natural)}
    entries, lines = [], []
    for row, folder in folders.items():
        files, aside = _partners(targets, folder, flags[row], hint, patterns.get(row))
        entries.append(Entry(row, files))
        if aside:
            lines.append(f"{flags[row]}: {aside} pictures below {COMPARISONS} are comparisons, and left aside")
    return targets, entries, lines


def _partners(targets: Files, folder: Path, flag: str, hint: str, pattern: str | None) -> tuple[dict[str, Path], int]:
    """The picture of ``folder`` for each target, and how many comparisons beside them were left aside."""
    found = by_stem(folder)
    names = {stem: (pattern or "{}").replace("{}", stem) for stem in targets}
    wanted = set(names.values())
    aside = [] if pattern else _comparisons(found, wanted)
    missing = [stem for stem, name in names.items() if name not in found]
    # of files that a pattern is about, those that it does not fit are others by intention
    extra = [] if pattern else [stem for stem in found if stem not in wanted and stem not in aside]
    for alone, where, what in ((missing, targets, "no result for"), (extra, found, "no target for")):
        if alone:
            more = f" and {len(alone) - 1} more" if alone[1:] else ""
            how = f"--match {pattern}" if pattern else "files are matched by name without ending"
            raise UserError(f"{flag}: {what} {where[alone[0]]}{more} ({how}){_proposal(targets, found, pattern)}{hint}")
    return {stem: found[name] for stem, name in names.items()}, len(aside)


def _comparisons(found: Files, wanted: Collection[str]) -> set[str]:
    """What ``infer --compare`` writes beside its results, where no target lies in a folder of that name."""
    below = {stem for stem in found if stem.startswith(f"{COMPARISONS}/")}
    return below if not below & set(wanted) and {stem.partition("/")[2] for stem in below} <= set(found) else set()


def _proposal(targets: Files, found: Files, pattern: str | None) -> str:
    """The patterns under which every target would have a result."""
    fitting = [text for text in result_patterns(list(targets), list(found)) if text != pattern]
    return (
        f"; --match {' or --match '.join(shlex.quote(text) for text in fitting[:3])} would match all" if fitting else ""
    )


def _same(one: Path, other: Path) -> bool:
    """Whether two folders are one, links followed."""
    return one.resolve() == other.resolve()


def _nesting(folders: Mapping[str, Path]) -> str:
    """What is said of a folder that holds another, where pictures have no partner: theirs are taken for its own."""
    for outer, inner in permutations(folders, 2):
        if not _same(folders[outer], folders[inner]) and inside(folders[inner], folders[outer]):
            return f"; {outer} holds the folder of {inner}: give each a folder of its own"
    return ""


def same_folders(folders: Mapping[str, Path], patterns: Mapping[str, str]) -> list[str]:
    """Rows that are one folder, a line for each (links followed); with ``patterns`` of their own they are not one."""
    rows: dict[tuple[Path, str], list[str]] = {}
    for row, folder in folders.items():
        rows.setdefault((folder.resolve(), patterns.get(row, "")), []).append(row)
    return [f"{' and '.join(same)} are the same folder" for same in rows.values() if same[1:]]
