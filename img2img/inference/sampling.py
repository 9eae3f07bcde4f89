"""Results from noise: the part of a translator that makes them of numbers instead of pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from img2img.compute.precision import Precision
from img2img.compute.random import NamedRandom
from img2img.data.array_files import Values
from img2img.data.rows import ArrayRecipe
from img2img.errors import UserError
from img2img.files import listed
from img2img.inference.generator import finite, result_of
from img2img.inference.statistics import as_results_are_made
from img2img.recipes.method import Inference
from img2img.types import Batch, Flow
from img2img.weights.header import Shape

# the forward whose random numbers results are made with
RESULTS = "results"
Along = Literal["linear", "spherical"]


class FromNoise:
    """Samples of a noise flow's generator.

    Attributes:
        seed: z of sample n is a function of it and of n.
        array: how samples of an array became what the network sees; None where the data were pictures.
        shape: what the network was built for; its ``classes`` are the labels that samples can be asked for by.
        label: of the class that all samples are of; None: they are of all classes in turn.
    """

    network: nn.Module
    flow: Flow
    device: torch.device
    precision: Precision
    inference: Inference
    seed: int
    array: ArrayRecipe | None
    grey_targets: bool
    shape: Shape
    label: int | None = None

    def z(self, count: int, start: int = 0) -> Tensor:
        """(count, z) numbers that samples ``start`` and following are made from, the same at every count.

        Raises:
            UserError: the flow does not start from noise.
        """
        z = self._drawn(count, start).source
        if z is None:
            raise ValueError("the flow draws nothing")
        return z

    def _drawn(self, count: int, start: int, label: int | None = None) -> Batch:
        """All that the flow draws for samples ``start`` and following: z, and what it sees beside it."""
        self._check_noise()
        draw = NamedRandom(self.seed, 0, RESULTS, start, start + count, torch.device("cpu"))
        return self.flow.prepare(self.numbered(range(start, start + count), label), draw)

    def numbered(self, numbers: Iterable[int], label: int | None = None) -> Batch:
        """What is known of samples by their numbers before anything is drawn: whose class they are to be.

        Raises:
            UserError: no class has this ``label`` (None: `label`).
        """
        index = torch.tensor(list(numbers), dtype=torch.int64)
        classes = self.shape.classes
        label = self.label if label is None else label
        if label is not None and label not in classes:
            known = f"they know {listed(list(map(str, classes)), 10)}" if classes else "they have no classes"
            raise UserError(f"--class {label}: no class of these weights; {known}")
        if not classes:
            return Batch(index=index)
        places = index % len(classes) if label is None else torch.full_like(index, classes.index(label))
        return Batch(index=index, extra={"classes": one_hot(places, len(classes)).float()})

    def classes_of(self, numbers: Iterable[int]) -> list[int]:
        """The labels of the classes that samples of these numbers are of; empty where there are no classes."""
        known = self.numbered(numbers).extra
        return [self.shape.classes[place] for place in known["classes"].argmax(1).tolist()] if known else []

    def samples(
        self, count: int | None = None, start: int = 0, z: Tensor | None = None, label: int | None = None
    ) -> Tensor:
        """Results from noise: pictures (N, C, H, W) about [-1, 1] or vectors (N, F), float32 on the CPU, not clipped.

        Args:
            count: how many, from number ``start`` on; each is a function of the seed and its number.
            z: (N, z) numbers of your own to make them from instead.
            label: of the class that all are of; None: `label`, or all classes in turn.

        Raises:
            UserError: the flow does not start from noise; both a count and z, neither, or z of another length; no class
                has this label.
            RunError: the network gave values that are no numbers.
        """
        self._check_noise()
        if (count is None) == (z is None):
            raise UserError("samples: give a count or z")
        if z is None:
            return self.generate(self._drawn(int(count or 0), start, label))
        latent = getattr(self.network, "latent", None)
        if z.ndim != 2 or latent not in (None, z.shape[1]):
            raise UserError(f"samples: z of shape (N, {latent}) is needed, got {tuple(z.shape)}")
        return self.generate(replace(self.numbered(range(start, start + len(z)), label), source=z.float()))

    def generate(self, batch: Batch) -> Tensor:
        """What the flow makes of ``batch`` as it prepared it, in one forward: float32 on the CPU, not clipped.

        Where the training's targets were grey all channels are their mean.

        Raises:
            UserError: the flow does not start from noise.
            RunError: the network gave values that are no numbers.
        """
        self._check_noise()
        with as_results_are_made(self.network, self.inference), self.precision.autocast():
            result = result_of(self.flow, self.network, batch.map(lambda values: values.to(self.device)))
        made = finite(result).float().cpu()
        return made.mean(1, keepdim=True).expand_as(made) if self.grey_targets else made

    def in_units(self, samples: Tensor) -> Values:
        """`samples` of a training on an array in the units and width of its data: (N, F) or (N, H, W[, C]) float64.

        Raises:
            UserError: the training had pictures, which have no other units.
        """
        if self.array is None:
            raise UserError("these weights were trained on pictures; their samples have no units of an array")
        return self.array.from_network(samples)

    def _check_noise(self) -> None:
        if not self.flow.from_noise:
            raise UserError("these weights translate pictures: give --input")


def between(first: Tensor, last: Tensor, steps: int, along: Along) -> Tensor:
    """(steps, z) from ``first`` to ``last`` (z,), both included, in equal parts of the straight line or of the angle.

    Spherical (White 2016): sin((1-t) a)/sin(a) z0 + sin(t a)/sin(a) z1, a the angle between them; where they point the
    same or the opposite way it is the straight line.
    """
    parts = torch.linspace(0, 1, steps, dtype=torch.float64)[:, None]
    start, end = first.double(), last.double()
    cosine = (start @ end / (start.norm() * end.norm()).clamp_min(1e-12)).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if along == "linear" or angle.sin() < 1e-6:
        way = (1 - parts) * start + parts * end
    else:
        way = (((1 - parts) * angle).sin() * start + (parts * angle).sin() * end) / angle.sin()
    return way.float()
