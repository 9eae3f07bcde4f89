"""What a set consists of, by names and headers alone: parts, pairs, sizes. Faults are collected, not raised."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import permutations
from pathlib import Path
from typing import Any, Literal

import numpy as np

from img2img.data.cache import Cache
from img2img.data.config import MADE, DataConfig
from img2img.data.layouts import Layout, read_layout
from img2img.data.masks import with_masks
from img2img.data.matching import match
from img2img.data.samples import Decoder, Item, Pictures, decode_halves, decode_photo, decode_two
from img2img.doctor import partners
from img2img.doctor.findings import Finding, Spot, are, many, share
from img2img.doctor.partners import of, size_text
from img2img.doctor.threads import in_threads
from img2img.doctor.values import Values, values_of
from img2img.errors import UserError
from img2img.images import Picture, as_rgb, find
from img2img.images.folder import dead_links
from img2img.images.form import Form, seen
from img2img.images.raster import any_size as size
from img2img.images.raster import read_any

Pixels = np.ndarray[Any, Any]
Role = Literal["train", "val", "test"]
# what lies beside pictures without being meant as one
BESIDE = frozenset((".csv", ".txt", ".md", ".json", ".yaml", ".yml", ".xml", ".html", ".npy", ".npz", ".db", ".ini"))


class Reader(Cache):
    """Reads pictures and keeps none of them, but what each file was.

    ``facts`` are its format and mode, ``clear`` are the files with alpha that is not opaque everywhere, ``values`` what
    those hold that are not 8-bit grey or RGB. With ``pages`` those of a TIFF are its channels.
    """

    def __init__(self, *, pages: bool = False) -> None:
        super().__init__(0)
        self.pages = pages
        self.facts: dict[Path, tuple[str, str]] = {}
        self.clear: set[Path] = set()
        self.values: dict[Path, Values] = {}

    def read(self, path: Path, form: Form | None = None) -> Pixels:
        """(H, W, 3) uint8 or uint16, as the file has it; of floats and of other channels what there is to see.

        Raises:
            UserError: the picture cannot be read.
        """
        picture = read_any(path, pages=self.pages)
        if values := values_of(picture.pixels):
            self.values[path] = values
        self.facts[path] = (picture.format, mode(picture))
        if picture.alpha is not None and int(picture.alpha.min()) < int(np.iinfo(picture.alpha.dtype).max):
            self.clear.add(path)
        if picture.pixels.dtype == np.float32 or picture.pixels.shape[2] not in (1, 3):
            return seen(picture.pixels)
        return as_rgb(picture)


def mode(picture: Picture) -> str:
    """Channels and depth in words, and what reading changed: ``RGB, 8 bits``."""
    channels = picture.pixels.shape[2]
    colour = {1: "grey", 3: "RGB"}.get(channels, f"{channels} channels")
    alpha = " with alpha" if picture.alpha is not None else ""
    changed = [note for note in picture.notes if not note.startswith("named ")]
    return "; ".join([f"{colour}{alpha}, {8 * picture.pixels.itemsize} bits", *changed])


@dataclass(frozen=True)
class Part:
    """Pictures or pairs of one part of a set; of unpaired data, of one ``side`` of it."""

    name: str
    role: Role
    side: Literal["pair", "source", "target"]
    pictures: Pictures
    reader: Reader

    @property
    def of(self) -> str:
        """`` of train``, or nothing where the set has no parts."""
        return of(self.name)

    @property
    def splits(self) -> bool:
        """Whether its pictures are those that training splits a validation part from."""
        return self.role == "train" and self.side != "target"

    def files(self, index: int) -> tuple[Path, ...]:
        """The files of a picture, source first."""
        item = self.pictures.items[index]
        return tuple(file for file in (item.source, item.target) if file is not None)


@dataclass
class Inventory:
    """The readable pictures of a set by part, what is wrong with the others, and what can be told without decoding."""

    root: Path
    config: DataConfig
    layout: Layout
    direction: str
    parts: list[Part] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    broken: list[Spot] = field(default_factory=list)

    def label(self, file: Path) -> str:
        """A file's path below the set."""
        return str(file.relative_to(self.root)) if file != self.root else file.name


