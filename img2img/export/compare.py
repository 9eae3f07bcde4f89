"""Whether a model gives what torch gives, and how fast each of them is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from img2img.errors import RunError
from img2img.export.samples import noise_inputs, samples_by_torch
from img2img.inference.tiles import round_up
from img2img.inference.translator import Translator
from img2img.metrics import METRICS

# of values in [0, 1]
LARGEST_DRIFT = 1e-4
BATCHES = (1, 2)
# of a picture whose speed is measured
SIDE = 512
MOST_ROUNDS, FEWEST_ROUNDS, SPEED_S = 9, 3, 10.0

# image, image and mask with values in [0, 1], or what samples are made of
Inputs = tuple[Tensor, ...]
Runs = Callable[..., Tensor]


@dataclass(frozen=True)
class Drift:
    """The largest difference from torch over some sizes (height, width), on values in [0, 1]; of samples, theirs."""

    largest: float
    sizes: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Speed:
    """Median seconds of one picture of ``side`` x ``side`` px in torch and in onnxruntime, measured by turns."""

    side: int
    torch_s: float
    onnxruntime_s: float
    rounds: int
    threads: int


@dataclass(frozen=True)
class Cost:
    """PSNR of a model's results to those of fp32, in dB over ``pictures`` pictures; ``inf`` where they are equal."""

    mean: float
    lowest: float
    pictures: int


def by_torch(translator: Translator) -> Runs:
    """What infer computes, for values in [0, 1], or for z."""
    if translator.flow.from_noise:
        return lambda *inputs: samples_by_torch(translator, *inputs)

    def run(image: Tensor, mask: Tensor | None = None) -> Tensor:
        hole = None if mask is None else (mask > 0.5).float()
        return translator.tensor(image * 2 - 1, hole) / 2 + 0.5

    return run


def sizes_for(translator: Translator) -> tuple[tuple[int, int], ...]:
    """Three sizes (height, width) in px: one the network takes as it is, one to pad, one less than it takes.

    The one size that there is, where pictures are made from noise.
    """
    if translator.flow.from_noise:
        side = translator.shape.size or 0
        return ((side, side),)
    multiple = int(getattr(translator.network, "multiple", 1))
    least = round_up(max(int(getattr(translator.network, "minimum", 1)), 32), multiple)
    return (least, least + multiple), (least + 1, least + multiple + 3), (5, 9)


def drift(model: Runs, translator: Translator) -> Drift:
    """Compare a model with torch on uniform noise of three sizes, one picture and two together; on z, as many.

    Raises:
        RunError: the model gave values that are no numbers.
    """
    expected, largest, sizes = by_torch(translator), 0.0, sizes_for(translator)
    for inputs in _trials(translator, sizes):
        result, wanted = model(*inputs), expected(*inputs)
        if result.shape != wanted.shape:
            raise RunError(f"the exported file gives {tuple(result.shape)} where torch gives {tuple(wanted.shape)}")
        difference = float((result - wanted).abs().max())
        if difference != difference:
            raise RunError("the exported file gives values that are no numbers (a higher --precision may help)")
        largest = max(largest, difference)
    return Drift(largest, sizes)


def _trials(translator: Translator, sizes: Sequence[tuple[int, int]]) -> Iterator[Inputs]:
    """What a model and torch are compared on."""
    generator = torch.Generator().manual_seed(0)
    for height, width in sizes:
        for batch in BATCHES:
            if translator.flow.from_noise:
                yield noise_inputs(translator, batch, start=batch)
                continue
            image = torch.rand(batch, translator.shape.source, height, width, generator=generator)
            mask = (torch.rand(batch, 1, height, width, generator=generator) > 0.5).float()
            yield (image, mask) if translator.takes_mask else (image,)


def refuse_drift(found: Drift, what: str) -> None:
    """Refuse ``what`` where it is not the network it was made from.

    Raises:
        RunError: the difference is above `LARGEST_DRIFT`.
    """
    if found.largest > LARGEST_DRIFT:
        raise RunError(
            f"{what}: the exported network differs from torch by up to {found.largest:.2g} of values in [0, 1] "
            f"({LARGEST_DRIFT:.0e} is allowed)"
        )


def cost(model: Runs, translator: Translator, pictures: Sequence[Inputs]) -> Cost:
    """How far a model's results are from those of torch in fp32, on pictures in [0, 1] or z."""
    expected = by_torch(translator)
    psnr = METRICS["psnr"].measure
    values = [float(psnr(model(*inputs).double(), expected(*inputs).double(), data_range=1.0)) for inputs in pictures]
    return Cost(sum(values) / len(values), min(values), len(values))


def speed(model: Runs, translator: Translator) -> Speed:
    """Time both on one picture, by turns, after one forward of each that is not counted."""
    inputs, side = _timed_inputs(translator)
    rivals: list[Runs] = [by_torch(translator), model]
    seconds: list[list[float]] = [[], []]
    began = time.perf_counter()
    for number in range(MOST_ROUNDS + 1):
        if number > FEWEST_ROUNDS and time.perf_counter() - began > SPEED_S:
            break
        for rival, taken in zip(rivals, seconds, strict=True):
            start = time.perf_counter()
            rival(*inputs)
            taken.append(time.perf_counter() - start)
    counted = [taken[1:] for taken in seconds]
    return Speed(side, median(counted[0]), median(counted[1]), len(counted[0]), torch.get_num_threads())


def _timed_inputs(translator: Translator) -> tuple[Inputs, int]:
    """One picture of `SIDE` px, or one z, and the side of its result."""
    if translator.flow.from_noise:
        return noise_inputs(translator, 1), translator.shape.size or 0
    image = torch.rand(1, translator.shape.source, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    return (image, torch.zeros(1, 1, SIDE, SIDE)) if translator.takes_mask else (image,), SIDE
