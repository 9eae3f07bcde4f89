"""From a configuration to opened data: training, validation and test samples, their manifest and scenes."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from img2img.data import builtin
from img2img.data.config import DataConfig
from img2img.data.layouts import Place, detect, halves, match_stems, parts, unpaired
from img2img.data.samples import Cache, Item, Mixture, Pictures, Samples, Unpaired, open_halves, open_photo, open_two
from img2img.data.split import find_scenes, read_scenes, split, thumbnail
from img2img.errors import UserError
from img2img.images import find
from img2img.images import size as header_size


@dataclass(frozen=True)
class Data:
    """A data set opened for training.

    ``manifest`` holds names, sizes and SHA-256 of the files and their common ``hash``; ``notes`` are lines to print;
    ``scenes`` gives the scene of each picture by name, where the validation part was split off by scene.
    """

    train: Samples
    validation: Samples | None
    manifest: dict[str, Any]
    notes: tuple[str, ...] = ()
    scenes: Mapping[str, str] = field(default_factory=dict)


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
    if layout == "unpaired":
        return _unpaired(path, config, seed, cache)
    places = parts(path, layout, config)
    if "train" not in places and "all" not in places:
        other = next(iter(places))
        raise UserError(f"--data {path}: has a part {other} but none to train on; add a folder train beside it")
    train = _open_part(places.get("train") or places["all"], layout, config, cache)
    how = "auto: " if config.layout == "auto" else ""
    direction = f", {config.direction}" if layout == "side_by_side" else ""
    if layout == "two_folders":
        source, target = places.get("train") or places["all"]
        direction = f", {source.relative_to(path)} to {target.relative_to(path)}"
    begin = f"data {path}: {how}{layout}{direction}; {len(train)} pictures"
    if "val" in places:
        validation = _open_part(places["val"], layout, config, cache)
        note = f"{begin} for training, {len(validation)} in {places['val'][0].relative_to(path)} for validation"
        files = manifest(path, [*_files(train), *_files(validation)])
        return Data(train, validation, files, (note, *_small(train)))
    files = manifest(path, _files(train))
    kept, held, scenes = _split(train, config, seed)
    note = (
        f"{begin} of {len(set(scenes))} scenes: {len(kept)} for training, {len(held)} for validation (split by scene)"
    )
    if not held:
        note = f"{begin} for training, none for validation"
    files["validation"] = [train.items[index].name for index in held]
    named = {name: str(scene) for name, scene in zip(train.names, scenes, strict=True)}
    return Data(train.select(kept), train.select(held) if held else None, files, (note, *_small(train)), named)


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
    cache = Cache(config.cache_mb)
    if layout == "unpaired":
        validation = _unpaired(folder, config, 0, cache).validation
        if validation is None:
            raise UserError(f"--data {folder}: no testA and testB in it")
        return validation
    places = parts(folder, layout, config)
    chosen = next(places[name] for name in ("test", "val", "train", "all") if name in places)
    return _open_part(chosen, layout, config, cache)


def _open_part(place: Place, layout: str, config: DataConfig, cache: Cache) -> Pictures:
    """The pictures of one part in a layout; the headers of all files are read."""
    folder = place[0]
    if layout == "two_folders":
        source, target = place
        items = tuple(
            Item(str(one.relative_to(source)), source=one, target=other, size=size)
            for one, other, size in match_stems(source, target)
        )
        return Pictures(items, config, open_two, cache)
    if layout not in ("side_by_side", "photos", "images"):
        raise UserError(f"data.layout={layout} does not fit a folder of pictures")
    if layout == "photos" and config.synthesis == "none":
        raise UserError(
            f"{folder}: data.layout=photos needs a data.synthesis (rain, hole, edges) to make the source of"
        )
    files = find(folder)
    names = [str(file.relative_to(folder)) for file in files]
    if layout == "side_by_side":
        found = zip(names, files, halves(files), strict=True)
        return Pictures(tuple(Item(n, source=f, size=size) for n, f, size in found), config, open_halves, cache)
    alone = zip(names, files, strict=True)
    return Pictures(tuple(Item(n, target=f, size=header_size(f)) for n, f in alone), config, open_photo, cache)


def _small(pictures: Pictures) -> tuple[str, ...]:
    """A line about pictures that the crop does not fit into, where there are any."""
    config = pictures.config
    if config.crop is None or config.load is not None:
        return ()
    count = sum(1 for item in pictures.items if item.size is not None and min(item.size) < config.crop)
    if not count:
        return ()
    return (
        f"{count} of {len(pictures)} pictures are smaller than the crop of {config.crop} px: they are mirrored at the "
        f"right and below to fit",
    )


def _split(pictures: Pictures, config: DataConfig, seed: int) -> tuple[list[int], list[int], Sequence[int | str]]:
    """(training, validation) indices and the scene of each picture; the clean side decides what a scene is."""
    scenes: Sequence[int | str]
    if config.scenes:
        scenes = read_scenes(Path(config.scenes), pictures.names)
    elif config.validation == 0:
        # nothing is held out, so that nothing can leak and no picture needs to be decoded
        scenes = list(range(len(pictures)))
    else:
        scenes = find_scenes([thumbnail(pictures.decode(index)["target"]) for index in range(len(pictures))])
    kept, held = split(scenes, config.validation, seed)
    return kept, held, scenes


def _unpaired(path: Path, config: DataConfig, seed: int, cache: Cache) -> Data:
    places = unpaired(path, config)
    sides = [_open_part((folder,), "images", config, cache) for folder in places["train"]]
    train = Unpaired(sides[0], sides[1], config)
    validation: Unpaired | None = None
    scenes: dict[str, str] = {}
    held_out: list[Pictures] = []
    if "test" in places:
        held_out = [_open_part((folder,), "images", config, cache) for folder in places["test"]]
        validation = Unpaired(held_out[0], held_out[1], config)
    elif config.validation:
        kept, held, found = _split(sides[0], config, seed)
        scenes = {name: str(scene) for name, scene in zip(sides[0].names, found, strict=True)}
        if held:
            train, validation = (Unpaired(sides[0].select(which), sides[1], config) for which in (kept, held))
    note = (
        f"data {path}: unpaired, {places['train'][0].name} to {places['train'][1].name}; {len(train)} sources and "
        f"{len(sides[1])} targets for training, {len(validation) if validation else 0} sources for validation"
    )
    files = manifest(path, [file for side in (*sides, *held_out) for file in _files(side)])
    return Data(train, validation, files, (note, *_small(sides[0])), scenes)


def _arrays(path: Path, config: DataConfig, seed: int) -> Data:
    try:
        with np.load(path, allow_pickle=False) as file:
            images = file["images"]
    except (OSError, KeyError, ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise UserError(
            f"--data {path}: an .npz with an array 'images' (N, H, W, 3) uint8 is needed ({error})"
        ) from error
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
        raise UserError(f"--data {path}: 'images' is {images.dtype} {images.shape}, (N, H, W, 3) uint8 is needed")
    height, width = images.shape[1:3]
    items = tuple(
        Item(f"image {index}", pixels=np.repeat(image, 3, 2) if image.shape[2] == 1 else image, size=(width, height))
        for index, image in enumerate(images)
    )
    digest = hashlib.sha256(images.tobytes()).hexdigest()
    files = {"files": [{"name": path.name, "bytes": path.stat().st_size, "sha256": digest}], "hash": digest}
    everything = Pictures(items, config, open_photo, Cache(0))
    count = round(config.validation * len(items))
    kept, held = split(list(range(len(items))), config.validation, seed) if count else (list(range(len(items))), [])
    train, validation = everything.select(kept), everything.select(held) if held else None
    note = f"data {path}: {len(items)} images, {len(held)} held out for validation (at random, not by scene)"
    return Data(train, validation, files, (note, *_small(everything)))


def _builtin(config: DataConfig) -> Data:
    """Bundled photographs, or the toy mixture."""
    if config.layout == "mixture":
        name = f"{config.mixture}, {config.samples} points a pass"
        digest = hashlib.sha256(name.encode()).hexdigest()
        points = Mixture(config.mixture, config.samples)
        return Data(points, points, {"files": [], "builtin": name, "hash": digest}, (f"data: {name}",))
    if config.layout in ("side_by_side", "two_folders", "arrays"):
        raise UserError(f"data.layout={config.layout} needs --data")
    opened = []
    for names in (builtin.TRAINING, builtin.VALIDATION):
        items = tuple(Item(f"{name}.png", target=builtin.photo_path(name)) for name in names)
        opened.append(Pictures(items, config, open_photo, Cache(config.cache_mb)))
    train, validation = opened
    note = (
        f"data: scikit-image's photographs, {len(train)} for training, {len(validation)} others for validation"
        f"{f'; {config.synthesis} is made on them' if config.synthesis != 'none' else ''}"
    )
    files = manifest(builtin.photo_path("astronaut").parent, [*_files(train), *_files(validation)])
    files["validation"] = list(validation.names)
    if config.layout == "unpaired":
        half = len(train.items) // 2
        sides = [train.select(range(half)), train.select(range(half, len(train.items)))]
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
