"""Data sets: numbered samples, each a function of (seed, epoch, index) in training and fixed otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from img2img.data.augment import centre_cut, random_cut, resized
from img2img.data.cache import Cache
from img2img.data.config import DataConfig, Jitter
from img2img.data.exchange import exchanged
from img2img.data.jitter import recoloured, turned
from img2img.data.labels import LabelMaps
from img2img.data.synthesis import SYNTHESES, filled
from img2img.errors import UserError
from img2img.images import digest, read
from img2img.images.form import Forms
from img2img.images.masks import hole_of
from img2img.randomness import generator

Pixels = np.ndarray[Any, Any]
# draws after which no picture of another scene is looked for any more
TRIES = 32
PLAIN_FORMS = Forms()
Kind = Literal["pairs", "unpaired", "images", "points"]


def forms_of(samples: Samples) -> Forms:
    """What the samples of both sides are; 8-bit RGB of sets that are nothing else."""
    forms: Forms = getattr(samples, "forms", PLAIN_FORMS)
    return forms


class Samples(Protocol):
    """A part of a data set."""

    @property
    def names(self) -> Sequence[str]:
        """A name for each sample."""
        ...

    @property
    def kind(self) -> Kind:
        """pairs (source and target, maybe mask), unpaired (both, not of one scene), images or points (targets only)."""
        ...

    def __len__(self) -> int: ...

    def sample(self, epoch: int, index: int, seed: int) -> dict[str, Tensor]:
        """An augmented training sample: source, target (C, H, W) in [-1, 1], mask (1, H, W) of 0 and 1, or vectors."""
        ...

    def whole(self, index: int) -> dict[str, Pixels]:
        """The sample as it is validated and tested on, (H, W, C) (mask (H, W, 1)), the same at each call.

        Resized to ``data.validation_load``, its centre cut to ``data.validation_crop``, and only then degraded.
        """
        ...

    def digest(self, index: int) -> str:
        """What identifies the picture itself (its target, as the file holds it), whatever is cut out of it."""
        ...


@dataclass(frozen=True)
class Item:
    """What one sample is made of: a file, or two (source, target), or pixels in memory; maybe a mask's file.

    ``size`` is (width, height) in px of the source and of the target; ``scene`` what the split found it to show;
    ``label`` the class that the data give.
    """

    name: str
    source: Path | None = None
    target: Path | None = None
    pixels: Pixels | None = None
    mask: Path | None = None
    size: tuple[int, int] | None = None
    scene: str | None = None
    label: int | None = None

    @property
    def known_scene(self) -> object:
        """What says that two pictures show the same: their scene, or where none was looked for their target's file."""
        return self.scene or self.target or self.name


# what turns an item into its pictures, by name
Decoder = Callable[[Item, Cache, Forms], dict[str, Pixels]]


def decode_halves(item: Item, cache: Cache, forms: Forms = PLAIN_FORMS) -> dict[str, Pixels]:
    """Left and right half of one file, as ``left`` and ``right``."""
    if item.source is None:
        raise ValueError("no file")
    pixels = cache.read(item.source, forms.source)
    if pixels.shape[1] % 2:
        raise UserError(f"{item.source}: {pixels.shape[1]} px wide, which cannot be halved into a pair")
    half = pixels.shape[1] // 2
    return {"left": pixels[:, :half], "right": pixels[:, half:]}


def decode_two(item: Item, cache: Cache, forms: Forms = PLAIN_FORMS) -> dict[str, Pixels]:
    """Source and target from their files."""
    if item.source is None or item.target is None:
        raise ValueError("two files are needed")
    return {"source": cache.read(item.source, forms.source), "target": cache.read(item.target, forms.target)}


def decode_photo(item: Item, cache: Cache, forms: Forms = PLAIN_FORMS) -> dict[str, Pixels]:
    """One picture, as ``target``."""
    if item.pixels is not None:
        return {"target": item.pixels}
    if item.target is None:
        raise ValueError("no file")
    return {"target": cache.read(item.target, forms.target)}


