"""Data: pairs, photos with made degradations, unpaired folders, arrays and toy mixtures, split by scene."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from img2img.data import builtin
from img2img.data.config import DataConfig
from img2img.data.layouts import check_halves, detect, folders, match_stems, part, two_folders
from img2img.data.samples import Cache, Item, Mixture, Pictures, Samples, Unpaired, open_halves, open_photo, open_two
from img2img.data.split import find_scenes, read_scenes, split, thumbnail
from img2img.errors import UserError
from img2img.images import find

__all__ = ["Data", "DataConfig", "Samples", "open_data", "open_test"]


@dataclass(frozen=True)
class Data:
    """A data set opened for training: its parts, what it consists of, and what to tell about it."""

    train: Samples
    validation: Samples | None
    manifest: dict[str, Any]
    notes: tuple[str, ...] = ()


def open_data(config: DataConfig, seed: int) -> Data:
    """The data set that a configuration means, with a validation part.

    Raises:
        UserError: missing or empty folder, pairs without partner, halves that differ, unreadable files, layout unclear.
    """
    if config.path is None:
        return _builtin(config)
    path = Path(config.path)
    if not path.exists():
        raise UserError(f"--data {path}: no such folder")
    if config.layout == "arrays" or path.suffix == ".npz":
        return _arrays(path, config, seed)
    if not path.is_dir():
        raise UserError(f"--data {path}: is a file; a folder of pictures is needed (or an .npz of images)")
    layout = config.layout if config.layout != "auto" else detect(path, config)
    cache = Cache(config.cache_mb)
    notes = []
    if layout == "unpaired":
        return _unpaired(path, config, seed, cache)
    train_folder = part(path, "train") or path
    train = _open_part(train_folder, layout, config, cache)
    val_folder = part(path, "val") if part(path, "train") else None
    how = "auto: " if config.layout == "auto" else ""
    direction = f", {config.direction}" if layout == "side_by_side" else ""
    if val_folder is not None:
        validation = _open_part(val_folder, layout, config, cache)
        notes.append(
            f"data {path}: {how}{layout}{direction}; {len(train)} for training, {len(validation)} in {val_folder.name}"
        )
        return Data(train, validation, manifest(path, [*_files(train), *_files(validation)]), tuple(notes))
    kept, held, scenes = _split(train, config, seed)
    notes.append(
        f"data {path}: {how}{layout}{direction}; {len(train)} pictures of {scenes} scenes: {len(kept)} for training, "
        f"{len(held)} for validation (split by scene)"
    )
    files = manifest(path, _files(train))
    files["validation"] = [train.items[index].name for index in held]
    validation = replace(train, items=tuple(train.items[index] for index in held))
    train = replace(train, items=tuple(train.items[index] for index in kept))
    return Data(train, validation if held else None, files, tuple(notes))


def open_test(config: DataConfig, path: str | None) -> Samples:
    """All pairs of a folder to test on: its test part if it has one, else its val part, else everything in it.

    Without a path, the built-in validation photographs.

    Raises:
        UserError: as `open_data`.
    """
    if path is None:
        validation = _builtin(config).validation
        if validation is None:
            raise UserError("the built-in data have no pictures to test on; give --data")
        return validation
    folder = Path(path)
    if not folder.is_dir():
        raise UserError(f"--data {folder}: no such folder")
    config = replace(config, path=path)
    layout = config.layout if config.layout != "auto" else detect(folder, config)
    inside = part(folder, "test") or part(folder, "val") or folder
    if layout == "unpaired":
        validation = _unpaired(folder, config, 0, Cache(config.cache_mb)).validation
        if validation is None:
            raise UserError(f"--data {folder}: no testA and testB in it")
        return validation
    return _open_part(inside, layout, config, Cache(config.cache_mb))


def _open_part(folder: Path, layout: str, config: DataConfig, cache: Cache) -> Pictures:
    """The pictures of one folder in a layout."""
    if layout == "two_folders":
        sides = two_folders(folder)
        if sides is None:
            raise UserError(
                f"{folder}: two sub-folders are needed, one for each side (such as source and target, A and B)"
            )
        source, target = sides
        if config.direction == "BtoA" and {source.name.lower(), target.name.lower()} == {"a", "b"}:
            source, target = target, source
        items = tuple(
            Item(str(one.relative_to(source)), source=one, target=other) for one, other in match_stems(source, target)
        )
        return Pictures(items, config, open_two, cache)
    files = find(folder)
    if layout == "side_by_side":
        check_halves(files)
        return Pictures(tuple(Item(str(f.relative_to(folder)), source=f) for f in files), config, open_halves, cache)
    if layout in ("photos", "images"):
        if layout == "photos" and config.synthesis == "none":
            raise UserError(
                f"{folder}: data.layout=photos needs a data.synthesis (rain, hole, edges) to make the source of"
            )
        return Pictures(tuple(Item(str(f.relative_to(folder)), target=f) for f in files), config, open_photo, cache)
    raise UserError(f"data.layout={layout} does not fit a folder of pictures")


def _split(pictures: Pictures, config: DataConfig, seed: int) -> tuple[list[int], list[int], int]:
    """(training, validation) indices and the number of scenes; the clean side decides what a scene is."""
    scenes: Sequence[int | str]
    if config.scenes:
        scenes = read_scenes(Path(config.scenes), pictures.names)
    else:
        scenes = find_scenes([thumbnail(pictures._open(index)["target"]) for index in range(len(pictures))])
    kept, held = split(scenes, config.validation, seed)
    return kept, held, len(set(scenes))


def _unpaired(path: Path, config: DataConfig, seed: int, cache: Cache) -> Data:
    inside = folders(path)
    names = ("traina", "trainb") if "traina" in inside else ("a", "b")
    if any(name not in inside for name in names):
        raise UserError(f"{path}: unpaired data need the sub-folders trainA and trainB (or A and B)")
    if config.direction == "BtoA":
        names = (names[1], names[0])
    sides = [_open_part(inside[name], "images", config, cache) for name in names]
    train = Unpaired(sides[0], sides[1], config)
    validation: Unpaired | None = None
    tests = tuple(name.replace("train", "test") for name in names)
    if "testa" in inside and "testb" in inside:
        parts = [_open_part(inside[name], "images", config, cache) for name in tests]
        validation = Unpaired(parts[0], parts[1], config)
    elif config.validation:
        kept, held, _ = _split(sides[0], config, seed)
        if held:
            parts = [replace(sides[0], items=tuple(sides[0].items[i] for i in which)) for which in (kept, held)]
            train, validation = (Unpaired(one, sides[1], config) for one in parts)
    note = f"data {path}: unpaired, {config.direction}; {len(sides[0])} sources, {len(sides[1])} targets"
    return Data(train, validation, manifest(path, [*_files(sides[0]), *_files(sides[1])]), (note,))


def _arrays(path: Path, config: DataConfig, seed: int) -> Data:
    try:
        with np.load(path, allow_pickle=False) as file:
            images = file["images"]
    except (OSError, KeyError, ValueError) as error:
        raise UserError(
            f"--data {path}: an .npz with an array 'images' (N, H, W, 3) uint8 is needed ({error})"
        ) from error
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise UserError(f"--data {path}: 'images' is {images.dtype} {images.shape}, (N, H, W, 3) uint8 is needed")
    items = tuple(
        Item(f"image {index}", pixels=np.repeat(image, 3, 2) if image.shape[2] == 1 else image)
        for index, image in enumerate(images)
    )
    digest = hashlib.sha256(images.tobytes()).hexdigest()
    files = {"files": [{"name": path.name, "bytes": path.stat().st_size, "sha256": digest}], "hash": digest}
    train = Pictures(items, config, open_photo, Cache(0))
    count = round(config.validation * len(items))
    kept, held = split(list(range(len(items))), config.validation, seed) if count else (list(range(len(items))), [])
    validation = replace(train, items=tuple(items[i] for i in held)) if held else None
    train = replace(train, items=tuple(items[i] for i in kept))
    return Data(train, validation, files, (f"data {path}: {len(items)} images, {len(held)} held out for validation",))


def _builtin(config: DataConfig) -> Data:
    """Bundled photographs, or the toy mixture."""
    if config.layout == "mixture":
        name = f"{config.mixture}, {config.samples} points a pass"
        digest = hashlib.sha256(name.encode()).hexdigest()
        points = Mixture(config.mixture, config.samples)
        return Data(points, points, {"files": [], "builtin": name, "hash": digest}, (f"data: {name}",))
    if config.layout in ("side_by_side", "two_folders", "arrays"):
        raise UserError(f"data.layout={config.layout} needs --data")
    parts = []
    for names in (builtin.TRAINING, builtin.VALIDATION):
        items = tuple(Item(f"{name}.png", target=builtin.photo_path(name)) for name in names)
        parts.append(Pictures(items, config, open_photo, Cache(config.cache_mb)))
    train, validation = parts
    note = (
        f"data: scikit-image's photographs, {len(train)} for training, {len(validation)} others for validation"
        f"{f'; {config.synthesis} is made on them' if config.synthesis != 'none' else ''}"
    )
    files = manifest(builtin.photo_path("astronaut").parent, [*_files(train), *_files(validation)])
    files["validation"] = list(validation.names)
    if config.layout == "unpaired":
        half = len(train.items) // 2
        sides = [replace(train, items=train.items[:half]), replace(train, items=train.items[half:])]
        rest = Unpaired(validation, validation, config)
        return Data(Unpaired(sides[0], sides[1], config), rest, files, (note,))
    return Data(train, validation, files, (note,))


def _files(pictures: Pictures) -> list[Path]:
    return [file for item in pictures.items for file in (item.source, item.target) if file is not None]


def manifest(root: Path, files: Sequence[Path]) -> dict[str, Any]:
    """Names below ``root``, sizes and SHA-256 of all files, and one hash over names and contents."""
    entries = []
    total = hashlib.sha256()
    for file in files:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise UserError(f"{file}: cannot be read: {error.strerror}") from error
        digest = hashlib.sha256(content).hexdigest()
        name = str(file.relative_to(root))
        entries.append({"name": name, "bytes": len(content), "sha256": digest})
        total.update(f"{name}\0{digest}\n".encode())
    return {"files": entries, "hash": total.hexdigest()}
