"""Training samples out of several data sets, each drawn from one of them by weight."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from img2img.data.config import DataConfig
from img2img.data.opening import Data, open_set
from img2img.data.samples import Kind, Pictures, Pixels, Samples
from img2img.data.split import find_scenes, thumbnail
from img2img.errors import UserError
from img2img.files import listed
from img2img.images.form import Forms
from img2img.randomness import generator, stable_seed


@dataclass(frozen=True)
class Mixed:
    """Samples of a first set, some of which are replaced, anew in each epoch, by samples of ``others``.

    Attributes:
        weights: of each of ``others``, the share of samples it gives.
    """

    first: Pictures
    others: tuple[Pictures, ...]
    weights: tuple[float, ...]

    @property
    def names(self) -> Sequence[str]:
        return self.first.names

    @property
    def kind(self) -> Kind:
        return self.first.kind

    def __len__(self) -> int:
        return len(self.first)

    def in_bytes(self) -> Mixed:
        """The same of pictures ``as_bytes``."""
        return replace(self, first=self.first.in_bytes(), others=tuple(pictures.in_bytes() for pictures in self.others))

    def sample(self, epoch: int, index: int, seed: int) -> dict[str, Tensor]:
        rng = generator(seed, "mix", epoch, index)
        below = rng.random()
        for number, (pictures, weight) in enumerate(zip(self.others, self.weights, strict=True)):
            if below < weight:
                # a picture that is drawn twice in an epoch is cut anew
                return pictures.sample(
                    epoch, int(rng.integers(len(pictures))), stable_seed(seed, "mixed", number, index)
                )
            below -= weight
        return self.first.sample(epoch, index, seed)

    def whole(self, index: int) -> dict[str, Pixels]:
        return self.first.whole(index)

    def digest(self, index: int) -> str:
        return self.first.digest(index)


def open_data(config: DataConfig, seed: int, forms: Forms | None = None) -> Data:
    """The data sets that a configuration means, with a validation part, which is the first set's alone.

    ``forms``: what the pictures are, where that is known (of weights); else their files and the options say it.

    Raises:
        UserError: missing or empty folder, pairs without partner, halves that differ, unreadable files, layout unclear,
            options that a set has no use for, sets that cannot be mixed.
    """
    data = open_set(config, seed, forms)
    if not config.mix:
        return data
    mixed = config.mixed()
    opened = [open_set(other, seed) for _, other in mixed]
    first, *others = (_mixable(one.train, path) for one, path in zip((data, *opened), _paths(config), strict=True))
    _check_alike((first, *others), _paths(config), seed)
    notes = list(data.notes)
    kept = []
    for other, part in zip(others, opened, strict=True):
        without, lines = _without_validated(replace(other, cache=first.cache), data.validation)
        kept.append(without)
        notes += [*part.notes, *lines]
    weights = tuple(weight for weight, _ in mixed)
    notes.append(_shares(config, weights))
    return replace(
        data,
        train=Mixed(first, tuple(kept), weights),
        manifest=_manifest(data, opened, config),
        notes=tuple(notes),
    )


def _paths(config: DataConfig) -> list[str]:
    """What messages call each of the sets, the first one first."""
    return [path or "the built-in photographs" for path in config.paths]


def _mixable(samples: Samples, path: str) -> Pictures:
    if not isinstance(samples, Pictures):
        raise UserError(f"data.mix: {path} is {samples.kind}; pairs, photos and images can be mixed")
    if not samples.forms.plain:
        form = samples.forms.target if not samples.forms.target.plain else samples.forms.source
        raise UserError(f"data.mix: {path} has pictures of {form}; sets of 8-bit RGB can be mixed: convert them")
    return samples


def _check_alike(sets: Sequence[Pictures], paths: Sequence[str], seed: int) -> None:
    """Samples of all sets have the same parts (source, target, mask), of the same shape."""
    first, *others = ({name: tuple(v.shape) for name, v in one.sample(0, 0, seed).items()} for one in sets)
    for other, path in zip(others, paths[1:], strict=True):
        if set(other) != set(first):
            raise UserError(
                f"data.mix: samples of {path} have {listed(sorted(other))}, those of {paths[0]} "
                f"{listed(sorted(first))}; give it another layout or synthesis"
            )


def _without_validated(pictures: Pictures, validation: Samples | None) -> tuple[Pictures, list[str]]:
    """(what shows no scene of the first set's validation part, a line on the rest where there is any)."""
    if not isinstance(validation, Pictures):
        return pictures, []
    held = [thumbnail(validation.decode(index)["target"]) for index in range(len(validation))]
    scenes = find_scenes([*held, *(thumbnail(pictures.decode(index)["target"]) for index in range(len(pictures)))])
    # a scene is called after the lowest index in it
    leaks = [index for index, scene in enumerate(scenes[len(held) :]) if scene < len(held)]
    if not leaks:
        return pictures, []
    where = pictures.config.path or "built-in photographs"
    if len(leaks) == len(pictures):
        raise UserError(f"data.mix: every picture of {where} shows a scene that is validated on; leave the set out")
    names = listed([pictures.names[index] for index in leaks])
    left = sorted(set(range(len(pictures))) - set(leaks))
    line = f"data {where}: show scenes that are validated on and are left aside, {len(leaks)}: {names}"
    return pictures.select(left), [line]


def _shares(config: DataConfig, weights: Sequence[float]) -> str:
    shares = [
        f"{share:.3g} of samples from {path}"
        for share, path in zip((1 - sum(weights), *weights), _paths(config), strict=True)
    ]
    return f"data.mix: {', '.join(shares)}"


def _manifest(data: Data, opened: Sequence[Data], config: DataConfig) -> dict[str, Any]:
    """The first set's, with those of the others as ``mix``; the hash is over all."""
    others = [
        {"path": other.path, "weight": weight, **part.manifest}
        for (weight, other), part in zip(config.mixed(), opened, strict=True)
    ]
    total = hashlib.sha256("\n".join([data.manifest["hash"], *(part["hash"] for part in others)]).encode())
    return {**data.manifest, "hash": total.hexdigest(), "mix": others}
