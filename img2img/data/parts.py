"""The pictures of one part of a set (train, val, test), in each layout a folder can have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from img2img.data.config import DataConfig
from img2img.data.layouts import Layout, PartFolders
from img2img.data.masks import with_masks
from img2img.data.matching import checked_pairs, halves
from img2img.data.samples import Cache, Item, Pictures, decode_halves, decode_photo, decode_two
from img2img.errors import UserError
from img2img.images import find
from img2img.images.raster import any_size as size


def open_part(part: PartFolders, layout: Layout, config: DataConfig, cache: Cache) -> Pictures:
    """The pictures of one part in a layout; the headers of all files are read.

    Raises:
        UserError: no pictures, a layout that is none of folders, partners that are missing or do not fit.
    """
    if layout.name in PAIRED:
        return with_masks(_pairs(part, layout, config, cache), part[0])
    if layout.name not in PARTS:
        raise UserError(f"data.layout={layout.name} does not fit a folder of pictures")
    return with_masks(PARTS[layout.name](part, config, cache), part[0])


def _pairs(part: PartFolders, layout: Layout, config: DataConfig, cache: Cache) -> Pictures:
    source = part[0]
    pairs, _ = checked_pairs(source, part[1] if len(part) == 2 else None, layout.pattern)
    items = tuple(
        Item(str(file.relative_to(source)), source=file, target=partner, size=pair_size)
        for file, partner, pair_size in pairs
    )
    return Pictures(items, config, decode_two, cache)


def _side_by_side(part: PartFolders, config: DataConfig, cache: Cache) -> Pictures:
    (folder,) = part
    files = find(folder, links=True)
    items = tuple(
        Item(str(file.relative_to(folder)), source=file, size=half_size)
        for file, half_size in zip(files, halves(files), strict=True)
    )
    return Pictures(items, config, decode_halves, cache)


def _photos(part: PartFolders, config: DataConfig, cache: Cache) -> Pictures:
    if config.synthesis == "none":
        raise UserError(
            f"{part[0]}: data.layout=photos needs a data.synthesis (rain, hole, edges) to make the source of"
        )
    return open_images(part[0], config, cache)


def open_images(folder: Path, config: DataConfig, cache: Cache) -> Pictures:
    """Each picture of a folder by itself.

    Raises:
        UserError: no pictures, or one whose header cannot be read.
    """
    items = tuple(
        Item(str(file.relative_to(folder)), target=file, size=size(file)) for file in find(folder, links=True)
    )
    return Pictures(items, config, decode_photo, cache)


# layouts whose pairs are two files each
PAIRED = ("two_folders", "one_folder")
PARTS: dict[str, Callable[[PartFolders, DataConfig, Cache], Pictures]] = {
    "side_by_side": _side_by_side,
    "photos": _photos,
    "images": lambda part, config, cache: open_images(part[0], config, cache),
}
