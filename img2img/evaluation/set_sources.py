"""Sets of samples, wherever they come from: folders of pictures, files of arrays, toy mixtures, weights that sample."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from img2img.data.array_files import Values, array_files, read_arrays
from img2img.data.array_sets import channels_last
from img2img.data.modes import mixture_modes
from img2img.data.rows import Rows
from img2img.data.samples import MIXTURES, Mixture, Samples
from img2img.errors import UserError
from img2img.images import as_rgb8, find, read, to_pixels
from img2img.inference import Translator
from img2img.inference.noise import sample_levels, sample_values
from img2img.randomness import stable_seed

# what infer writes beside its samples, of several of them
OVERVIEWS = re.compile(r"grid\.png|between-\d+-\d+\.png")


@dataclass(frozen=True)
class SetSource:
    """Samples that can be taken by number: ``take`` gives (n, H, W, 3) uint8 pictures or (n, F) float64 numbers.

    ``count``: how many there are, None for any number. ``mixture``: its modes, where they are known. ``what`` says in
    words what the samples are.
    """

    name: str
    origin: str
    count: int | None
    take: Callable[[Sequence[int]], Values]
    mixture: tuple[Tensor, float] | None = None

    def some(self, count: int, seed: int, skip: int = 0) -> Values:
        """``count`` samples at random, none twice, others than the first ``skip`` of them.

        Raises:
            UserError: the files behind them do not fit together.
        """
        if self.count is None:
            return self.take(range(skip, skip + count))
        order = np.random.default_rng(seed).permutation(self.count)
        return self.take(sorted(order[skip : skip + count].tolist()))


def source_of(flag: str, name: str, place: str) -> SetSource:
    """The set at ``place``: a folder of pictures, a file or folder of arrays, or a toy mixture's name.

    Raises:
        UserError: nothing there, damaged files, NaN.
    """
    path = Path(place)
    if place in MIXTURES and not path.exists():
        return mixture_source(name, place)
    if not path.exists():
        raise UserError(f"{flag} {name}={place}: no such file or folder, and none of {', '.join(MIXTURES)}")
    if path.is_dir():
        try:
            files = find(path, links=True)
        except UserError as error:
            if not array_files(path):
                raise UserError(f"{flag} {name}={place}: neither pictures nor arrays in it") from error
        else:
            return _folder_source(f"{flag} {name}={place}", name, path, files)
    try:
        arrays = read_arrays(path)
    except UserError as error:
        raise UserError(str(error).replace("--data ", f"{flag} {name}=", 1)) from error
    return array_source(name, place, channels_last(arrays.values))


def _folder_source(where: str, name: str, folder: Path, found: Sequence[Path]) -> SetSource:
    files = [file for file in found if not OVERVIEWS.fullmatch(file.name)] or list(found)

    def take(numbers: Sequence[int]) -> Values:
        pictures = [as_rgb8(read(files[number])) for number in numbers]
        first = pictures[0].shape
        for number, picture in zip(numbers, pictures, strict=True):
            if picture.shape != first:
                sizes = f"{first[1]}x{first[0]} and {picture.shape[1]}x{picture.shape[0]} px"
                raise UserError(f"{where}: holds pictures of {sizes} ({files[number].name}); a set has one size")
        return np.stack(pictures)

    return SetSource(name, str(folder), len(files), take)


def array_source(name: str, origin: str, values: Values) -> SetSource:
    """Samples (N, ...): bytes (N, H, W, 1 or 3) are pictures, all else numbers in their own units."""
    if values.ndim == 4 and values.dtype == np.uint8:
        pictures = _coloured(values)
        return SetSource(name, origin, len(pictures), lambda numbers: pictures[list(numbers)])
    flat = values.reshape(len(values), -1)
    return SetSource(name, origin, len(flat), lambda numbers: flat[list(numbers)].astype(np.float64))


def _coloured(pictures: Values) -> Values:
    """(N, H, W, 1 or 3), grey ones as R = G = B: sets of either kind are compared with each other."""
    return np.repeat(pictures, 3, 3) if pictures.shape[3] == 1 else pictures


def mixture_source(name: str, shape: str) -> SetSource:
    """Any number of points of a toy mixture, others under each name."""
    points, seed = Mixture(shape, 1), stable_seed("set", name)

    def take(numbers: Sequence[int]) -> Values:
        drawn = [points.sample(0, number, seed)["target"] for number in numbers]
        return torch.stack(drawn).double().numpy()

    return SetSource(name, shape, None, take, mixture_modes(shape))


def data_source(name: str, origin: str, samples: Samples) -> SetSource:
    """Samples as training sees them: pictures cut to its size (at random), rows of arrays in their own units."""
    if isinstance(samples, Mixture):
        return mixture_source(name, samples.shape)
    if isinstance(samples, Rows):
        recipe, scaled = samples.recipe, samples.scaled
        numbers = samples.numbers

        def rows(chosen: Sequence[int]) -> Values:
            values = recipe.from_network(scaled[[numbers[number] for number in chosen]])
            return values.reshape(len(chosen), -1)

        return SetSource(name, origin, len(samples), rows)

    def pictures(chosen: Sequence[int]) -> Values:
        targets = (samples.sample(0, number, 0)["target"] for number in chosen)
        return _coloured(np.stack([to_pixels(target[None], np.uint8) for target in targets]))

    return SetSource(name, origin, len(samples), pictures)


def weights_source(name: str, weights: str, translator: Translator, batch: int = 100) -> SetSource:
    """Samples 0 and following of weights that make them from noise, as ``infer`` writes them."""

    def take(numbers: Sequence[int]) -> Values:
        first, last = numbers[0], numbers[-1] + 1
        parts = [
            sample_values(translator, translator.samples(min(batch, last - start), start=start), sample_levels)
            for start in range(first, last, batch)
        ]
        made = array_source(name, weights, np.concatenate(parts))
        return made.take(range(last - first))

    return SetSource(name, weights, None, take)
