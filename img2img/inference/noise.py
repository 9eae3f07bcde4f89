"""Results that start from noise, written to a folder: single files, a grid, arrays in the data's own units, strips."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from img2img.errors import UserError
from img2img.files import atomic, atomic_write_bytes
from img2img.images import Picture, to_pixels, write
from img2img.images.form import Form
from img2img.inference.sampling import RESULTS, Along, between
from img2img.inference.translator import Translator
from img2img.randomness import torch_generator
from img2img.types import Batch

Pixels = np.ndarray[Any, Any]
# px between the pictures of a grid, and their level
GAP, GROUND = 2, 255


@dataclass(frozen=True)
class Interpolation:
    """A strip of ``steps`` results on the way from sample ``first`` to sample ``last``, both included."""

    first: int
    last: int
    steps: int = 9
    along: Along = "linear"


def write_samples(
    translator: Translator, output: Path, count: int, overwrite: bool, *, rank: int = 0, world: int = 1
) -> tuple[int, int]:
    """Write ``count`` results from noise as 0000.png (of classes: 0000-class7.png), ...; (written, skipped).

    They have the type and channels of the training's files, as TIFF where a PNG cannot hold these.

    Vectors, and rows of an array that were trained on as squares, go to points.csv, in the array's units and under the
    names of its columns. Of ``world`` processes each writes its share of the pictures, the first one all of the rows.

    Raises:
        UserError: the flow does not start from noise.
        RunError: the network gave values that are no numbers; a file cannot be written.
    """
    if translator.shape.size is None or (translator.array is not None and len(translator.array.shape) == 1):
        return _write_points(translator, output / "points.csv", count, overwrite) if rank == 0 else (0, 0)
    written = skipped = 0
    ending = "png" if translator.forms.target.in_png else "tif"
    for number, sample in enumerate(_samples(translator, count)):
        if number % world != rank:
            continue
        path = output / f"{number:04d}{''.join(f'-class{label}' for label in translator.classes_of([number]))}.{ending}"
        if path.exists() and not overwrite:
            skipped += 1
            continue
        write(path, Picture(sample_pixels(translator, translator.generate(sample))))
        written += 1
    return written, skipped


def write_grid(translator: Translator, path: Path, count: int, columns: int, overwrite: bool) -> tuple[int, int]:
    """The first ``count`` pictures from noise as one, in rows of ``columns``; (written, skipped).

    Raises:
        UserError, RunError: as `write_samples`.
    """

    def save() -> None:
        made = (translator.generate(sample) for sample in _samples(translator, count))
        write(path, Picture(_mosaic(translator, made, columns)))

    return _unless_there(path, overwrite, save)


def write_class_grid(translator: Translator, path: Path, columns: int, overwrite: bool) -> tuple[int, int]:
    """A row of pictures for each class, those of a column from the z of the same sample; (written, skipped).

    Raises:
        UserError, RunError: as `write_samples`.
    """

    def save() -> None:
        zs = translator.z(columns)
        made = [translator.samples(z=z[None], label=label) for label in translator.shape.classes for z in zs]
        write(path, Picture(_mosaic(translator, made, columns)))

    return _unless_there(path, overwrite, save)


def write_labels(translator: Translator, path: Path, count: int, overwrite: bool) -> tuple[int, int]:
    """The labels of the first ``count`` results' classes as a .npy (N,) int64; (written, skipped)."""

    def save() -> None:
        packed = io.BytesIO()
        np.save(packed, np.array(translator.classes_of(range(count)), np.int64))
        atomic_write_bytes(path, packed.getvalue())

    return _unless_there(path, overwrite, save)


def write_array(translator: Translator, path: Path, count: int, overwrite: bool) -> tuple[int, int]:
    """``count`` results as a .npy, with (N, ...) float64 in the units of an array that was trained on.

    Without such an array: pictures as (N, H, W, C) in the type of the training's files, vectors as (N, F) float32;
    (written, skipped).

    Raises:
        UserError, RunError: as `write_samples`.
    """

    def save() -> None:
        parts = [sample_values(translator, translator.generate(sample)) for sample in _samples(translator, count)]
        packed = io.BytesIO()
        np.save(packed, np.concatenate(parts))
        atomic_write_bytes(path, packed.getvalue())

    return _unless_there(path, overwrite, save)


def write_between(translator: Translator, path: Path, way: Interpolation, overwrite: bool) -> tuple[int, int]:
    """A strip of pictures between two samples (vectors: a .csv in their units), of each class; (written, skipped).

    Raises:
        UserError, RunError: as `write_samples`.
    """

    def save() -> None:
        first, last = (translator.z(1, number)[0] for number in (way.first, way.last))
        zs = between(first, last, way.steps, way.along)
        labels = translator.shape.classes if translator.label is None else (translator.label,)
        made = [translator.samples(z=z[None], label=label) for label in labels or (None,) for z in zs]
        if translator.shape.size is None:
            _write_csv(translator, path, torch.cat(made), [label for label in labels for _ in zs])
        else:
            write(path, Picture(_mosaic(translator, made, len(zs))))

    return _unless_there(path, overwrite, save)


