"""Results that start from noise, written to a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from img2img.files import atomic
from img2img.images import Picture, to_pixels, write
from img2img.inference.translator import RESULTS, Translator
from img2img.randomness import torch_generator
from img2img.types import Batch


def write_samples(
    translator: Translator, output: Path, count: int, overwrite: bool, *, rank: int = 0, world: int = 1
) -> tuple[int, int]:
    """Write ``count`` results from noise as 0000.png, ... (or points.csv for vectors); (written, skipped).

    Of ``world`` processes each writes its share of the pictures, the first one all of the vectors.

    Raises:
        UserError: the flow does not start from noise.
        RunError: the network gave values that are no numbers; a file cannot be written.
    """
    if translator.shape.size is None:
        return _write_points(translator, output / "points.csv", count, overwrite) if rank == 0 else (0, 0)
    written = skipped = 0
    for number, sample in enumerate(_samples(translator, count)):
        if number % world != rank:
            continue
        path = output / f"{number:04d}.png"
        if path.exists() and not overwrite:
            skipped += 1
            continue
        write(path, Picture(to_pixels(translator.generate(sample), np.uint8)))
        written += 1
    return written, skipped


def _write_points(translator: Translator, path: Path, count: int, overwrite: bool) -> tuple[int, int]:
    if path.exists() and not overwrite:
        return 0, 1
    rows = translator.samples(count).tolist()
    with atomic(path) as temporary:
        temporary.write_text("\n".join(",".join(f"{v:.6g}" for v in row) for row in rows) + "\n", encoding="utf-8")
    return 1, 0


def _samples(translator: Translator, count: int) -> Iterator[Batch]:
    """The first ``count`` samples in order, each as a batch of its own."""
    draw = _RowAfterRow(translator.seed)
    for number in range(count):
        yield translator.flow.prepare(Batch(index=torch.tensor([number])), draw)


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
