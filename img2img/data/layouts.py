"""How a folder is laid out: pairs side by side, in two folders or in one, photos, unpaired folders, pictures alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from pathlib import Path

from img2img.data import peers
from img2img.data.config import DataConfig, NamePattern
from img2img.data.patterns import PLAIN, fitting, written
from img2img.data.peers import PARTS, WHOLE, Sides, part
from img2img.data.repeats import Repeat, repeats
from img2img.data.split import thumbnail
from img2img.errors import UserError
from img2img.files import stem
from img2img.images import any_size, find, read_any, to_look_at

PartFolders = tuple[Path, ...]
# one clean picture, many degraded ones: 901.jpg and 901_1.jpg to 901_14.jpg (Rain1400)
NUMBERED = re.compile(r"\{\}([-_]\*)+")
MOST_WAYS = 6


@dataclass(frozen=True)
class Layout:
    """How a set is laid out.

    ``parts``: folders by part (``train``, ``val``, ``test``, or `WHOLE` where there are none): two, source and target,
    of layouts two_folders and unpaired, else one. ``pattern``: names of a pair's files. ``sides``: what the two
    folders' names say (``A`` and ``B``); ``turns``: whether ``data.direction`` says which is the source. ``aside``: why
    a part cannot be used (no truth in it). ``notes``: what must be said of how it was taken.
    """

    name: str
    parts: Mapping[str, PartFolders]
    pattern: NamePattern = PLAIN
    sides: tuple[str, str] | None = None
    turns: bool = False
    aside: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_layout(path: Path, config: DataConfig) -> Layout:
    """The layout of a folder: as ``data.layout`` says or, of ``auto``, as names and shapes show.

    Raises:
        UserError: several would fit, what was asked for is not there, or a side or part is missing.
    """
    name = config.layout
    if name == "auto":
        if config.source is None and all(side in peers.subfolders(path) for side in peers.UNPAIRED[:2]):
            return _unpaired(path, config)
        found = _two_folders(path, config)
        if found is not None:
            return found
        if config.source is not None:
            raise UserError(_no_sides(path, config))
        return _by_files(path, config)
    if name == "unpaired":
        return _unpaired(path, config)
    if name == "two_folders":
        found = _two_folders(path, config)
        if found is None:
            raise UserError(_no_sides(path, config))
        return found
    if name == "one_folder":
        return _one_folder(path, config, None if config.pattern != PLAIN else _repeats(_first(path)))
    return _alone(path, name) if name in ("photos", "images") else _single(path, name)


def _no_sides(path: Path, config: DataConfig) -> str:
    names = f"{config.source} and {config.target}" if config.source else "such as source and target, A and B"
    return f"{path}: two sub-folders are needed, one for each side ({names}); data.source, data.target name others"


def _unpaired(path: Path, config: DataConfig) -> Layout:
    folders, aside = peers.unpaired(path, config)
    notes: tuple[str, ...] = ()
    if config.layout == "auto":
        notes = (
            "unpaired by the names trainA and trainB: partners are drawn at random; where each has its own, add "
            "data.layout=two_folders",
        )
    return Layout("unpaired", folders, turns=True, aside=aside, notes=notes)


def _two_folders(path: Path, config: DataConfig) -> Layout | None:
    """Two folders in each part (train/A), parts in each of the two (A/train), or names of both (train_A); or None.

    Raises:
        UserError: a part that is needed has one side alone.
    """
    tree = peers.tree(path)
    complete = {name: both for name, folders in tree.items() if (both := peers.sides(folders, config)) is not None}
    if not complete:
        return None
    if "train" in complete:
        complete.pop(WHOLE, None)
    order = [name for name in ("train", WHOLE, "val", "test") if name in complete]
    first = complete[order[0]]
    aside = _aside(path, tree, complete, first)
    named = dict(zip(first.names, first[:2], strict=True))
    turns = config.source is None and peers.turns_by_direction(first.names, named)
    notes = []
    if (
        config.source is None
        and config.direction == "BtoA"
        and not turns
        and sorted(map(str.lower, named)) == ["a", "b"]
    ):
        notes.append(
            f"{first.source.name} is the source whatever data.direction says, as in pix2pixHD; data.source=B "
            f"data.target=A turns it"
        )
    pattern, said = _pattern(first, config)
    folders = {name: tuple(complete[name][:2]) for name in order}
    return Layout("two_folders", folders, pattern, first.names, turns, aside, (*notes, *said))


def left_outside(path: Path, layout: Layout) -> list[str]:
    """Pictures below a set that lie in none of its parts; those of a part that is left aside are told of elsewhere."""
    folders = [folder for part_folders in layout.parts.values() for folder in part_folders]
    if path in folders:
        return []
    try:
        names = [file.relative_to(path) for file in find(path, links=True)]
    except UserError:
        # who opens the folders says what is wrong with them
        return []
    inside = [folder.relative_to(path) for folder in folders]
    aside = {name for name in names if any(peers.read_name(folder)[0] in layout.aside for folder in name.parts[:-1])}
    return [str(name) for name in names if name not in aside and not any(map(name.is_relative_to, inside))]


def _aside(
    path: Path, tree: Mapping[str, Mapping[str, Path]], complete: Mapping[str, Sides], example: Sides
) -> dict[str, str]:
    """Why parts that are there cannot be used: ``test`` may lack its truth, training does without it.

    Raises:
        UserError: a part that training uses has one side alone, or none.
    """
    both = " and ".join(sorted(example.names))
    wanted = {peers.normal(name) for name in example.names}
    aside = {}
    for name in PARTS:
        if name in complete or (WHOLE in complete and name == "train"):
            continue
        alone = [folder for side, folder in tree.get(name, {}).items() if peers.normal(side) in wanted]
        folder = part(path, name)
        if alone:
            reason = f"{alone[0]}: its counterpart is missing ({both} must match)"
        elif folder is not None:
            reason = f"{folder}: has no two sub-folders {both}"
        else:
            continue
        if name != "test":
            raise UserError(reason)
        aside[name] = reason
    return aside


def _pattern(both: Sides, config: DataConfig) -> tuple[NamePattern, list[str]]:
    """How names are matched: as the configuration says, by equal names, or many numbered sources to one target."""
    if config.pattern != PLAIN:
        return config.pattern, []
    try:
        sources, targets = ([file.relative_to(at).as_posix() for file in find(at, links=True)] for at in both[:2])
    except UserError:
        # who opens the folders says what is wrong with them
        return PLAIN, []
    if set(map(stem, sources)) & set(map(stem, targets)):
        return PLAIN, []
    fit = fitting(sources, targets)
    whole = fit is not None and (fit.sources, fit.targets) == (len(sources), len(targets))
    if fit is None or not whole or not NUMBERED.fullmatch(fit.pattern.source) or fit.pattern.target != "{}":
        return PLAIN, []
    return fit.pattern, [f"{len(sources)} sources of {len(targets)} targets, by {written(fit.pattern)}"]


def _single(path: Path, name: str, pattern: NamePattern = PLAIN, notes: tuple[str, ...] = ()) -> Layout:
    """A layout whose parts are one folder each.

    Raises:
        UserError: sub-folders are named as parts, where they would be poured together.
    """
    folders = {name: (folder,) for name in PARTS if (folder := part(path, name)) is not None}
    if not folders:
        tree = peers.tree(path)
        named = {name: next(iter(inside.values())) for name, inside in tree.items() if name != WHOLE and inside}
        below = _parts_below(path) if len(named) < 2 else {}
        if len(below) > 1:
            raise UserError(
                f"{path}: {' and '.join(sorted(map(str, below.values())))} are named as parts, and taken together "
                f"pictures to test on would be trained on; name the folder that is meant, such as --data "
                f"{path / below.get('train', min(below.values()))}"
            )
        if len(named) > 1:
            both = " and ".join(str(folder.relative_to(path)) for folder in named.values())
            train = named.get("train") or next(iter(named.values()))
            parents = {folder.parent for folder in named.values()}
            meant = train if len(parents) > 1 or path in parents else train.parent
            raise UserError(
                f"{path}: {both} are named as parts, and taken together pictures to test on would be trained on; name "
                f"the folder that is meant, such as --data {meant}"
            )
    return Layout(name, folders or {WHOLE: (path,)}, pattern, notes=notes)


def _parts_below(path: Path) -> dict[str, Path]:
    """By part, the first folder below a set that is named as it and holds pictures."""
    found: dict[str, Path] = {}
    for file in find(path, links=True):
        folders = file.relative_to(path).parts[:-1]
        for depth, name in enumerate(folders):
            part_name, _ = peers.read_name(name)
            if part_name:
                found.setdefault(part_name, Path(*folders[: depth + 1]))
    return found


def _first(path: Path) -> Path:
    """The folder whose files say how a set is laid out: what is trained on, where it has parts."""
    return next((folder for name in PARTS if (folder := part(path, name)) is not None), path)


def _repeats(first: Path) -> Repeat | None:
    return repeats([file.relative_to(first).as_posix() for file in find(first, links=True)])


def _one_folder(path: Path, config: DataConfig, found: Repeat | None) -> Layout:
    """Both sides in one folder, told apart by ``data.pattern`` or by what is ``found`` to leave no doubt.

    Raises:
        UserError: there is no pattern and names do not tell.
    """
    if config.pattern != PLAIN:
        return _single(path, "one_folder", config.pattern)
    pattern = found.known(config.direction) if found else None
    if found is not None and pattern is None:
        raise UserError(_ask(_first(path), found))
    if found is None or pattern is None:
        raise UserError(f"{path}: data.layout=one_folder needs a data.pattern that tells source and target apart")
    layout = _single(path, "one_folder", pattern)
    return replace(layout, turns=sorted(name.strip("-_. ").lower() for name in found.names) == ["a", "b"])


def _ask(first: Path, found: Repeat) -> str:
    """That pictures belong together, and how to say which of them are the sources."""
    if found.folders:
        names = found.sides
        ways = [f"data.source={source} data.target={target}" for source, target in permutations(names, 2)]
        likely = [way for way, both in zip(ways, permutations(names, 2), strict=True) if peers.leave_no_doubt(*both)]
        likely = [] if {"a", "b", "c"} <= set(map(peers.normal, names)) else likely
        ways = likely or ways
    else:
        # many sources may have one target, not the other way round
        both_ways = [NamePattern(source=a, target=b) for a, b in permutations(found.patterns, 2) if "*" not in b]
        ways = [written(pattern) for pattern in both_ways]
    return (
        f"{first}: {found.said}: pairs? say which is the source: {' or '.join(ways[:MOST_WAYS])}; or "
        f"data.layout=photos or side_by_side, if each picture stands for itself"
    )


def _alone(path: Path, name: str) -> Layout:
    """Photos, or pictures alone, because the configuration says so; names that speak against it are told."""
    try:
        found = _repeats(_first(path))
    except UserError:
        found = None
    notes: tuple[str, ...] = ()
    if found is not None:
        notes = (f"{found.said}: each picture stands for itself, as data.layout={name} says",)
    return _single(path, name, notes=notes)


def _by_files(path: Path, config: DataConfig) -> Layout:
    """The layout of a folder without sides: by repeated names, then by the shapes of its pictures.

    Raises:
        UserError: several would fit.
    """
    first = _first(path)
    files = find(first, links=True)
    # masks have their photos' names
    told = config.pattern != PLAIN or config.hole.masks is not None
    found = None if told else repeats([file.relative_to(first).as_posix() for file in files])
    if found is not None or config.pattern != PLAIN:
        return _one_folder(path, config, found)
    _refuse_a_side_alone(first, files)
    if not told:
        _refuse_a_twin_beside(path, first, files)
    readable = _readable(files[:50])
    shapes = [any_size(file) for file in readable]
    wide = _wider(shapes, 1.2)
    if config.synthesis != "none":
        return _single(path, _photos_or_pairs(path, readable, shapes, wide))
    if wide == len(shapes):
        return _single(path, "side_by_side")
    raise UserError(
        f"{path}: no layout recognised ({wide} of {len(shapes)} pictures could be pairs side by side, and there are no "
        f"sub-folders {'/'.join(peers.SHOWN_SOURCES)} and {'/'.join(peers.SHOWN_TARGETS)}); say "
        f"data.layout=side_by_side, two_folders or photos"
    )


def _refuse_a_side_alone(first: Path, files: Sequence[Path]) -> None:
    """Pictures of a folder that is named as sources are no clean photos.

    Raises:
        UserError: all lie in such folders.
    """
    named = {next((name for name in file.relative_to(first).parts[:-1] if _says_source(name)), "") for file in files}
    if "" not in named:
        raise UserError(
            f"{first / min(named)}: is named as sources, and its counterpart ({'/'.join(peers.SHOWN_TARGETS)}) is "
            f"missing; add it, or say data.layout=photos if these are clean photos"
        )


def _refuse_a_twin_beside(path: Path, first: Path, files: Sequence[Path]) -> None:
    """A folder beside ``train`` that holds its names is its other side (``train_masks``, ``trainannot``).

    Raises:
        UserError: at least half of the names are there, or all but for what stands before or behind them.
    """
    if first == path:
        return
    names = [stem(file.relative_to(first).as_posix()) for file in files]
    for folder in peers.subfolders(path).values():
        if folder == first or folder.name.lower() in {alias for aliases in peers.PARTS.values() for alias in aliases}:
            continue
        try:
            others = [stem(file.relative_to(folder).as_posix()) for file in find(folder, links=True)]
        except UserError:
            # nothing in it that could be a side
            continue
        fit = fitting(names, others)
        if 2 * len(set(names) & set(others)) >= len(names) or (fit is not None and 2 * fit.sources >= len(names)):
            raise UserError(
                f"{first} and {folder} hold the same names: pairs? put them into {first}/source and {first}/target; or "
                f"data.layout=photos, if those in {first} stand for themselves"
            )


def _says_source(name: str) -> bool:
    side = peers.normal(peers.read_name(name)[1])
    return side in peers.SOURCES and side != "a"


def _wider(shapes: Sequence[tuple[int, int]], ratio: float) -> int:
    """How many of (width, height) could be pairs side by side: of even width, at least ``ratio`` x as wide as high."""
    return sum(1 for width, height in shapes if width % 2 == 0 and width >= ratio * height)


def _photos_or_pairs(path: Path, files: Sequence[Path], shapes: Sequence[tuple[int, int]], wide: int) -> str:
    """A task that makes its sources takes photos; finished pairs side by side are told from them by their shapes."""
    # a pair side by side is twice as wide as a photo: photos are seldom wider than 2.2 : 1 throughout
    very_wide = _wider(shapes, 1.9)
    if very_wide == 0:
        if wide == len(shapes) and all(_alike(file) for file in files[:4]):
            raise UserError(
                f"{path}: photos or pairs side by side? the left and right halves of its pictures show the same; "
                f"say data.layout=photos or data.layout=side_by_side"
            )
        return "photos"
    if very_wide < 0.5 * len(shapes) or wide < len(shapes):
        raise UserError(
            f"{path}: photos or pairs side by side? {very_wide} of {len(shapes)} pictures are about twice as wide "
            f"as high; say data.layout=photos or data.layout=side_by_side"
        )
    return "side_by_side"


def _readable(files: Sequence[Path]) -> list[Path]:
    """Those whose size can be told; who opens all of them names the others."""
    good: list[Path] = []
    reason: UserError | None = None
    for file in files:
        try:
            any_size(file)
            good.append(file)
        except UserError as error:
            reason = reason or error
    if reason is not None and not good:
        raise reason
    return good


def _alike(file: Path) -> bool:
    """Whether the two halves show the same: upright pairs side by side are no wider than photos."""
    pixels = to_look_at(read_any(file))
    half = pixels.shape[1] // 2
    left, right = (thumbnail(side).reshape(-1) for side in (pixels[:, :half], pixels[:, half:]))
    spread = float(left.std() * right.std())
    return spread > 0 and float(((left - left.mean()) * (right - right.mean())).mean()) > 0.8 * spread
