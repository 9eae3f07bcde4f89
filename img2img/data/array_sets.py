"""From files of arrays to samples: uint8 images as pictures, everything else as numbers in units of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from img2img.data.array_files import Arrays, Values, array_files, read_arrays
from img2img.data.cache import Cache
from img2img.data.config import DataConfig, Ranges
from img2img.data.planet import planet_rows
from img2img.data.rows import Rows, recipe_of
from img2img.data.samples import Item, Pictures, decode_photo
from img2img.errors import UserError
from img2img.images import find
from img2img.images.folder import ARRAYS
from img2img.images.form import Form, Forms

Opened = tuple[Pictures | Rows, dict[str, Any], str]


def is_array_set(path: Path, config: DataConfig) -> bool:
    """Whether ``--data`` is read as arrays: any file, and a folder with files of arrays and without pictures.

    Folders are looked into for data without pairs alone: beside pairs a file of arrays may lie for another purpose.
    """
    if path.is_file() or config.layout in ("arrays", "planet"):
        return True
    if config.layout not in ("images", "mixture"):
        return False
    try:
        arrays = all(file.suffix.lower() in ARRAYS for file in find(path, links=True))
    except UserError:
        arrays = True
    if arrays:
        return bool(array_files(path))
    return config.layout == "mixture"


def open_arrays(path: Path, config: DataConfig) -> Opened:
    """(all samples, manifest, the beginning of a note on them).

    Raises:
        UserError: unknown or damaged files, NaN, shapes that are no samples, constant columns, one sample alone; a
            range.
    """
    if config.range != Ranges():
        raise UserError(
            f"--data {path}: is read as arrays, which data.range is not for: images of 8 bits are 0 to 255, numbers "
            f"are scaled by their least and largest (data.scale)"
        )
    arrays = read_arrays(path)
    values = channels_last(arrays.values)
    if len(values) < 2:
        raise UserError(f"--data {path}: holds 1 sample; at least 2 are needed, and some thousands to learn from")
    digest = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
    files = [
        {"name": file.name, "bytes": file.stat().st_size, "sha256": _sha256(file) if len(arrays.files) > 1 else digest}
        for file in arrays.files
    ]
    samples: Pictures | Rows
    if values.ndim == 4 and values.dtype == np.uint8 and values.shape[3] in (1, 3):
        if values.min() == values.max():
            raise UserError(
                f"--data {path}: every level is {values.flat[0]}; there is nothing to learn from such images"
            )
        samples, what = _pictures(path, values, arrays.labels, config), "images"
    else:
        samples, what = _rows(f"--data {path}", values, arrays, config)
    if arrays.labels is not None:
        what += f" of {len(np.unique(arrays.labels))} classes"
    return samples, {"files": files, "hash": digest}, f"data {path}: {len(values)} {what}"


def made_arrays(config: DataConfig) -> Opened:
    """What is built in for layout planet: rows that are made (`planet_rows`), as `open_arrays` gives those of files.

    Raises:
        UserError: a side that is too small for the rows.
    """
    values = planet_rows(*config.made)
    samples, what = _rows("data.layout=planet", values, Arrays(values), config)
    digest = hashlib.sha256(values.tobytes()).hexdigest()
    name = f"made spectra of planets, {len(values)} {what}"
    return samples, {"files": [], "builtin": name, "hash": digest}, f"data: {name}"


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def channels_last(values: Values) -> Values:
    """(N, H, W) of bytes and (N, C, H, W) as (N, H, W, C)."""
    if values.ndim == 3 and values.dtype == np.uint8:
        return values[..., None]
    if values.ndim == 4 and values.shape[1] in (1, 3) and values.shape[3] not in (1, 3):
        return values.transpose(0, 2, 3, 1)
    return values


def _pictures(path: Path, images: Values, labels: Values | None, config: DataConfig) -> Pictures:
    height, width = images.shape[1:3]
    side = min(height, width)
    if config.load is not None and side < config.load and not config.enlarge:
        raise UserError(
            f"--data {path}: its images are {width}x{height} px, and data.load={config.load} would enlarge them; "
            f"data.load={side} data.crop={min(side, config.crop or side)} takes them as they are, data.enlarge=true "
            f"enlarges them"
        )
    channels = _channels(f"--data {path}", images.shape[3], config)
    known: Sequence[int | None] = [None] * len(images) if labels is None else labels.tolist()
    items = tuple(
        Item(
            f"image {index}",
            pixels=np.repeat(image, channels // images.shape[3], 2),
            size=(width, height),
            label=label,
        )
        for index, (image, label) in enumerate(zip(images, known, strict=True))
    )
    return Pictures(
        items, config, decode_photo, Cache(0), forms=Forms(Form(channels=channels), Form(channels=channels))
    )


def check_channels(where: str, here: int, config: DataConfig, *more: int) -> None:
    """``data.channels`` asks for nothing but the channels that samples have ``here``, or ``more`` that they may have.

    Raises:
        UserError: it does.
    """
    asked = config.channels if isinstance(config.channels, tuple) else (config.channels,)
    if others := set(asked) - {"auto", here, *more}:
        channels = f"{here} channel{'s' if here > 1 else ''}"
        raise UserError(f"{where}: pictures of {channels}, data.channels={others.pop()} fits none of them")


def _channels(where: str, here: int, config: DataConfig) -> int:
    """Channels of the samples: grey images are RGB, unless ``data.channels`` says 1."""
    check_channels(where, here, config, 3)
    asked = config.channels[1] if isinstance(config.channels, tuple) else config.channels
    return 3 if asked == "auto" else asked


def _rows(where: str, values: Values, arrays: Arrays, config: DataConfig) -> tuple[Rows, str]:
    """Numbers, scaled by their range; with a word on what they are. ``where`` begins the errors."""
    if values.ndim > 4 or (values.ndim == 4 and values.shape[3] not in (1, 3)):
        raise UserError(
            f"{where}: holds samples of {'x'.join(map(str, values.shape[1:]))}; rows (F), or images (H, W, 1 or 3) are "
            f"taken"
        )
    if values.ndim > 2 and values.shape[1] != values.shape[2]:
        raise UserError(
            f"{where}: its images are {values.shape[2]}x{values.shape[1]}; numbers are taken as squares; "
            f"cut or pad them"
        )
    if values.ndim > 2:
        check_channels(where, values.shape[3] if values.ndim == 4 else 1, config)
    recipe = recipe_of(
        values,
        arrays.columns,
        by_column=config.scale == "column",
        square=config.rows == "square",
        side=config.side,
        where=where,
    )
    rows = Rows(recipe.to_network(values), recipe, tuple(range(len(values))), arrays.labels)
    if values.ndim > 2:
        return rows, f"images of numbers, {min(recipe.low):g} to {max(recipe.high):g}"
    form = f", each a square of {recipe.square}" if recipe.square else ""
    return rows, f"rows of {values.shape[1]} numbers{form}, scaled by {config.scale}"
