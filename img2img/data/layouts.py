"""How a folder is laid out: pairs side by side, in two folders, photos, unpaired folders, pictures alone, arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from img2img.data.config import DataConfig
from img2img.errors import UserError
from img2img.images import READABLE, find, size

SOURCES = ("source", "input", "rainy", "rain", "a")
TARGETS = ("target", "clean", "gt", "groundtruth", "norain", "b")
PARTS = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}
UNPAIRED = ("traina", "trainb", "testa", "testb")


def folders(path: Path) -> dict[str, Path]:
    """Sub-folders by lower-case name."""
    return {child.name.lower(): child for child in sorted(path.iterdir()) if child.is_dir()}


def part(path: Path, name: str) -> Path | None:
    """The folder of a part (train, val, test) inside a set, or None."""
    inside = folders(path)
    return next((inside[alias] for alias in PARTS[name] if alias in inside), None)


def two_folders(path: Path) -> tuple[Path, Path] | None:
    """(source side, target side) by the names of the sub-folders, or None."""
    inside = folders(path)
    sources = [inside[name] for name in SOURCES if name in inside]
    targets = [inside[name] for name in TARGETS if name in inside]
    return (sources[0], targets[0]) if len(sources) == 1 and len(targets) == 1 else None


def detect(path: Path, config: DataConfig) -> str:
    """The layout of a folder.

    Raises:
        UserError: when several would fit.
    """
    inside = folders(path)
    if all(name in inside for name in UNPAIRED[:2]):
        return "unpaired"
    first = part(path, "train") or path
    if two_folders(first) is not None:
        return "two_folders"
    files = find(first)
    shapes = [size(file) for file in files[:50]]
    wide = sum(1 for width, height in shapes if width % 2 == 0 and width >= 1.2 * height)
    if config.synthesis != "none":
        # a pair side by side is twice as wide as a photo: photos are seldom wider than 2.2 : 1 throughout
        very_wide = sum(1 for width, height in shapes if width % 2 == 0 and width >= 1.9 * height)
        if very_wide == 0:
            return "photos"
        if very_wide < 0.5 * len(shapes) or wide < len(shapes):
            raise UserError(
                f"{path}: photos or pairs side by side? {very_wide} of {len(shapes)} pictures are about twice as wide "
                f"as high; say data.layout=photos or data.layout=side_by_side"
            )
        return "side_by_side"
    if wide == len(shapes):
        return "side_by_side"
    raise UserError(
        f"{path}: no layout recognised ({wide} of {len(shapes)} pictures could be pairs side by side, and there are no "
        f"sub-folders {'/'.join(SOURCES)} and {'/'.join(TARGETS)}); say data.layout=side_by_side, two_folders or photos"
    )


def match_stems(source: Path, target: Path) -> list[tuple[Path, Path]]:
    """Pairs of files of two folders by their path without ending.

    Raises:
        UserError: partners are missing, stems are double, or the sizes of a pair differ; the files are listed.
    """
    sides = []
    for folder in (source, target):
        stems: dict[str, Path] = {}
        for file in find(folder):
            stem = str(file.relative_to(folder).with_suffix(""))
            if stem in stems:
                raise UserError(
                    f"{file} and {stems[stem].name} have the same name but for the ending: which one is meant?"
                )
            stems[stem] = file
        sides.append(stems)
    left, right = sides
    missing = [str(left[stem]) for stem in left if stem not in right]
    extra = [str(right[stem]) for stem in right if stem not in left]
    if missing or extra:
        parts = []
        if missing:
            parts.append(f"without partner in {target}: {listed(missing)}")
        if extra:
            parts.append(f"without partner in {source}: {listed(extra)}")
        raise UserError(f"pairs are matched by name; {'; '.join(parts)}; add the missing files or remove these")
    pairs = [(left[stem], right[stem]) for stem in left]
    different = []
    for one, other in pairs:
        sizes = size(one), size(other)
        if sizes[0] != sizes[1]:
            different.append(f"{one} ({sizes[0][0]}x{sizes[0][1]} against {sizes[1][0]}x{sizes[1][1]})")
    if different:
        raise UserError(f"the two pictures of a pair differ in size: {listed(different)}")
    return pairs


def check_halves(files: Sequence[Path]) -> None:
    """Refuse files that cannot be two halves of the same size.

    Raises:
        UserError: listing them.
    """
    odd = [f"{file} ({size(file)[0]} px wide)" for file in files if size(file)[0] % 2]
    if odd:
        raise UserError(f"a pair side by side needs an even width (two halves of one size): {listed(odd)}")


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first few, and how many more."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def is_picture(path: Path) -> bool:
    """Whether the ending is a picture's."""
    return path.suffix.lower() in READABLE
