"""What folders are called: names that say a side or a part, as the data sets of other programs use them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from img2img.data.config import DataConfig
from img2img.errors import UserError
from img2img.images.folder import hidden

# names that leave no doubt what is the source and what the target; A and B ask data.direction
SOURCES = frozenset(
    ("source", "input", "rainy", "rain", "rainy_image", "a", "lq", "lr", "low", "blur", "blurry", "noisy", "hazy")
)
TARGETS = frozenset(
    ("target", "clean", "gt", "groundtruth", "ground_truth", "norain", "b", "hq", "hr", "high", "sharp", "clear")
)
# what photos and drawings are called: they are sides where the task says which one is drawn (data.drawn)
PHOTOS = frozenset(("photo", "photos", "image", "images", "img", "imgs", "jpegimages", "real", "leftimg8bit"))
LABELS = frozenset(
    ("label", "labels", "labelmap", "labelmaps", "seg", "segmentation", "segmentationclass", "annotations", "gtfine")
)
DRAWN = LABELS | {"edge", "edges", "sketch", "sketches", "lines", "lineart", "map", "maps"}
# the more usual ones, for messages
SHOWN_SOURCES, SHOWN_TARGETS = ("source", "input", "rainy", "lq", "A"), ("target", "clean", "gt", "B")
PARTS = {
    "train": ("train", "training", "our485"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing", "eval", "evaluation"),
}
# the name of the only part of a set that has none
WHOLE = "all"
UNPAIRED = ("traina", "trainb", "testa", "testb")

Tree = Mapping[str, Mapping[str, Path]]


class Sides(NamedTuple):
    """The two folders of a part, and what their names say of each: ``A`` of ``train_A`` and of ``A/train``."""

    source: Path
    target: Path
    names: tuple[str, str]


def subfolders(path: Path) -> dict[str, Path]:
    """Sub-folders by lower-case name, hidden ones left aside."""
    return {child.name.lower(): child for child in sorted(path.iterdir()) if not hidden(child.name) and child.is_dir()}


def part(path: Path, name: str) -> Path | None:
    """The folder of a part (train, val, test) inside a set, or None."""
    inside = subfolders(path)
    return next((inside[alias] for alias in PARTS[name] if alias in inside), None)


def normal(name: str) -> str:
    """A name as the lists above have it: ``Ground-Truth`` as ``ground_truth``."""
    return re.sub(r"[-\s]+", "_", name).lower().strip("_")


def read_name(name: str) -> tuple[str | None, str]:
    """(part, side) that a folder's name says: ``train_A``, ``A-train``, ``trainA``, ``A``, ``x_train_HR``."""
    words = re.split(r"[-_\s]+", name.strip("-_ "))
    for part_name, aliases in PARTS.items():
        known = re.compile(rf"(?:{'|'.join(aliases)})\d*", re.IGNORECASE)
        for at, word in enumerate(words):
            if known.fullmatch(word):
                return part_name, "_".join(words[:at] + words[at + 1 :])
            if len(words) == 1 and word[-1:] in "abAB" and known.fullmatch(word[:-1]):
                return part_name, word[-1]
    return None, name


def tree(path: Path) -> dict[str, dict[str, Path]]:
    """Folders by part (`WHOLE` where nothing names one) and side: of ``train_A``, ``train/A`` and ``A/train``."""
    found: dict[str, dict[str, Path]] = {}
    for child in subfolders(path).values():
        part_name, side = read_name(child.name)
        if part_name and side:
            found.setdefault(part_name, {})[side] = child
        elif part_name:
            inner_names = [(*read_name(inner.name), inner) for inner in subfolders(child).values()]
            # train/train_A says the part twice (ISTD, REDS)
            inner_sides = {rest: inner for again, rest, inner in inner_names if again in (None, part_name) and rest}
            found.setdefault(part_name, {}).update(inner_sides)
        else:
            inside = [(read_name(inner.name), inner) for inner in subfolders(child).values()]
            named = {name: inner for (name, rest), inner in inside if name and not rest}
            for name, inner in (named or {WHOLE: child}).items():
                found.setdefault(name, {})[side] = inner
    return found


def sides(folders: Mapping[str, Path], config: DataConfig) -> Sides | None:
    """Which of the folders of one part (by what their names say) are source and target; None: names do not tell.

    ``data.source`` and ``data.target`` say the names; otherwise `SOURCES` and `TARGETS` do, and where ``data.drawn``
    says which side is drawn, `PHOTOS` and `DRAWN`.
    """
    first, second = {"source": (DRAWN, PHOTOS), "target": (PHOTOS, DRAWN)}.get(config.drawn, ((), ()))
    pairs = ((config.source, SOURCES.union(first)), (config.target, TARGETS.union(second)))
    chosen = []
    for named, known in pairs:
        wanted = known if named is None else {normal(named)}
        fitting = [side for side in folders if normal(side) in wanted]
        if len(fitting) != 1:
            return None
        chosen.append(fitting[0])
    if config.source is None and {"a", "b", "c"} <= set(map(normal, folders)):
        # of three letters none says what it is (ISTD: A has shadows, B the masks, C none)
        return None
    source, target = chosen
    if config.source is None and turns_by_direction(chosen, folders) and config.direction == "BtoA":
        source, target = target, source
    return Sides(folders[source], folders[target], (source, target))


def turns_by_direction(names: Sequence[str], folders: Mapping[str, Path]) -> bool:
    """Whether ``data.direction`` says which is the source: of folders A and B.

    Not of pix2pixHD's train_A and train_B: there A is what goes in (its options/, data/aligned_dataset.py).
    """
    return sorted(normal(name) for name in names) == ["a", "b"] and not any(joined(folders[name]) for name in names)


def leave_no_doubt(source: str, target: str) -> bool:
    """Whether two names say that one is the source of the other."""
    return normal(source) in SOURCES and normal(target) in TARGETS


def joined(folder: Path) -> bool:
    """Whether one name says part and side, as pix2pixHD's ``train_A`` does."""
    return normal(folder.name) not in UNPAIRED and all(read_name(folder.name))


def unpaired(path: Path, config: DataConfig) -> tuple[dict[str, tuple[Path, Path]], dict[str, str]]:
    """(source side, target side) of ``train`` and, where there is one, ``test``; and why a part is left aside.

    Raises:
        UserError: the folders trainA and trainB (or train_A and train_B, A and B) are not there.
    """
    folders = tree(path)
    by_part = {name: {normal(side): folder for side, folder in both.items()} for name, both in folders.items()}
    train = next((by_part[name] for name in ("train", WHOLE) if {"a", "b"} <= set(by_part.get(name, {}))), None)
    if train is None:
        raise UserError(f"{path}: unpaired data need the sub-folders trainA and trainB (or A and B)")
    turned = slice(None, None, -1 if config.direction == "BtoA" else 1)
    found, aside = {}, {}
    for name, both in (("train", train), ("test", by_part.get("test", {}))):
        order = [both[side] for side in "ab" if side in both][turned]
        if len(order) == 2:
            found[name] = (order[0], order[1])
        elif order:
            aside[name] = f"{order[0].name} has no counterpart"
    return found, aside