def take_inventory(config: DataConfig, threads: int) -> Inventory:
    """Look through the folder ``config.path`` in its layout.

    Raises:
        UserError: no such folder, no pictures, or no telling how it is laid out: nothing can be looked at. Where
            pictures are there and none of them can be used, the findings say why.
    """
    if config.path is None:
        raise UserError("--data is needed: the folder to look at")
    path = Path(config.path)
    if not path.exists():
        raise UserError(f"--data {path}: no such folder")
    if not path.is_dir():
        raise UserError(f"--data {path}: is a file; the doctor looks at folders of pictures")
    if config.layout in ("arrays", *MADE):
        raise UserError(f"data.layout={config.layout}: has no files of pictures to look at")
    layout = read_layout(path, config)
    inventory = Inventory(path, config, layout, _direction(layout, config))
    for name, places in layout.parts.items():
        role: Role = "val" if name == "val" else "test" if name == "test" else "train"
        if layout.name == "unpaired":
            inventory.findings += partners.same_folder(inventory.label, *places)
            for side, folder in zip(("source", "target"), places, strict=True):
                _photos(inventory, folder.name, role, side, folder, threads)  # type: ignore[arg-type]
        elif layout.name in ("two_folders", "one_folder"):
            _pairs(inventory, name, role, places, threads)
        elif layout.name == "side_by_side":
            _side_by_side(inventory, name, role, places[0], threads)
        else:
            _photos(inventory, name, role, "pair", places[0], threads)
    _left_aside(inventory)
    if (
        not inventory.parts
        and not inventory.broken
        and not any(found.weight == "stops" for found in inventory.findings)
    ):
        raise UserError(f"--data {path}: no pictures in it that could be looked at")
    _no_training_part(inventory)
    _small(inventory)
    return inventory


def _left_aside(inventory: Inventory) -> None:
    """Parts without truth, which training does without, links that cannot be followed, and names that must be said."""
    for name, reason in inventory.layout.aside.items():
        text = f"part {name} is left aside: {reason.replace(f'{inventory.root}/', '')}"
        fix = "nothing needs be done for training; evaluate needs both sides of what it tests on"
        inventory.findings.append(Finding("part_aside", "note", text, fix))
    dead = dead_links(inventory.root)
    if dead:
        text = f"{many(len(dead), 'link')} {'leads' if len(dead) == 1 else 'lead'} nowhere or in circles"
        spots = tuple(Spot(inventory.label(link), (link,)) for link in dead)
        inventory.findings.append(
            Finding("links", "note", text, "copy what they should lead to, or remove them", spots)
        )
    for note in inventory.layout.notes:
        inventory.findings.append(Finding("layout", "note", note, "nothing needs be done if that is what you mean"))


def _direction(layout: Layout, config: DataConfig) -> str:
    if layout.name == "side_by_side":
        sides = "left half to right half" if config.direction == "AtoB" else "right half to left half"
        return f"{sides} ({config.direction})"
    if layout.name == "one_folder":
        return f"{layout.pattern.source} to {layout.pattern.target}"
    if layout.name == "unpaired":
        return " to ".join(folder.name for folder in layout.parts["train"])
    if layout.sides is not None:
        return " to ".join(layout.sides)
    return f"source made by {config.synthesis}" if layout.name == "photos" else "pictures alone"


def _find(inventory: Inventory, folder: Path) -> list[Path]:
    """Its pictures, and a finding where there are none or things that are not read as pictures."""
    try:
        files = find(folder, links=True)
    except UserError as error:
        inventory.findings.append(Finding("empty", "stops", str(error), "put the pictures there, or remove the folder"))
        return []
    known = set(files)
    other = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path not in known
        and path.suffix.lower() not in BESIDE
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if other:
        inventory.findings.append(
            Finding(
                "stray",
                "note",
                f"{many(len(other), 'file')} in {inventory.label(folder)} {are(len(other))} not read as pictures",
                "convert them to PNG or JPEG if they belong to the set",
                tuple(Spot(inventory.label(path), (path,)) for path in other),
            )
        )
    return files


def _sizes(inventory: Inventory, files: Iterable[Path], threads: int) -> dict[Path, tuple[int, int]]:
    """(width, height) of each file whose header can be read; the others are put down as broken."""

    def measure(file: Path) -> tuple[int, int] | str:
        try:
            return size(file)
        except UserError as error:
            return str(error)

    listed = list(files)
    good = {}
    for file, answer in zip(listed, in_threads(measure, listed, threads), strict=True):
        if isinstance(answer, str):
            inventory.broken.append(Spot(_shorter(inventory, file, answer), (file,)))
        else:
            good[file] = answer
    return good


def _shorter(inventory: Inventory, file: Path, reason: str) -> str:
    """The reason with the file's path below the set."""
    return f"{inventory.label(file)}: {reason.removeprefix(f'{file}: ')}"


def _add(
    inventory: Inventory,
    name: str,
    role: Role,
    side: Literal["pair", "source", "target"],
    items: list[Item],
    how: Decoder,
) -> None:
    if items:
        reader = Reader(pages=inventory.config.pages == "channels")
        inventory.parts.append(Part(name, role, side, Pictures(tuple(items), inventory.config, how, reader), reader))


def _photos(
    inventory: Inventory, name: str, role: Role, side: Literal["pair", "source", "target"], folder: Path, threads: int
) -> None:
    sizes = _sizes(inventory, _find(inventory, folder), threads)
    items = [Item(str(file.relative_to(folder)), target=file, size=size) for file, size in sizes.items()]
    # masks among the photos are none
    photos = with_masks(Pictures(tuple(items), inventory.config, decode_photo, Cache(0)), folder)
    _add(inventory, name, role, side, list(photos.items), decode_photo)


