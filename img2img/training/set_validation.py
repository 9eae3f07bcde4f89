"""What a validation gives; of generators that start from noise, measures of sets of their samples."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from img2img.compute.distributed import World
from img2img.data import Samples
from img2img.evaluation.set_sources import SetSource, data_source, weights_source
from img2img.inference import Translator
from img2img.metrics import METRICS
from img2img.metrics.sets.registry import SampleSet, measure_sets, set_measure
from img2img.metrics.sets.spaces import pixels

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
    """Measures the first ``count`` samples from noise against the first ``count`` of real ones, in pixel space.

    Args:
        numbers: names of numbers of measures of sets.
    """

    def __init__(self, samples: Samples, numbers: Sequence[str], count: int, world: World) -> None:
        self.samples, self.numbers, self.count, self.world = samples, tuple(numbers), count, world
        self._real: SampleSet | None = None

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
        if self._real is None:
            self._real = self._set(data_source("real", "", self.samples))
        made = self._set(weights_source("made", "", translator))
        return measure_sets(self._real, made, self.numbers), made.space

    def _set(self, source: SetSource) -> SampleSet:
        return pixels(torch.device("cpu"))(source.take(range(self.count)), source.mixture)


def too_few(samples: Samples, numbers: Sequence[str], count: int) -> str:
    """Why ``numbers`` are not taken of the first ``count`` of these samples, in words; empty where they are.

    Raises:
        UserError: an unknown number.
    """
    count = min(count, len(samples))
    if not numbers or not count:
        return ""
    if of_pictures := [name for name in numbers if name in METRICS]:
        return f"samples out of noise have no targets for {', '.join(of_pictures)}"
    drawn = data_source("real", "", samples).take(range(1))
    features = int(drawn[0].size)
    if count < LEAST:
        return f"only {count} samples were held out, and fewer than {LEAST} tell sets badly apart"
    for number in numbers:
        measure = set_measure(number, "metrics")
        needed = measure.needs(features)
        if count < needed:
            return f"{count} samples are validated on, of which {measure.name} needs {needed}"
    return ""
