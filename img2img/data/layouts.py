"""How a folder is laid out: pairs side by side, in two folders, photos, unpaired folders, pictures alone, arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from img2img.data.config import DataConfig
from img2img.data.split import thumbnail
from img2img.errors import UserError
from img2img.files import listed, stem
from img2img.images import as_rgb8, find, read, size

# which names of two folders say what is the source and what the target; A and B ask data.direction
SOURCES = ("source", "input", "rainy", "rain", "a")
TARGETS = ("target", "clean", "gt", "groundtruth", "norain", "b")
PARTS = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}
UNPAIRED = ("traina", "trainb", "testa", "testb")


def subfolders(path: Path) -> dict[str, Path]:
    """Sub-folders by lower-case name."""
    return {child.name.lower(): child for child in sorted(path.iterdir()) if child.is_dir()}


def part(path: Path, name: str) -> Path | None:
    """The folder of a part (train, val, test) inside a set, or None."""
    inside = subfolders(path)
    return next((inside[alias] for alias in PARTS[name] if alias in inside), None)


def two_folders(path: Path, config: DataConfig) -> tuple[Path, Path] | None:
    """(source side, target side) by the names of the sub-folders, or None.

    ``data.source`` and ``data.target`` say the names; otherwise `SOURCES` and `TARGETS` are looked for.
    """
    inside = subfolders(path)
    named = (config.source, config.target)
    sources = [inside[name] for name in ((named[0].lower(),) if named[0] else SOURCES) if name in inside]
    targets = [inside[name] for name in ((named[1].lower(),) if named[1] else TARGETS) if name in inside]
    if len(sources) != 1 or len(targets) != 1:
        return None
    source, target = sources[0], targets[0]
    swapped = config.direction == "BtoA" and not named[0] and (source.name.lower(), target.name.lower()) == ("a", "b")
    return (target, source) if swapped else (source, target)


PartFolders = tuple[Path, ...]


def parts(path: Path, layout: str, config: DataConfig) -> dict[str, PartFolders]:
    """Folders of the parts a set has: ``train``, ``val``, ``test`` or, where it has none, ``all``.

    A part is one folder, or two (source, target) of layout two_folders. Parts may lie in the set (train/A, train/B)
    or in its two folders (A/train, B/train).

    Raises:
        UserError: the two folders are not there.
    """
    found: dict[str, PartFolders] = {}
    for name in PARTS:
        inside = part(path, name)
        if inside is not None:
            found[name] = _part_folders(inside, layout, config)
    if found:
        return found
    whole = _part_folders(path, layout, config)
    for name in PARTS if len(whole) == 2 else ():
        sides = [inside for side in whole if (inside := part(side, name)) is not None]
        if len(sides) == 1:
            raise UserError(f"{sides[0]}: its counterpart is missing ({whole[0].name} and {whole[1].name} must match)")
        if sides:
            found[name] = tuple(sides)
    return found or {"all": whole}


def _part_folders(folder: Path, layout: str, config: DataConfig) -> PartFolders:
    if layout != "two_folders":
        return (folder,)
    sides = two_folders(folder, config)
    if sides is None:
        names = f"{config.source} and {config.target}" if config.source else "such as source and target, A and B"
        raise UserError(
            f"{folder}: two sub-folders are needed, one for each side ({names}); data.source, data.target name others"
        )
    return sides


def detect(path: Path, config: DataConfig) -> str:
    """The layout of a folder.

    Raises:
        UserError: when several would fit.
    """
    inside = subfolders(path)
    if all(name in inside for name in UNPAIRED[:2]):
        return "unpaired"
    first = part(path, "train") or path
    if config.source is not None or two_folders(first, config) is not None:
        return "two_folders"
    files = _readable(find(first)[:50])
    shapes = [size(file) for file in files]
    wide = _wider(shapes, 1.2)
    if config.synthesis != "none":
        return _photos_or_pairs(path, files, shapes, wide)
    if wide == len(shapes):
        return "side_by_side"
    raise UserError(
        f"{path}: no layout recognised ({wide} of {len(shapes)} pictures could be pairs side by side, and there are no "
        f"sub-folders {'/'.join(SOURCES)} and {'/'.join(TARGETS)}); say data.layout=side_by_side, two_folders or photos"
    )


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
            size(file)
            good.append(file)
        except UserError as error:
            reason = reason or error
    if reason is not None and not good:
        raise reason
    return good


def unpaired(path: Path, config: DataConfig) -> dict[str, tuple[Path, Path]]:
    """(source side, target side) of ``train`` and, where there is one, ``test``.

    Raises:
        UserError: the folders trainA and trainB (or A and B) are not there.
    """
    inside = subfolders(path)
    names = UNPAIRED[:2] if UNPAIRED[0] in inside else ("a", "b")
    if any(name not in inside for name in names):
        raise UserError(f"{path}: unpaired data need the sub-folders trainA and trainB (or A and B)")
    found = {"train": names, "test": UNPAIRED[2:]}
    turned = slice(None, None, -1 if config.direction == "BtoA" else 1)
    return {
        part: (sides[turned][0], sides[turned][1])
        for part, both in found.items()
        if len(sides := [inside[name] for name in both if name in inside]) == 2
    }


def _alike(file: Path) -> bool:
    """Whether the two halves show the same: upright pairs side by side are no wider than photos."""
    pixels = as_rgb8(read(file))
    half = pixels.shape[1] // 2
    left, right = (thumbnail(side).reshape(-1) for side in (pixels[:, :half], pixels[:, half:]))
    spread = float(left.std() * right.std())
    return spread > 0 and float(((left - left.mean()) * (right - right.mean())).mean()) > 0.8 * spread


def by_stem(folder: Path) -> dict[str, Path]:
    """Pictures below a folder by their path without ending.

    Raises:
        UserError: no pictures, or two that differ in their ending alone.
    """
    stems, doubles = stems_and_doubles(folder)
    for file, first in doubles:
        differ = "the Unicode form" if file.suffix == first.suffix else "the ending"
        raise UserError(f"{file} and {first.name} have the same name but for {differ}: which one is meant?")
    return stems


def stems_and_doubles(folder: Path) -> tuple[dict[str, Path], list[tuple[Path, Path]]]:
    """Pictures by their `img2img.files.stem`, and those (picture, the first of that name) whose name is taken."""
    stems: dict[str, Path] = {}
    doubles = []
    for file in find(folder):
        first = stems.setdefault(stem(file.relative_to(folder)), file)
        if first is not file:
            doubles.append((file, first))
    return stems, doubles


def match_stems(source: Path, target: Path) -> list[tuple[Path, Path, tuple[int, int]]]:
    """Pairs of files of two folders by their path without ending, and their (width, height) in px.

    Raises:
        UserError: partners are missing, stems are double, or the sizes of a pair differ; the files are listed.
    """
    left, right = by_stem(source), by_stem(target)
    missing = [str(left[name]) for name in left if name not in right]
    extra = [str(right[name]) for name in right if name not in left]
    if missing or extra:
        alone = []
        if missing:
            alone.append(f"without partner in {target}: {listed(missing)}")
        if extra:
            alone.append(f"without partner in {source}: {listed(extra)}")
        raise UserError(f"pairs are matched by name; {'; '.join(alone)}; add the missing files or remove these")
    pairs = []
    different = []
    for name, one in left.items():
        other = right[name]
        sizes = size(one), size(other)
        pairs.append((one, other, sizes[0]))
        if sizes[0] != sizes[1]:
            different.append(f"{one} ({sizes[0][0]}x{sizes[0][1]} against {sizes[1][0]}x{sizes[1][1]})")
    if different:
        raise UserError(
            f"the two pictures of a pair differ in size: {listed(different)}; replace them, or remove both of a pair"
        )
    return pairs


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
