"""What a validation gives; of generators that start from noise, measures of sets of their samples."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from img2img.compute.distributed import World
from img2img.data import Samples
from img2img.evaluation.set_sources import data_source, weights_source
from img2img.inference import Translator
from img2img.metrics import METRICS
from img2img.metrics.sets.against import AgainstReal
from img2img.metrics.sets.registry import set_numbers, spaces_of
from img2img.metrics.sets.spaces import PIXELS

# (image, metric, value, why there is none)
Row = tuple[str, str, float, str]
# samples whose time tells that of all
TRIED = 32
# by fewer samples no weights are chosen: their measures are noise
LEAST = 50


@dataclass(frozen=True)
class Validation:
    """One validation: means by metric name, a row for each image and metric, and the protocol's line."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    rows: Sequence[Row] = ()
    protocol: str = ""


class SetValidator:
    """Measures the first ``count`` samples from noise against the first ``count`` of real ones.

    Args:
        numbers: names of numbers of measures of sets, each with its space (frechet_on_mnist) or of the samples
            themselves.
    """

    def __init__(self, samples: Samples, numbers: Sequence[str], count: int, world: World) -> None:
        self.samples, self.numbers, self.count, self.world = samples, tuple(numbers), count, world
        self._against: AgainstReal | None = None

    def measured(self, translator: Translator) -> Validation:
        """The numbers, the same in every process."""
        values = self._values(translator) if self.world.is_main else ({}, "")
        metrics, space = self.world.broadcast(values)
        line = f"{self.count} real and {self.count} made samples on {space}: {', '.join(self.numbers)}"
        return Validation(metrics, (), line)

    def rehearse(self, translator: Translator, budget_s: float, clock: Callable[[], float] = time.monotonic) -> float:
        """About how many seconds `measured` takes: of a few samples where all would not fit into ``budget_s``."""
        began = clock()
        tried = min(TRIED, self.count)
        translator.samples(tried)
        seconds = (clock() - began) / tried * self.count
        if seconds > budget_s:
            return seconds
        began = clock()
        self.measured(translator)
        return clock() - began

    def _values(self, translator: Translator) -> tuple[dict[str, float], str]:
        if self._against is None:
            real = data_source("real", "", self.samples)
            # features in float64, which not every accelerator has
            device = self.world.device if self.world.device.type == "cuda" else torch.device("cpu")
            self._against = AgainstReal(real.take(range(self.count)), real.mixture, device)
        made = weights_source("made", "", translator).take(range(self.count))
        places = ", ".join(self._against.extent(space).space for space in spaces_of(self.numbers))
        return self._against.measured(made, self.numbers), places


def too_few(samples: Samples, numbers: Sequence[str], count: int) -> str:
    """Why ``numbers`` are not taken of the first ``count`` of these samples, in words; empty where they are.

    Raises:
        UserError: an unknown number; a feature network without its weights, or that cannot look at such samples.
    """
    count = min(count, len(samples))
    if not numbers or not count:
        return ""
    if of_pictures := [name for name in numbers if name in METRICS]:
        return f"samples out of noise have no targets for {', '.join(of_pictures)}"
    source = data_source("real", "", samples)
    against = AgainstReal(source.take(range(1)), source.mixture)
    wanted = set_numbers(numbers, "metrics")
    if count < LEAST:
        return f"only {count} samples were held out, and fewer than {LEAST} tell sets badly apart"
    for obstacle in against.obstacles(numbers, count, "metrics"):
        return f"{obstacle} to validate on"
    for space in {number.space for number in wanted.values()} - {PIXELS.name}:
        # a sample of it says before the first step whether the weights are there
        against.ground(space)
    return ""