@dataclass(frozen=True)
class Pictures:
    """Pairs, photos with a synthesis, or pictures alone, out of files or memory; ``classes`` as in `labelled`.

    Attributes:
        as_bytes: whether training samples are 8-bit pictures as they are, see `to_training`.
    """

    items: tuple[Item, ...]
    config: DataConfig
    decoder: Decoder
    cache: Cache = field(compare=False)
    forms: Forms = PLAIN_FORMS
    labels: LabelMaps | None = None
    classes: tuple[int, ...] = ()
    as_bytes: bool = False

    @property
    def names(self) -> Sequence[str]:
        return [item.name for item in self.items]

    def in_bytes(self) -> Pictures:
        """The same with ``as_bytes``."""
        return replace(self, as_bytes=True)

    @property
    def kind(self) -> Kind:
        return "images" if self.decoder is decode_photo and self.config.synthesis == "none" else "pairs"

    def __len__(self) -> int:
        return len(self.items)

    def select(self, indices: Sequence[int]) -> Pictures:
        """Some of the pictures."""
        return replace(self, items=tuple(self.items[index] for index in indices))

    def decode(self, index: int) -> dict[str, Pixels]:
        """Source and target, or target alone, as the files have them: (H, W, C), not to be written to."""
        pictures = self.decoder(self.items[index], self.cache, self.forms)
        if "left" in pictures:
            source, target = ("left", "right") if self.config.direction == "AtoB" else ("right", "left")
            pictures = {"source": pictures[source], "target": pictures[target]}
        return pictures if self.labels is None else self._with_labels(pictures, self.labels, self.items[index])

    def for_eyes(self, index: int) -> dict[str, Pixels]:
        """`decode`, each side as (H, W, 3) uint8 to look at: its range as 0 to 255, its first channels."""
        return {side: self.forms.of(side).for_eyes(pixels) for side, pixels in self.decode(index).items()}

    def _with_labels(self, pictures: dict[str, Pixels], labels: LabelMaps, item: Item) -> dict[str, Pixels]:
        """The label map in the colours of its classes."""
        file = item.source if labels.side == "source" else item.target
        if self.decoder is decode_two and file is not None:
            return {**pictures, labels.side: self.cache.read_as(file, labels.read_colours)}
        return {**pictures, labels.side: labels.snapped(pictures[labels.side])}

    def sample(self, epoch: int, index: int, seed: int) -> dict[str, Tensor]:
        config = self.config
        pictures = resized(self._decode_with_mask(index), config.load, self._label_side)
        cut = random_cut(pictures, config.crop, config.flip, generator(seed, "jitter", epoch, index))
        cut = self._varied(cut, seed, epoch, index)
        degraded = self._degraded(cut, pictures, generator(seed, "synthesis", epoch, index))
        sample = {name: to_training(picture, name, self.forms, self.as_bytes) for name, picture in degraded.items()}
        if self.labels is not None and self.labels.side == "source":
            sample["source"] = self.labels.one_hot(degraded["source"])
        return labelled(sample, self.items[index].label, self.classes)

    @property
    def _label_side(self) -> str | None:
        return None if self.labels is None else self.labels.side

    def _varied(self, cut: dict[str, Pixels], seed: int, epoch: int, index: int) -> dict[str, Pixels]:
        """``cut`` under another layer, turned and recoloured as the configuration asks; each has its own stream."""
        if self.config.exchange.share:
            rng = generator(seed, "exchange", epoch, index)
            cut = exchanged(cut, self.config.exchange, partial(self._other_scene, index), rng)
        if self.config.turn:
            cut = turned(cut, self.config.turn, generator(seed, "turn", epoch, index))
        if self.config.jitter != Jitter():
            colours = {name: picture for name, picture in cut.items() if name != self._label_side}
            cut = {**cut, **recoloured(colours, self.config.jitter, generator(seed, "colour", epoch, index))}
        return cut

    def _other_scene(self, index: int, rng: np.random.Generator) -> dict[str, Pixels] | None:
        """A pair of another scene than picture ``index`` shows, cut anywhere and mirrored or not."""
        for _ in range(TRIES):
            other = int(rng.integers(len(self)))
            if self.items[other].known_scene != self.items[index].known_scene:
                return random_cut(resized(self.decode(other), self.config.load), self.config.crop, True, rng)
        return None

    def whole(self, index: int) -> dict[str, Pixels]:
        pictures = resized(self._decode_with_mask(index), self.config.whole_load, self._label_side)
        cut = centre_cut(pictures, self.config.validation_crop)
        return self._degraded(cut, pictures, generator(0, "fixed synthesis", self.items[index].name))

    def digest(self, index: int) -> str:
        return digest(self.decode(index)["target"])

    def _decode_with_mask(self, index: int) -> dict[str, Pixels]:
        """`decode`, with the mask (H, W, 1) of 0 and 255 where there is a file of one."""
        pictures = self.decode(index)
        file = self.items[index].mask
        if file is not None:
            hole, _ = hole_of(read(file))
            pictures = {**pictures, "mask": np.where(hole, 255, 0).astype(np.uint8)[:, :, None]}
        return pictures

    def _degraded(
        self, cut: dict[str, Pixels], photo: dict[str, Pixels], rng: np.random.Generator
    ) -> dict[str, Pixels]:
        """``cut`` with a source made of its target, where the files have none; ``photo`` is what it was cut from."""
        if self.config.synthesis == "none" or "source" in cut:
            return cut
        target, form = np.ascontiguousarray(cut["target"]), self.forms.target
        if "mask" in cut:
            return filled(target, cut["mask"], self.config.hole, form)
        return SYNTHESES[self.config.synthesis](target, self.config, rng, min(photo["target"].shape[:2]), form)


