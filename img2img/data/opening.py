"""From a configuration to opened data: training, validation and test samples, their manifest and scenes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from img2img.data import builtin
from img2img.data.array_sets import Opened, check_channels, is_array_set, made_arrays, open_arrays
from img2img.data.cache import Cache
from img2img.data.classes import find_classes, with_classes
from img2img.data.config import DataConfig
from img2img.data.drawings import deciding_side, drawn_vote
from img2img.data.drawn import check_drawn
from img2img.data.forms import with_forms
from img2img.data.labels import LabelMaps
from img2img.data.layouts import Layout, PartFolders, left_outside, read_layout
from img2img.data.manifest import files_of, manifest
from img2img.data.matching import match
from img2img.data.parts import open_images, open_part
from img2img.data.peers import WHOLE
from img2img.data.samples import PLAIN_FORMS, Item, Mixture, Pictures, Samples, Unpaired, decode_photo
from img2img.data.split import find_scenes, read_scenes, split, thumbnail
from img2img.data.synthesis import prepare
from img2img.errors import UserError
from img2img.files import listed
from img2img.images.folder import dead_links
from img2img.images.form import Forms

Pixels = np.ndarray[Any, Any]
# samples of which a generator learns each by heart
FEW = 500


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


def open_set(config: DataConfig, seed: int, forms: Forms | None = None) -> Data:
    """The data set that a configuration means, without what is mixed into it, with a validation part.

    Raises:
        UserError: missing or empty folder, pairs without partner, halves that differ, unreadable files, layout unclear,
            options that the set has no use for, weights of a drawing's network that are absent or damaged.
    """
    data = _opened(config, seed, forms)
    if config.labels:
        data = replace(data, notes=(*data.notes, _said_labels(data.train, config)))
    if config.exchange.share:
        _check_exchange(data.train, config)
    check_drawn(data.train, config)
    if config.classes:
        classes = find_classes((data.train, data.validation), config.path or "what is built in")
        held = data.validation
        validation = None if held is None else with_classes(held, classes)
        data = replace(data, train=with_classes(data.train, classes), validation=validation)
    if isinstance(data.train, Pictures) and data.train.decoder is decode_photo:
        prepare(config)
    return data


def _said_labels(train: Samples, config: DataConfig) -> str:
    """A line on which side is the label map.

    Raises:
        UserError: the set has no pairs.
    """
    labels = train.labels if isinstance(train, Pictures) else None
    if labels is None:
        raise UserError(
            f"data.labels={config.labels}: {config.path or 'the built-in data'} has no pairs of photo and label map"
        )
    form = "one-hot" if labels.side == "source" else "in the classes' colours"
    return f"data: the {labels.side} is the label map, {len(labels.palette)} classes, {form}"


def _check_exchange(train: Samples, config: DataConfig) -> None:
    """Layers can be exchanged.

    Raises:
        UserError: the set has none, or one scene alone.
    """
    begin = f"data.exchange.share={config.exchange.share}"
    if not isinstance(train, Pictures) or train.decoder is decode_photo:
        raise UserError(
            f"{begin}: layers (source - target) are taken from pairs, and {config.path or 'the built-in data'} has "
            f"none; leave it at 0"
        )
    if len({item.known_scene for item in train.items}) < 2:
        raise UserError(f"{begin}: {config.path} has one scene to train on, which cannot be given another's layer")


def _opened(config: DataConfig, seed: int, forms: Forms | None) -> Data:
    seed = seed if config.split_seed is None else config.split_seed
    if config.path is None:
        return _builtin(config, seed)
    path = Path(config.path)
    if not path.exists():
        raise UserError(f"--data {path}: no such folder")
    if is_array_set(path, config):
        return _arrays(open_arrays(path, config), config, seed)
    layout = read_layout(path, config)
    data = (_unpaired if layout.name == "unpaired" else _parts)(path, layout, config, seed, forms)
    return replace(data, notes=(*data.notes, *_remarks(path, layout, config)))


def open_test(
    config: DataConfig, path: str | None, labels: LabelMaps | None = None, forms: Forms = PLAIN_FORMS
) -> Samples:
    """All pairs of a folder to test on: its test part if it has one, else its val part, else everything in it.

    Without a path, the built-in validation photographs. ``labels`` are the classes that weights know of label maps,
    ``forms`` what the pictures are, as the training had them.

    Raises:
        UserError: as `open_set`.
    """
    if path is None:
        validation = open_set(replace(config, path=None), 0).validation
        if validation is None:
            raise UserError("the built-in data have no pictures to test on; give --data")
        return validation
    folder = Path(path)
    if not folder.is_dir():
        raise UserError(f"--data {folder}: no such folder")
    config = replace(config, path=path)
    layout = read_layout(folder, config)
    if "test" in layout.aside:
        raise UserError(f"--data {folder}: nothing to test on: {layout.aside['test']}")
    if layout.name == "unpaired":
        validation = _unpaired(folder, layout, config, 0, forms).validation
        if validation is None:
            raise UserError(f"--data {folder}: no testA and testB in it")
        return validation
    chosen = next(layout.parts[name] for name in ("test", "val", "train", WHOLE) if name in layout.parts)
    pictures = open_part(chosen, layout, config, Cache(config.cache_mb), labels)
    return with_forms(pictures, config, forms)[0]


def made_source(samples: Samples) -> str:
    """In a few words, how the sources were made of clean photos; empty where the data bring them."""
    if isinstance(samples, Pictures) and samples.decoder is decode_photo and samples.config.synthesis != "none":
        return f"{samples.config.synthesis} made on clean photos by data.synthesis"
    return ""


def _remarks(path: Path, layout: Layout, config: DataConfig) -> list[str]:
    """Lines on how a set was taken, and on what of it was not."""
    lines = [f"data {path}: {note}" for note in layout.notes]
    lines += [f"data {path}: {reason}; left aside, training does not use it" for reason in layout.aside.values()]
    outside = left_outside(path, layout)
    if outside:
        lines.append(f"data {path}: pictures in no part of it are left aside, {len(outside)}: {listed(outside)}")
    dead = dead_links(path)
    if dead:
        names = listed([str(link.relative_to(path)) for link in dead])
        lines.append(f"data {path}: links that lead nowhere or in circles are left aside, {len(dead)}: {names}")
    if layout.name == "one_folder":
        part = layout.parts.get("train") or layout.parts[WHOLE]
        strangers = match(part[0], None, layout.pattern).strangers
        if strangers:
            names = listed([str(file.relative_to(path)) for file in strangers])
            lines.append(f"data {path}: fit neither side's pattern and are left aside, {len(strangers)}: {names}")
    return lines


def _parts(path: Path, layout: Layout, config: DataConfig, seed: int, forms: Forms | None) -> Data:
    """A folder of pictures or pairs; where it has no part to validate on, scenes are split off."""
    folders = layout.parts
    training_part = folders.get("train") or folders.get(WHOLE)
    if training_part is None:
        other = next(iter(folders))
        raise UserError(f"--data {path}: has a part {other} but none to train on; add a folder train beside it")
    cache = Cache(config.cache_mb)
    train, said = with_forms(open_part(training_part, layout, config, cache), config, forms)
    said = [f"data {path}: {line}" for line in said]
    begin = f"data {path}: {_described(path, layout, training_part, config)}; {len(train)} pictures"
    if made_source(train):
        begin = begin.replace(f"; {len(train)} ", f", {made_source(train)}; {len(train)} ")
    if "val" not in folders:
        data = _split_off(path, train, config, seed, begin)
        return replace(data, notes=(*data.notes, *said))
    opened = open_part(folders["val"], layout, config, cache, train.labels)
    validation, more = with_forms(opened, config, train.forms)
    said += [f"data {path}: of the validation part, {line}" for line in more]
    note = f"{begin} for training, {len(validation)} in {folders['val'][0].relative_to(path)} for validation"
    notes = (note, *_smaller_than_crop(train), *said)
    return Data(train, validation, manifest(path, files_of(train, validation)), notes)


def _described(path: Path, layout: Layout, part: PartFolders, config: DataConfig) -> str:
    """How the folder was taken: its layout, who chose it, and what is the source."""
    direction = f", {config.direction}" if layout.name == "side_by_side" else ""
    if layout.name == "two_folders":
        source, target = part
        direction = f", {source.relative_to(path)} to {target.relative_to(path)}"
    elif layout.name == "one_folder":
        direction = f", {layout.pattern.source} to {layout.pattern.target}"
    return f"{'auto: ' if config.layout == 'auto' else ''}{layout.name}{direction}"


def _split_off(path: Path, pictures: Pictures, config: DataConfig, seed: int, begin: str) -> Data:
    """Training and validation out of one part, whole scenes on either side; ``begin`` is that of the note."""
    scenes = _scenes(pictures, config)
    kept, held = split(scenes, config.validation, seed)
    note = (
        f"{begin} of {len(set(scenes))} scenes: {len(kept)} for training, {len(held)} for validation (split by scene)"
    )
    if not held:
        note = f"{begin} for training, none for validation"
    files = manifest(path, files_of(pictures))
    files["validation"] = [pictures.items[index].name for index in held]
    if config.scenes or config.validation:
        items = (replace(item, scene=str(scene)) for item, scene in zip(pictures.items, scenes, strict=True))
        pictures = replace(pictures, items=tuple(items))
    return Data(
        pictures.select(kept),
        pictures.select(held) if held else None,
        files,
        (note, *_smaller_than_crop(pictures)),
        _by_name(pictures, scenes),
    )


def _scenes(pictures: Pictures, config: DataConfig) -> Sequence[int | str]:
    """The scene of each picture; of a pair the side that shows what is there decides (`deciding_side`)."""
    if config.scenes:
        return read_scenes(Path(config.scenes), pictures.names)
    if config.validation == 0:
        # nothing is held out, so that nothing can leak and no picture needs to be decoded
        return list(range(len(pictures)))
    # the pictures of one target share its scene, and it is decoded once
    first: dict[object, int] = {}
    for index, item in enumerate(pictures.items):
        first.setdefault(item.target or item.name, index)
    thumbnails: dict[str, list[Pixels]] = {}
    tops, drawn = [], []
    for index in first.values():
        sides = pictures.for_eyes(index)
        for side, pixels in sides.items():
            thumbnails.setdefault(side, []).append(thumbnail(pixels))
        if "source" in sides:
            tops.append(int(sides["target"].max()))
            drawn.append(drawn_vote(sides["source"], sides["target"]))
    decides = deciding_side(tops, drawn) if "source" in thumbnails else "target"
    of_target = dict(zip(first, find_scenes(thumbnails[decides]), strict=True))
    return [of_target[item.target or item.name] for item in pictures.items]


def _by_name(pictures: Pictures, scenes: Sequence[int | str]) -> dict[str, str]:
    return {name: str(scene) for name, scene in zip(pictures.names, scenes, strict=True)}


def _smaller_than_crop(pictures: Pictures) -> tuple[str, ...]:
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


def _pass_of_the_larger(sources: Pictures, targets: Pictures, config: DataConfig) -> Unpaired:
    return Unpaired(sources, targets, config, max(len(sources), len(targets)))


def _unpaired(path: Path, layout: Layout, config: DataConfig, seed: int, known: Forms | None) -> Data:
    """Two folders whose pictures do not belong together; where there are none to test on, sources are split off."""
    cache = Cache(config.cache_mb)
    folders = layout.parts
    sides, forms, said = _both_sides([open_images(folder, config, cache) for folder in folders["train"]], config, known)
    train = _pass_of_the_larger(sides[0], sides[1], config)
    validation: Unpaired | None = None
    scenes: dict[str, str] = {}
    held_out: list[Pictures] = []
    if "test" in folders:
        test = [open_images(folder, config, cache) for folder in folders["test"]]
        held_out, _, _ = _both_sides(test, config, forms)
        validation = Unpaired(held_out[0], held_out[1], config, len(held_out[0]))
    elif config.validation:
        scene_of_each = _scenes(sides[0], config)
        scenes = _by_name(sides[0], scene_of_each)
        kept, held = split(scene_of_each, config.validation, seed)
        if held:
            train = _pass_of_the_larger(sides[0].select(kept), sides[1], config)
            validation = Unpaired(sides[0].select(held), sides[1], config, len(held))
    note = (
        f"data {path}: unpaired, {folders['train'][0].name} to {folders['train'][1].name}; "
        f"{len(train.sources)} sources and {len(sides[1])} targets for training, "
        f"{len(validation) if validation else 0} sources for validation"
    )
    files = manifest(path, files_of(*sides, *held_out))
    said = [f"data {path}: {line}" for line in said]
    return Data(train, validation, files, (note, *_smaller_than_crop(sides[0]), *said), scenes)


def _both_sides(
    sides: Sequence[Pictures], config: DataConfig, known: Forms | None = None
) -> tuple[list[Pictures], Forms, list[str]]:
    """Sources and targets that do not belong together, with what their samples are."""
    source, first = with_forms(sides[0], config, known, back=True)
    target, second = with_forms(sides[1], config, known, alone=True)
    forms = Forms(source.forms.target, target.forms.target)
    return [source, target], forms, [*first, *second]


def _arrays(opened: Opened, config: DataConfig, seed: int) -> Data:
    """Samples of arrays, some of them held out at random."""
    samples, files, begin = opened
    everything = list(range(len(samples)))
    kept, held = (
        split(everything, config.validation, seed) if round(config.validation * len(samples)) else (everything, [])
    )
    note = f"{begin}, {len(held)} held out for validation (at random, not by scene)"
    small = _smaller_than_crop(samples) if isinstance(samples, Pictures) else ()
    where = config.path or config.layout
    few = (f"data {where}: {len(samples)} samples are few: watch for copies of them",) if len(samples) < FEW else ()
    return Data(samples.select(kept), samples.select(held) if held else None, files, (note, *small, *few))


def _builtin(config: DataConfig, seed: int) -> Data:
    """What needs no files: points of a mixture, rows of a made array, or photographs."""
    if config.layout == "mixture":
        return _mixture(config)
    return _arrays(made_arrays(config), config, seed) if config.layout == "planet" else _builtin_photos(config)


def _mixture(config: DataConfig) -> Data:
    """Points of a toy distribution, drawn as they are asked for."""
    name = f"{config.mixture}, {config.samples} points a pass"
    digest = hashlib.sha256(name.encode()).hexdigest()
    points = Mixture(config.mixture, config.samples)
    return Data(points, points, {"files": [], "builtin": name, "hash": digest}, (f"data: {name}",))


def _builtin_photos(config: DataConfig) -> Data:
    """The photographs that scikit-image brings along."""
    if config.layout in ("side_by_side", "two_folders", "arrays"):
        raise UserError(f"data.layout={config.layout} needs --data")
    check_channels("the built-in photographs", 3, config)
    train, validation = (_photographs(names, config) for names in (builtin.TRAINING, builtin.VALIDATION))
    note = (
        f"data: scikit-image's photographs, {len(train)} for training, {len(validation)} others for validation"
        f"{f'; {config.synthesis} is made on them' if config.synthesis != 'none' else ''}"
    )
    files = manifest(builtin.photo_path("astronaut").parent, files_of(train, validation))
    files["validation"] = list(validation.names)
    if config.layout != "unpaired":
        return Data(train, validation, files, (note,))
    half = len(train) // 2
    sources, targets = train.select(range(half)), train.select(range(half, len(train)))
    held_out = Unpaired(validation, validation, config, len(validation))
    return Data(_pass_of_the_larger(sources, targets, config), held_out, files, (note,))


def _photographs(names: Sequence[str], config: DataConfig) -> Pictures:
    items = tuple(Item(f"{name}.png", target=builtin.photo_path(name)) for name in names)
    return Pictures(items, config, decode_photo, Cache(config.cache_mb))
