"""What names and sizes alone say of pairs: partners, doubles, sides of different size, sides that are one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from img2img.data.matching import Matched
from img2img.data.peers import WHOLE
from img2img.doctor.findings import Finding, Spot, many, share

# a file's path below the set
Label = Callable[[Path], str]
ADD = "add the missing files or remove these (names must be the same but for the ending)"


def of(name: str) -> str:
    """`` of train``, or nothing where the set has no parts."""
    return "" if name == WHOLE else f" of {name}"


def size_text(size: tuple[int, int]) -> str:
    """``640x480``."""
    return f"{size[0]}x{size[1]}"


def of_names(label: Label, name: str, matched: Matched) -> list[Finding]:
    """What is over of part ``name``: doubles, files without partner, files that fit the pattern of neither side."""
    fix = ADD if matched.proposal() is None else f"add {matched.advice()}"
    return [
        *_doubles(label, matched),
        *without_partner(label, name, matched.alone, fix),
        *_strangers(label, name, matched),
    ]


def _doubles(label: Label, matched: Matched) -> list[Finding]:
    if not matched.doubles:
        return []
    folders = dict.fromkeys(label(file.parent) for file, _ in matched.doubles)
    text = f"{many(len(matched.doubles), 'picture')} in {' and '.join(folders)} named like another but for the ending"
    spots = tuple(Spot(f"{label(file)} and {first.name}", (file, first)) for file, first in matched.doubles)
    fix = "pairs are matched by name without ending: keep one of each"
    return [Finding("double_name", "stops", text, fix, spots)]


def without_partner(label: Label, name: str, alone: Sequence[tuple[Path, Path]], fix: str) -> list[Finding]:
    """Files that have no partner in the other folder, (file, folder)."""
    if not alone:
        return []
    text = f"{many(len(alone), 'picture')}{of(name)} without partner of the same name"
    spots = tuple(Spot(f"{label(file)}: none in {label(at)}", (file,)) for file, at in alone)
    return [Finding("no_partner", "stops", text, fix, spots)]


def _strangers(label: Label, name: str, matched: Matched) -> list[Finding]:
    if not matched.strangers:
        return []
    text = f"{many(len(matched.strangers), 'picture')}{of(name)} of neither side, by the pattern of their names"
    spots = tuple(Spot(label(file), (file,)) for file in matched.strangers)
    return [Finding("strangers", "note", text, "nothing needs be done: they are left aside", spots)]


def sizes_differ(
    label: Label, name: str, pairs: Sequence[tuple[Path, Path]], sizes: Mapping[Path, tuple[int, int]]
) -> list[Finding]:
    """Pairs whose sides are not of one size."""
    unequal = [(file, partner) for file, partner in pairs if sizes[file] != sizes[partner]]
    if not unequal:
        return []
    spots = tuple(
        Spot(f"{label(pair[0])} ({' against '.join(size_text(sizes[file]) for file in pair)})", pair)
        for pair in unequal
    )
    text = f"{share(len(unequal), len(pairs), 'pair')}{of(name)} with sides of different size"
    fix = "replace the one that was scaled or cut, or remove both of a pair"
    return [Finding("sizes_differ", "stops", text, fix, spots)]


def same_folder(label: Label, source: Path, target: Path) -> list[Finding]:
    """The folders of the two sides are one, links followed: nothing can be learnt from that."""
    if source.resolve() != target.resolve():
        return []
    text = f"source and target are the same folder ({label(source)} and {label(target)})"
    fix = "put the folder of the other side in the place of the link, or name it with data.source, data.target"
    return [Finding("same_folder", "wrong", text, fix, (Spot(f"{label(source)} leads to {source.resolve()}"),))]