@dataclass(frozen=True)
class Unpaired:
    """Sources and targets that do not belong together: the target is drawn for each sample and epoch.

    ``count`` samples are a pass (sources come round again); CycleGAN's program takes as many as the larger side has.
    """

    sources: Pictures
    targets: Pictures
    config: DataConfig
    count: int

    def in_bytes(self) -> Unpaired:
        """The same of pictures ``as_bytes``."""
        return replace(self, sources=self.sources.in_bytes())

    @property
    def forms(self) -> Forms:
        """What the samples of both sides are."""
        return Forms(self.sources.forms.target, self.targets.forms.target)

    @property
    def names(self) -> Sequence[str]:
        names = self.sources.names
        return [names[index % len(names)] for index in range(self.count)]

    @property
    def kind(self) -> Kind:
        return "unpaired"

    def __len__(self) -> int:
        return self.count

    def sample(self, epoch: int, index: int, seed: int) -> dict[str, Tensor]:
        own = index % len(self.sources)
        other = int(generator(seed, "partner", epoch, index).integers(len(self.targets)))
        sides: dict[str, Pixels] = {}
        for name, side, number in (("source", self.sources, own), ("target", self.targets, other)):
            picture = resized({"target": side.decode(number)["target"]}, self.config.load)
            rng = generator(seed, f"jitter {name}", epoch, index)
            cut = random_cut(picture, self.config.crop, self.config.flip, rng)
            if self.config.turn:
                cut = turned(cut, self.config.turn, generator(seed, f"turn {name}", epoch, index))
            sides[name] = cut["target"]
        if self.config.jitter != Jitter():
            sides = recoloured(sides, self.config.jitter, generator(seed, "colour", epoch, index))
        return {name: to_training(picture, name, self.forms, self.sources.as_bytes) for name, picture in sides.items()}

    def whole(self, index: int) -> dict[str, Pixels]:
        source, target = self.sources.whole(index % len(self.sources)), self.targets.whole(index % len(self.targets))
        return {"source": source["target"], "target": target["target"]}

    def digest(self, index: int) -> str:
        return self.targets.digest(index % len(self.targets))


def _eight(rng: np.random.Generator) -> Pixels:
    """Eight Gaussians on a circle of radius 1.414, standard deviation 0.0141."""
    turn = rng.integers(8) * np.pi / 4
    point: Pixels = (np.array([np.cos(turn), np.sin(turn)]) * 2 + rng.normal(0, 0.02, 2)) / 1.414
    return point


def _grid(rng: np.random.Generator) -> Pixels:
    """25 Gaussians, 0.707 apart, standard deviation 0.0177."""
    point: Pixels = ((rng.integers(5, size=2) - 2) * 2.0 + rng.normal(0, 0.05, 2)) / 2.828
    return point


def _ring(rng: np.random.Generator) -> Pixels:
    """The circle of the eight without modes: any angle is as likely."""
    turn = rng.uniform(0, 2 * np.pi)
    point: Pixels = (np.array([np.cos(turn), np.sin(turn)]) * 2 + rng.normal(0, 0.02, 2)) / 1.414
    return point


MIXTURES: dict[str, Callable[[np.random.Generator], Pixels]] = {
    "8gaussians": _eight,
    "25gaussians": _grid,
    "ring": _ring,
}


@dataclass(frozen=True)
class Mixture:
    """Points of a toy distribution, drawn anew in each epoch (E-GAN's program, after Gulrajani et al. 2017)."""

    shape: str
    count: int

    @property
    def names(self) -> Sequence[str]:
        return [f"point {index}" for index in range(self.count)]

    @property
    def kind(self) -> Kind:
        return "points"

    def __len__(self) -> int:
        return self.count

    def sample(self, epoch: int, index: int, seed: int) -> dict[str, Tensor]:
        point = MIXTURES[self.shape](generator(seed, "mixture", epoch, index))
        return {"target": torch.from_numpy(point.astype(np.float32))}

    def whole(self, index: int) -> dict[str, Pixels]:
        raise UserError("points of a toy distribution are no pictures")

    def digest(self, index: int) -> str:
        raise UserError("points of a toy distribution are no pictures")


def labelled(sample: dict[str, Tensor], label: int | None, classes: Sequence[int]) -> dict[str, Tensor]:
    """``sample`` with its label, if it has one; its row of 0 and one 1, too, where there are ``classes`` (labels)."""
    if label is None:
        return sample
    of_class = {"classes": torch.tensor([float(label == of) for of in classes])} if classes else {}
    return {**sample, "label": torch.tensor(label), **of_class}


def to_training(picture: Pixels, name: str, forms: Forms = PLAIN_FORMS, as_bytes: bool = False) -> Tensor:
    """(H, W, C) of a side's form -> (C, H, W) float32 in [-1, 1]; masks (H, W, 1) uint8 -> 0 or 1.

    ``as_bytes``: source and target of 8 bits over their full range stay uint8 (`img2img.images.form.from_bytes`).
    """
    if name == "mask":
        return torch.from_numpy((picture.transpose(2, 0, 1) > 127).astype(np.float32, order="C"))
    form = forms.of(name)
    return form.as_bytes(picture) if as_bytes and name in ("source", "target") else form.to_tensor(picture)
