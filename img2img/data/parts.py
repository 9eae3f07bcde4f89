"""The pictures of one part of a set (train, val, test), in each layout a folder can have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from img2img.data.cache import Cache
from img2img.data.config import DataConfig
from img2img.data.labels import LabelMaps, Side, check_files, find_labels, named_labels
from img2img.data.layouts import Layout, PartFolders
from img2img.data.masks import with_masks
from img2img.data.matching import checked_pairs, halves
from img2img.data.samples import Item, Pictures, decode_halves, decode_photo, decode_two
from img2img.data.synthesis import SYNTHESES
from img2img.errors import UserError
from img2img.images import find
from img2img.images.raster import any_size as size


def open_part(
    part: PartFolders, layout: Layout, config: DataConfig, cache: Cache, labels: LabelMaps | None = None
) -> Pictures:
    """The pictures of one part in a layout; the headers of all files are read, and label maps whole.

    ``labels`` are the classes where another part or weights have them already.

    Raises:
        UserError: no pictures, a layout that is none of folders, partners that are missing or do not fit, label maps
            that are none.
    """
    if layout.name in PAIRED:
        pairs = with_masks(_pairs(part, layout, config, cache), part[0])
        return _with_labels(pairs, layout, str(part[0].parent), labels) if config.labels else pairs
    if layout.name not in PARTS:
        raise UserError(f"data.layout={layout.name} does not fit a folder of pictures")
    pictures = with_masks(PARTS[layout.name](part, config, cache), part[0])
    return _with_labels(pictures, layout, str(part[0]), labels) if config.labels else pictures


def _with_labels(pictures: Pictures, layout: Layout, where: str, labels: LabelMaps | None) -> Pictures:
    """Pairs whose label maps are known to be ``labels``, or are looked at."""
    config = pictures.config
    if pictures.decoder is decode_photo:
        raise UserError(f"{where}: data.labels={config.labels} asks for pairs of photo and label map; these are none")
    if layout.name == "side_by_side" and labels is None:
        if config.label_side == "auto" or config.palette is None:
            raise UserError(
                f"{where}: of pairs side by side say data.label_side=source or target, and data.palette=FILE, a "
                f"palette PNG of the classes' colours"
            )
        return replace(pictures, labels=named_labels(config))
    sources = [item.source for item in pictures.items if item.source is not None]
    targets = [item.target for item in pictures.items if item.target is not None]
    sides: dict[Side, list[Path]] = {"source": sources, "target": targets}
    if labels is None:
        labels = find_labels(config, sides, where)
    elif pictures.decoder is decode_two:
        check_files(labels, sides[labels.side])
    return replace(pictures, labels=labels)


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
            f"{part[0]}: data.layout=photos needs a data.synthesis ({', '.join(SYNTHESES)}) to make the source of"
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