def _side_by_side(inventory: Inventory, name: str, role: Role, folder: Path, threads: int) -> None:
    sizes = _sizes(inventory, _find(inventory, folder), threads)
    odd = [file for file, (width, _) in sizes.items() if width % 2]
    if odd:
        inventory.findings.append(
            Finding(
                "odd_width",
                "stops",
                f"{share(len(odd), len(sizes), 'picture')}{of(name)} cannot be halved into a pair (odd width)",
                "cut both halves to one width, so that their border comes to the middle, or remove them",
                tuple(Spot(f"{inventory.label(file)} ({sizes[file][0]} px wide)", (file,)) for file in odd),
            )
        )
    items = [
        Item(str(file.relative_to(folder)), source=file, size=(width // 2, height))
        for file, (width, height) in sizes.items()
        if width % 2 == 0
    ]
    _add(inventory, name, role, "pair", items, decode_halves)


def _pairs(inventory: Inventory, name: str, role: Role, places: Sequence[Path], threads: int) -> None:
    """Pairs of two files each, in two folders or in one."""
    label, findings = inventory.label, inventory.findings
    if len(places) == 2:
        findings += partners.same_folder(label, *places)
    files = {folder: _find(inventory, folder) for folder in places}
    if not all(files.values()):
        lonely = [(file, other) for folder, other in permutations(places, 2) for file in files[folder]]
        findings += partners.without_partner(label, name, lonely, partners.ADD)
        return
    source = places[0]
    matched = match(source, places[1] if len(places) == 2 else None, inventory.layout.pattern)
    findings += partners.of_names(label, name, matched)
    sizes = _sizes(inventory, dict.fromkeys(file for pair in matched.pairs for file in pair), threads)
    pairs = [pair for pair in matched.pairs if all(file in sizes for file in pair)]
    findings += partners.sizes_differ(label, name, pairs, sizes)
    items = [
        Item(str(file.relative_to(source)), source=file, target=partner, size=sizes[file])
        for file, partner in pairs
        if sizes[file] == sizes[partner]
    ]
    _add(inventory, name, role, "pair", items, decode_two)


def _no_training_part(inventory: Inventory) -> None:
    if inventory.parts and all(part.role != "train" for part in inventory.parts):
        inventory.findings.append(
            Finding(
                "no_training",
                "stops",
                f"has a part {inventory.parts[0].name} but none to train on",
                "add a folder train beside it (evaluate takes the set as it is)",
            )
        )


def _small(inventory: Inventory) -> None:
    """Pictures that the crop does not fit into; where a size to load is given, they are enlarged to it."""
    crop = inventory.config.crop
    if crop is None or inventory.config.load is not None:
        return
    for part in inventory.parts:
        if part.role != "train":
            continue
        sizes = [(part.files(index), item.size) for index, item in enumerate(part.pictures.items) if item.size]
        small = [(files, size) for files, size in sizes if min(size) < crop]
        if small:
            least = min(min(size) for _, size in small)
            text = f"{share(len(small), len(sizes), 'picture')}{part.of} {are(len(small))} smaller than the crop of"
            spots = [Spot(f"{inventory.label(files[0])} ({size_text(size)})", files) for files, size in small]
            fix = f"data.crop={least} or less takes them as they are; or remove them"
            findings = Finding("small", "note", f"{text} {crop} px (mirrored to fit)", fix, tuple(spots))
            inventory.findings.append(findings)


def further_inventories(config: DataConfig, layout: str, path: Path, threads: int) -> list[Inventory]:
    """Another set to compare with, whatever its layout: as recognised, else as ``config`` says, else as pictures.

    Pictures that may as well be pairs side by side, as ours (in ``layout``) are, are taken both ways: as one of them
    alone they would match nothing if they are the other.

    Raises:
        UserError: no such folder, or no pictures in it.
    """
    if not path.is_dir():
        raise UserError(f"--against {path}: no such folder")
    here = replace(config, path=str(path), layout="auto")
    ways = (here, replace(here, source=None, target=None), replace(here, layout=config.layout))
    for way in ways:
        try:
            if way.layout not in ("arrays", *MADE) and (inventory := take_inventory(way, threads)).parts:
                return [inventory]
        except UserError:
            continue
    try:
        inventories = [take_inventory(replace(here, layout="images", source=None, target=None), threads)]
    except UserError as error:
        raise UserError(f"--against {str(error).removeprefix('--data ')}") from error
    if not inventories[0].parts:
        raise UserError(f"--against {path}: no pictures in it that could be looked at")
    if layout == "side_by_side":
        with suppress(UserError):
            inventories.append(take_inventory(replace(here, layout="side_by_side"), threads))
    return inventories
