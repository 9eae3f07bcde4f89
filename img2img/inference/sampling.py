"""Results from noise: the part of a translator that makes them of numbers instead of pictures."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from img2img.compute.precision import Precision
from img2img.compute.random import NamedRandom
from img2img.data.array_files import Values
from img2img.data.rows import ArrayRecipe
from img2img.errors import UserError
from img2img.inference.generator import finite, result_of
from img2img.inference.statistics import as_results_are_made
from img2img.recipes.method import Inference
from img2img.types import Batch, Flow

# the forward whose random numbers results are made with
RESULTS = "results"
Along = Literal["linear", "spherical"]


class FromNoise:
    """Samples of a noise flow's generator.

    Attributes:
        seed: z of sample n is a function of it and of n.
        array: how samples of an array became what the network sees; None where the data were pictures.
    """

    network: nn.Module
    flow: Flow
    device: torch.device
    precision: Precision
    inference: Inference
    seed: int
    array: ArrayRecipe | None

    def z(self, count: int, start: int = 0) -> Tensor:
        """(count, z) numbers that samples ``start`` and following are made from, the same at every count.

        Raises:
            UserError: the flow does not start from noise.
        """
        z = self._drawn(count, start).source
        if z is None:
            raise ValueError("the flow draws nothing")
        return z

    def _drawn(self, count: int, start: int) -> Batch:
        """All that the flow draws for samples ``start`` and following: z, and what it sees beside it."""
        self._check_noise()
        draw = NamedRandom(self.seed, 0, RESULTS, start, start + count, torch.device("cpu"))
        return self.flow.prepare(Batch(index=torch.arange(start, start + count)), draw)

    def samples(self, count: int | None = None, start: int = 0, z: Tensor | None = None) -> Tensor:
        """Results from noise: pictures (N, C, H, W) about [-1, 1] or vectors (N, F), float32 on the CPU, not clipped.

        Args:
            count: how many, from number ``start`` on; each is a function of the seed and its number.
            z: (N, z) numbers of your own to make them from instead.

        Raises:
            UserError: the flow does not start from noise; both a count and z, neither, or z of another length.
            RunError: the network gave values that are no numbers.
        """
        self._check_noise()
        if (count is None) == (z is None):
            raise UserError("samples: give a count or z")
        if z is None:
            return self.generate(self._drawn(int(count or 0), start))
        latent = getattr(self.network, "latent", None)
        if z.ndim != 2 or latent not in (None, z.shape[1]):
            raise UserError(f"samples: z of shape (N, {latent}) is needed, got {tuple(z.shape)}")
        return self.generate(Batch(source=z.float(), index=torch.arange(start, start + len(z))))

    def generate(self, batch: Batch) -> Tensor:
        """What the flow makes of ``batch`` as it prepared it, in one forward: float32 on the CPU, not clipped.

        Raises:
            UserError: the flow does not start from noise.
            RunError: the network gave values that are no numbers.
        """
        self._check_noise()
        with as_results_are_made(self.network, self.inference), self.precision.autocast():
            result = result_of(self.flow, self.network, batch.map(lambda values: values.to(self.device)))
        return finite(result).float().cpu()

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