def _unless_there(path: Path, overwrite: bool, save: Callable[[], None]) -> tuple[int, int]:
    if path.exists() and not overwrite:
        return 0, 1
    path.parent.mkdir(parents=True, exist_ok=True)
    save()
    return 1, 0


def sample_pixels(translator: Translator, made: Tensor) -> Pixels:
    """(H, W, C) of one result (1, C, H, W) in the units of the training's files; one channel where these were grey."""
    return translator.forms.target.to_pixels(made[0, :1] if translator.grey_targets else made[0])


def sample_levels(translator: Translator, made: Tensor) -> Pixels:
    """`sample_pixels` in 8 bits, whatever the files had: (H, W, C) uint8."""
    return to_pixels(made[:, :1] if translator.grey_targets else made, np.uint8)


def sample_values(
    translator: Translator, made: Tensor, of_one: Callable[[Translator, Tensor], Pixels] = sample_pixels
) -> Pixels:
    """`samples` as they are written: (N, ...) float64 in the units of an array, (N, F), or (N, H, W, C) as `of_one`."""
    if translator.array is not None:
        return translator.in_units(made)
    return made.numpy() if made.ndim == 2 else np.stack([of_one(translator, one[None]) for one in made])


def _mosaic(translator: Translator, made: Iterator[Tensor] | Sequence[Tensor], columns: int) -> Pixels:
    """Pictures in rows of ``columns``, a gap between them: (H, W, C) uint8."""
    pictures = [sample_levels(translator, one) for one in made]
    if pictures[0].shape[2] not in (1, 3):
        pictures = [Form(channels=picture.shape[2]).for_eyes(picture) for picture in pictures]
    height, width, channels = pictures[0].shape
    rows = -(-len(pictures) // columns)
    sides = (rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels)
    whole = np.full(sides, GROUND, np.uint8)
    for number, picture in enumerate(pictures):
        top, left = number // columns * (height + GAP), number % columns * (width + GAP)
        whole[top : top + height, left : left + width] = picture
    return whole


def _write_points(translator: Translator, path: Path, count: int, overwrite: bool) -> tuple[int, int]:
    def save() -> None:
        made = [translator.generate(sample) for sample in _samples(translator, count)]
        _write_csv(translator, path, torch.cat(made), translator.classes_of(range(count)))

    return _unless_there(path, overwrite, save)


def _write_csv(translator: Translator, path: Path, made: Tensor, labels: Sequence[int]) -> None:
    """Rows in the data's units where they have some, under the names of their columns where those have names.

    The last column is ``label``, where there are ``labels``: what is written can be learnt from again.
    """
    rows = (translator.in_units(made) if translator.array else made.numpy()).tolist()
    names = list(translator.array.columns) if translator.array else []
    if labels:
        names = [*(names or [f"x{number}" for number in range(len(rows[0]))]), "label"]
    lines = [",".join(names)] if names else []
    ends = [f",{label}" for label in labels] or [""] * len(rows)
    lines += [",".join(f"{value:.6g}" for value in row) + end for row, end in zip(rows, ends, strict=True)]
    with atomic(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def check_way(way: Interpolation, count: int) -> None:
    """Refuse ends that are no samples, and a way without a step.

    Raises:
        UserError: naming the flag.
    """
    if not (0 <= way.first < count and 0 <= way.last < count):
        raise UserError(f"--between {way.first} {way.last}: samples are numbered 0 to {count - 1}; raise --samples")
    if way.steps < 2:
        raise UserError(f"--steps {way.steps}: both ends are shown; at least 2 are needed")


def _samples(translator: Translator, count: int) -> Iterator[Batch]:
    """The first ``count`` samples in order, each as a batch of its own."""
    draw = _RowAfterRow(translator.seed)
    for number in range(count):
        yield translator.flow.prepare(translator.numbered([number]), draw)


class _RowAfterRow:
    """The rows of `img2img.compute.random.NamedRandom`, each call those after the last call's.

    Uniform numbers come out of a generator one by one, so that draws in a row are one large draw: a sample's need not
    be drawn together with those of all before it.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.generators: dict[str, torch.Generator] = {}

    def __call__(self, name: str, shape: Sequence[int]) -> Tensor:
        if name not in self.generators:
            self.generators[name] = torch_generator(self.seed, name, 0, RESULTS)
        return torch.rand(tuple(shape), generator=self.generators[name])
