"""Which file is the mask of a picture: by its name, as people keep masks, or by a pattern."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from img2img.data.patterns import result_patterns
from img2img.data.samples import Pictures
from img2img.errors import UserError
from img2img.files import inside, stem
from img2img.images import READABLE, find, read, size
from img2img.images.masks import hole_of

Pixels = np.ndarray[Any, Any]
# what the name of a mask may have after its picture's
MASK = "_mask"


def masks_of(
    folder: Path,
    files: Iterable[Path],
    pictures: Collection[str],
    flag: str,
    *,
    beside: bool,
    pattern: str | None = None,
) -> dict[str, Path]:
    """Each mask among the ``files`` of a folder by the stem of its picture (path without ending).

    It is called NAME or NAME_mask; ``beside`` the pictures only NAME_mask is one. With a ``pattern``, ``{}`` being the
    picture's stem, it is called so.

    Raises:
        UserError: two for one picture.
    """
    found: dict[str, Path] = {}
    wanted = {pattern.replace("{}", name): name for name in pictures} if pattern is not None else {}
    for mask in files:
        name = stem(mask.relative_to(folder).as_posix())
        if mask.suffix.lower() not in READABLE:
            continue
        bare = name.removesuffix(MASK)
        if pattern is not None:
            if name not in wanted:
                continue
            name = wanted[name]
        # a picture may itself be called so
        elif bare != name and bare in pictures and (beside or name not in pictures):
            name = bare
        elif beside:
            continue
        other = found.setdefault(name, mask)
        if other != mask:
            raise UserError(f"{flag} {folder}: {other} and {mask} are for the same picture; keep one")
    return found


def check_pattern(flag: str, pattern: str | None) -> None:
    """Refuse a pattern of masks that says nothing of their pictures.

    Raises:
        UserError: there is no ``{}`` in it.
    """
    if pattern is not None and "{}" not in pattern:
        raise UserError(f"{flag}{pattern}: needs {{}} for the picture's name, such as {{}}_hole")


def proposal(pictures: Sequence[str], masks: Sequence[str], flag: str) -> str:
    """The pattern under which every picture (by stem) would have a mask, as a flag, if there is one."""
    fitting = [pattern for pattern in result_patterns(pictures, masks) if pattern != "{}"]
    return f"; {shlex.quote(flag + fitting[0])} would match all" if fitting else ""


def check_size(mask: Path, has: tuple[int, int], wanted: tuple[int, int]) -> None:
    """Refuse a mask of another (width, height) than its picture's.

    Raises:
        UserError: naming the mask and both sizes.
    """
    if has != wanted:
        sizes = " against ".join(f"{width}x{height}" for width, height in (has, wanted))
        raise UserError(f"{mask}: a mask and its picture have one size ({sizes}); replace it, or remove both")


def check_hole(mask: Path) -> Pixels:
    """(H, W) bool, true inside the hole of a mask out of a file, which is neither empty nor everything.

    Raises:
        UserError: it is, or the file is no mask.
    """
    try:
        hole, _ = hole_of(read(mask))
    except UserError as error:
        text = str(error)
        raise UserError(text if str(mask) in text else f"{mask}: {text}") from error
    if hole.any() and not hole.all():
        return hole
    what = "is all hole, nothing is left to fill it from" if hole.any() else "has no hole"
    raise UserError(f"{mask}: {what}; make the hole white and the rest black, or remove mask and picture")


def with_masks(pictures: Pictures, root: Path) -> Pictures:
    """Photos below ``root`` with the masks that ``data.hole.masks`` names; files that are masks are no photos.

    Raises:
        UserError: no such folder, a photo without a mask, two for one, a mask of another size, or one that is no hole
            or all of it.
    """
    hole = pictures.config.hole
    if hole.masks is None:
        return pictures
    flag, folder = "data.hole.masks", Path(hole.masks)
    if not folder.is_dir():
        raise UserError(f"{flag}={folder}: no such folder; name the folder of the masks")
    # a set with parts may keep the masks of each apart
    folder = folder / root.name if (folder / root.name).is_dir() else folder
    beside = folder.resolve() == root.resolve()
    inner = not beside and inside(folder, root)
    items = [item for item in pictures.items if not (inner and item.target and inside(item.target, folder))]
    files = find(folder, links=True)
    found = masks_of(folder, files, {stem(item.name) for item in items}, flag, beside=beside, pattern=hole.match)
    taken = set(found.values())
    items = [item for item in items if not (beside and item.target in taken)]
    missing = [item.name for item in items if stem(item.name) not in found]
    if missing:
        names = [stem(item.name) for item in items]
        masks = [stem(file.relative_to(folder).as_posix()) for file in files]
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        called = hole.match or (f"NAME{MASK}" if beside else f"NAME or NAME{MASK}")
        raise UserError(
            f"{flag} {folder}: no mask for {missing[0]}{more} (called {called})"
            f"{proposal(names, masks, 'data.hole.match=')}"
        )
    for item in items:
        mask = found[stem(item.name)]
        if item.size is not None:
            check_size(mask, size(mask), item.size)
        check_hole(mask)
    return replace(pictures, items=tuple(replace(item, mask=found[stem(item.name)]) for item in items))
