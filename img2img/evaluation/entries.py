"""Which picture is compared with which: rows of results, matched to targets by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from img2img.data.matching import by_stem
from img2img.errors import UserError
from img2img.files import inside
from img2img.images import natural

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


def entries_of(target: Path, folders: Mapping[str, Path], flags: Mapping[str, str]) -> tuple[Files, list[Entry]]:
    """The targets by name, as people count, and each row's pictures of them; ``flags`` are the rows' arguments.

    Raises:
        UserError: the targets' own folder given as another, a target without result, a result without target, two
            pictures of one name.
    """
    for row, folder in folders.items():
        if _same(folder, target):
            what = "untouched inputs" if row == INPUT else "results"
            raise UserError(
                f"{flags[row]}: is the folder of the targets ({target}), every figure would be perfect; name the "
                f"folder of the {what}"
            )
    hint = _nesting({f"--target {target}": target, **{flags[row]: folder for row, folder in folders.items()}})
    found = by_stem(target)
    targets = {stem: found[stem] for stem in sorted(found, key=natural)}
    return targets, [Entry(row, _partners(targets, folder, flags[row], hint)) for row, folder in folders.items()]


def _partners(targets: Files, folder: Path, flag: str, hint: str) -> dict[str, Path]:
    """The picture of ``folder`` for each target."""
    found = by_stem(folder)
    for missing, where, what in (
        ([stem for stem in targets if stem not in found], targets, "no result for"),
        ([stem for stem in found if stem not in targets], found, "no target for"),
    ):
        if missing:
            more = f" and {len(missing) - 1} more" if missing[1:] else ""
            raise UserError(
                f"{flag}: {what} {where[missing[0]]}{more} (files are matched by name without ending){hint}"
            )
    return {stem: found[stem] for stem in targets}


def _same(one: Path, other: Path) -> bool:
    """Whether two folders are one, links followed."""
    return one.resolve() == other.resolve()


def _nesting(folders: Mapping[str, Path]) -> str:
    """What is said of a folder that holds another, where pictures have no partner: theirs are taken for its own."""
    for outer, inner in permutations(folders, 2):
        if not _same(folders[outer], folders[inner]) and inside(folders[inner], folders[outer]):
            return f"; {outer} holds the folder of {inner}: give each a folder of its own"
    return ""


def same_folders(folders: Mapping[str, Path]) -> list[str]:
    """Rows that are one folder, a line for each (links followed)."""
    rows: dict[Path, list[str]] = {}
    for row, folder in folders.items():
        rows.setdefault(folder.resolve(), []).append(row)
    return [f"{' and '.join(same)} are the same folder" for same in rows.values() if same[1:]]
