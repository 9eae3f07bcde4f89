"""Which files make a pair: by name in two folders or in one, or as the halves of one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from img2img.data.config import NamePattern
from img2img.data.patterns import Fit, fitting, key, told_apart, written
from img2img.errors import UserError
from img2img.files import listed, loosened, stem
from img2img.images import find
from img2img.images.raster import any_size as size


@dataclass(frozen=True)
class Matched:
    """Pairs (source, target) and what is over.

    ``alone``: files with the folder that has no partner of theirs. ``doubles``: files with the first of their name.
    ``strangers``: files of one folder for both sides that fit neither side's pattern. ``names``: those of all sources
    and of all targets below their folders.
    """

    pairs: tuple[tuple[Path, Path], ...]
    alone: tuple[tuple[Path, Path], ...]
    doubles: tuple[tuple[Path, Path], ...]
    strangers: tuple[Path, ...]
    names: tuple[tuple[str, ...], tuple[str, ...]]

    def proposal(self) -> Fit | None:
        """A pattern under which more would find a partner than do, or None."""
        fit = fitting(*self.names)
        return fit if fit is not None and fit.sources > len(self.pairs) else None

    def advice(self) -> str:
        """What to do about files without partner."""
        fit = self.proposal()
        if fit is None and not self.pairs:
            return "no two names are the same: data.pattern says how they differ, data.layout=unpaired that none belong"
        if fit is None:
            return "add the missing files or remove these"
        sources, targets = map(len, self.names)
        whole = (fit.sources, fit.targets) == (sources, targets)
        how = "all" if whole else f"{fit.sources} of {sources} sources and {fit.targets} of {targets} targets"
        return f"{written(fit.pattern)} would match {how}"


def match(sources: Path, targets: Path | None, pattern: NamePattern) -> Matched:
    """Pairs by the pattern of their names; without ``targets``, of the one folder ``sources``.

    Raises:
        UserError: no pictures, or a folder that cannot be looked into.
    """
    files = {file.relative_to(sources).as_posix(): file for file in find(sources, links=True)}
    strangers: tuple[Path, ...] = ()
    if targets is None:
        which = told_apart(list(files), pattern)
        strangers = tuple(file for name, file in files.items() if name not in which)
        left, right = ({name: files[name] for name, side in which.items() if side == s} for s in ("source", "target"))
    else:
        left, right = files, {file.relative_to(targets).as_posix(): file for file in find(targets, links=True)}
    by_key = partial(_by_key, left, right, sources, targets or sources, pattern, strangers)
    strict = by_key(loose=False)
    if not strict.alone:
        return strict
    loose = by_key(loose=True)
    # a guess that leaves nothing over and mistakes no two names for one is none
    return strict if loose.alone or loose.doubles else loose


def _by_key(
    left: dict[str, Path],
    right: dict[str, Path],
    sources: Path,
    targets: Path,
    pattern: NamePattern,
    strangers: tuple[Path, ...],
    *,
    loose: bool,
) -> Matched:
    """Pairs whose names have the same in common; ``loose``: but for capitals and zeros before numbers."""

    def common_of(text: str, name: str) -> tuple[str, ...] | None:
        found = key(text, name)
        return tuple(map(loosened, found)) if found and loose else found

    doubles, without_target, without_source, pairs = [], [], [], []
    partners: dict[tuple[str, ...], Path] = {}
    for name, file in right.items():
        common = common_of(pattern.target, name)
        if common is None:
            without_source.append((file, sources))
        elif (first := partners.setdefault(common, file)) is not file:
            doubles.append((file, first))
    seen: dict[tuple[str, tuple[str, ...] | None], Path] = {}
    wanted = set()
    for name, file in left.items():
        common = common_of(pattern.source, name)
        # names that differ in their ending alone, unless the pattern is about endings
        if (first := seen.setdefault((loosened(stem(name)) if loose else stem(name), common), file)) is not file:
            doubles.append((file, first))
        elif common is None or common not in partners:
            without_target.append((file, targets))
        else:
            pairs.append((file, partners[common]))
            wanted.add(common)
    without_source += [(file, sources) for common, file in partners.items() if common not in wanted]
    alone = (*without_target, *without_source)
    return Matched(tuple(pairs), alone, tuple(doubles), strangers, (tuple(left), tuple(right)))


def checked_pairs(
    sources: Path, targets: Path | None, pattern: NamePattern
) -> tuple[list[tuple[Path, Path, tuple[int, int]]], tuple[Path, ...]]:
    """Pairs of files and their (width, height) in px; and the files that fit neither pattern.

    Raises:
        UserError: partners are missing, names are double, or the sizes of a pair differ; the files are listed.
    """
    matched = match(sources, targets, pattern)
    for file, first in matched.doubles:
        raise UserError(_double(file, first))
    if matched.alone or not matched.pairs:
        raise UserError(_without_partner(matched, sources, targets or sources))
    pairs, different = [], []
    for one, other in matched.pairs:
        sizes = size(one), size(other)
        pairs.append((one, other, sizes[0]))
        if sizes[0] != sizes[1]:
            different.append(f"{one} ({sizes[0][0]}x{sizes[0][1]} against {sizes[1][0]}x{sizes[1][1]})")
    if different:
        raise UserError(
            f"the two pictures of a pair differ in size: {listed(different)}; replace them, or remove both of a pair"
        )
    return pairs, matched.strangers


def _without_partner(matched: Matched, sources: Path, targets: Path) -> str:
    if sources == targets:
        alone = [f"without partner: {listed([str(file) for file, _ in matched.alone])}"]
    else:
        alone = [
            f"without partner in {folder}: {listed(files)}"
            for folder in (targets, sources)
            if (files := [str(file) for file, at in matched.alone if at == folder])
        ]
    if not matched.alone:
        alone = [f"no names in {sources} fit data.pattern"]
    return f"pairs are matched by name; {'; '.join(alone)}; {matched.advice()}"


def _double(file: Path, first: Path) -> str:
    differ = "the Unicode form" if file.suffix == first.suffix else "the ending"
    return f"{file} and {first.name} have the same name but for {differ}: which one is meant?"


def by_stem(folder: Path) -> dict[str, Path]:
    """Pictures below a folder by their path without ending; links are followed.

    Raises:
        UserError: no pictures, or two that differ in their ending alone.
    """
    stems: dict[str, Path] = {}
    for file in find(folder, links=True):
        first = stems.setdefault(stem(file.relative_to(folder).as_posix()), file)
        if first is not file:
            raise UserError(_double(file, first))
    return stems


def halves(files: Sequence[Path]) -> list[tuple[int, int]]:
    """(width, height) in px of the halves of each file.

    Raises:
        UserError: listing the files that cannot be two halves of the same size.
    """
    sizes = [size(file) for file in files]
    odd = [f"{file} ({width} px wide)" for file, (width, _) in zip(files, sizes, strict=True) if width % 2]
    if odd:
        raise UserError(f"a pair side by side needs an even width (two halves of one size): {listed(odd)}")
    return [(width // 2, height) for width, height in sizes]
