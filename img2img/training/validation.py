"""What a training shows of itself: metrics on fixed pictures, made as inference makes them, and sheets to look at."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from img2img.compute.distributed import World
from img2img.data import Samples
from img2img.data.classes import label_maps_of
from img2img.data.labels import LabelMaps
from img2img.data.samples import PLAIN_FORMS, Mixture
from img2img.engine.player import Player
from img2img.images.form import Forms
from img2img.inference import Shape, Translator, translator_of
from img2img.metrics import Protocol, mean, measure
from img2img.metrics.protocols import with_palette
from img2img.progress import say
from img2img.recipes.method import Method
from img2img.recipes.train_config import TrainConfig
from img2img.reports.figures import grid, save_png, vectors_side_by_side
from img2img.reports.plots import scatter
from img2img.training.points import POINTS, critic_surface, save_points
from img2img.training.run_folder import Run
from img2img.training.set_validation import Row, SetValidator, Validation

Pixels = np.ndarray[Any, Any]
# spread of made samples over that of real ones below which a generator has collapsed
COLLAPSED = 0.05


SHEET = ("source", "result", "target")
# where the flow has a way back: each side, what is made of it, and that translated back
BOTH_WAYS = ("source", "result", "and back", "target", "result of the target", "and back")

# the networks results are made with, and the step
Validate = Callable[[nn.ModuleDict, int], Validation]


class Validator:
    """Validates a method's networks on the first ``plan.validation_images`` of ``samples``, shared among processes.

    Args:
        metrics: what is measured, under ``protocol``; none where nothing selects the best weights.
        run: where sample sheets go, or None for no sheets.
        critics: whose surface over points of the plane is kept beside what was made of noise.
        grey_targets: results are made grey.
        labels: which side is a label map.
        unmeasured: why there are no metrics, where they were asked for.
    """

    def __init__(
        self,
        samples: Samples,
        method: Method,
        plan: TrainConfig,
        shape: Shape,
        *,
        metrics: Sequence[str],
        protocol: Protocol,
        world: World,
        run: Run | None,
        critics: Player | None = None,
        grey_targets: bool = False,
        forms: Forms = PLAIN_FORMS,
        labels: LabelMaps | None = None,
        unmeasured: str = "",
    ) -> None:
        self.samples, self.method, self.plan, self.shape = samples, method, plan, shape
        self.metrics, self.protocol = tuple(metrics), with_palette(protocol, labels.palette if labels else ())
        self.labels = labels
        self.world, self.run, self.critics = world, run, critics
        self.grey_targets, self.forms, self.unmeasured = grey_targets, forms, unmeasured
        self._first: Pixels | None = None
        self._collapsed = False
        self.count = min(len(samples), plan.validation_images)
        self.sets = SetValidator(samples, self.metrics, self.count, world)

    def digests(self) -> tuple[str, ...]:
        """What identifies the pictures that are validated on, wherever and under whatever name they lie.

        Points of a toy distribution are drawn, and identified by nothing.
        """
        if isinstance(self.samples, Mixture):
            return ()
        return tuple(self.samples.digest(index) for index in range(self.count))

    def __call__(self, networks: nn.ModuleDict, step: int) -> Validation:
        """Measure, and leave the sheet of this step in the run directory."""
        if self.count == 0:
            return Validation()
        translator = self._translator(networks)
        if translator.flow.from_noise:
            self._save_noise_sheet(translator, step)
            return self.sets.measured(translator) if self.metrics else Validation()
        back = self._translator(networks, back=True) if translator.flow.way_back else None
        rows: list[Row] = []
        spreads: list[tuple[float, float]] = []
        sheet: list[list[Pixels]] = []
        for index in self._mine():
            pictures, measured = self._translate(translator, index)
            rows += measured
            spreads.append((_spread(pictures[1]), _spread(pictures[2])))
            if index < self.plan.samples:
                sheet.append(_both_ways(translator, back, pictures) if back else pictures)
        self._save_sheet(sheet, step)
        self._tell_collapse(spreads, step)
        return self._summed(rows)

    def rehearse(self, networks: nn.ModuleDict, budget_s: float, clock: Callable[[], float] = time.monotonic) -> float:
        """About how many seconds a validation takes: of as many pictures as fit into ``budget_s``, at least one."""
        translator = self._translator(networks)
        mine = self._mine()
        if translator.flow.from_noise and self.metrics:
            return self.sets.rehearse(translator, budget_s, clock)
        if translator.flow.from_noise or not mine:
            return 0.0
        began, seconds, done = clock(), 0.0, 0
        while done < len(mine) and seconds * (done + 1) <= budget_s * done:
            self._translate(translator, mine[done])
            done += 1
            seconds = clock() - began
        return seconds / done * len(mine)

    def _translator(self, networks: nn.ModuleDict, back: bool = False) -> Translator:
        return translator_of(
            networks,
            self.method,
            self.shape,
            self.world.device,
            "fp32",
            self.plan.seed,
            grey_targets=self.grey_targets,
            forms=self.forms,
            labels=self.labels,
            back=back,
        )

    def _mine(self) -> range:
        """This process's share of the pictures."""
        return range(self.world.rank, self.count, self.world.size)

    def _translate(self, translator: Translator, index: int) -> tuple[list[Pixels], list[Row]]:
        """Source, result and target of one picture, and what is measured on them."""
        pair = self.samples.whole(index)
        result = translator.pixels(pair["source"], pair.get("mask"))
        rows: list[Row] = []
        if self.metrics:
            values = measure(self.protocol, self.metrics, result, pair["target"], self.world.device, pair.get("mask"))
            rows = [(self.samples.names[index], metric, *value) for metric, value in values.items()]
        source, target = self.forms.source, self.forms.target
        shown = (source.for_eyes(pair["source"]), target.for_eyes(result), target.for_eyes(pair["target"]))
        return list(shown), rows

    def _summed(self, rows: Sequence[Row]) -> Validation:
        """The means over all processes' rows."""
        everyones = [row for part in self.world.all_gather(rows) for row in part]
        if not self.metrics:
            return Validation()
        metrics = {
            metric: mean([value for _, name, value, _ in everyones if name == metric])[0]
            for metric in self.protocol.names(self.metrics)
        }
        return Validation(metrics, sorted(everyones), self.protocol.line(self.metrics))

    def _tell_collapse(self, spreads: Sequence[tuple[float, float]], step: int) -> None:
        """Say it where results are nearly one colour each, while the targets are not: (result's, target's) spreads."""
        everyones = [spread for part in self.world.all_gather(spreads) for spread in part]
        made, real = (sum(side) for side in zip(*everyones, strict=True))
        if self.world.is_main and made < COLLAPSED * real:
            where = f": see {self.run.sample_sheet(step)}" if self.run else ""
            line = "every result is nearly one colour, the targets are not (a collapse, or hardly begun)"
            say(f"step {step}: {line}{where}")

    def _save_sheet(self, rows: list[list[Pixels]], step: int) -> None:
        """The same pictures at every step, all processes' under each other, as `SHEET` or `BOTH_WAYS` names them."""
        if self.run is None:
            return
        everyones = [row for part in self.world.all_gather(rows) for row in part]
        if self.world.is_main and everyones:
            save_png(
                self.run.sample_sheet(step), grid(everyones, SHEET if len(everyones[0]) == len(SHEET) else BOTH_WAYS)
            )

    def _save_noise_sheet(self, translator: Translator, step: int) -> None:
        """What the generator makes of fixed noise beside (or over) real samples; a collapse is said."""
        if self.run is None or not self.world.is_main:
            return
        vectors = self.shape.size is None
        count = POINTS if vectors else 16
        made = translator.samples(count).numpy()
        real = self._real(count)
        path = self.run.sample_sheet(step)
        collapsed = step > 0 and bool(made.std(0).mean() < COLLAPSED * real.std(0).mean())
        if collapsed and not self._collapsed:
            where = f": see {path}" if self.plan.samples else ""
            say(f"step {step}: the generator makes nearly the same thing of every z (collapse){where}")
        self._collapsed = collapsed
        if vectors:
            surface = critic_surface(self.critics.networks, made, real, self.world.device) if self.critics else None
            save_points(self.run.points(step), made.astype(np.float32), surface)
        else:
            save_points(self.run.points(step), np.stack([_for_eyes(one) for one in torch.from_numpy(made)]))
        if self.plan.samples:
            save_png(path, scatter(made, real) if vectors else vectors_side_by_side(made, real))

    def _real(self, count: int) -> Pixels:
        """The first samples of the set, read once."""
        if self._first is None:
            samples = self.samples
            self._first = np.stack([samples.sample(0, i % len(samples), 0)["target"].numpy() for i in range(count)])
        return self._first


def _both_ways(there: Translator, back: Translator, pictures: Sequence[Pixels]) -> list[Pixels]:
    """Source, result and target with what the columns of `BOTH_WAYS` ask for besides."""
    source, result, target = pictures
    made = back.pixels(target)
    return [source, result, back.pixels(result), target, made, there.pixels(made)]


def _spread(pixels: Pixels) -> float:
    """How far the pixels (H, W, 3) of a picture lie from its mean colour: standard deviation in levels."""
    return float(pixels.std((0, 1)).mean())


def pair_sheet(samples: Samples, seed: int, count: int = 4) -> Pixels | None:
    """Training samples as the networks will see them, labelled, so that a wrong direction is seen at once.

    (H, W, 3) uint8; None where the samples are no pictures (vectors).
    """
    rows: list[list[Pixels]] = []
    labels: list[str] = []
    for index in range(min(count, len(samples))):
        sample = samples.sample(0, index, seed)
        pictures = {name: value for name, value in sample.items() if value.ndim == 3}
        if not pictures:
            return None
        labels = list(pictures)
        rows.append(
            [_for_eyes(_in_colours(samples, name, value), mask=name == "mask") for name, value in pictures.items()]
        )
    names = {"source": "source (what goes in)", "target": "target (what should come out)"}
    return grid(rows, [names.get(label, label) for label in labels])


def _in_colours(samples: Samples, name: str, values: torch.Tensor) -> torch.Tensor:
    """A one-hot label map (classes, H, W) as the colours of its classes (3, H, W) in [-1, 1]; others as they are."""
    labels = label_maps_of(samples)
    if labels is None or labels.side != name or name != "source":
        return values
    colours = torch.tensor(labels.palette, dtype=torch.float32) / 127.5 - 1
    return colours[values.argmax(0)].permute(2, 0, 1)


def _for_eyes(values: torch.Tensor, *, mask: bool = False) -> Pixels:
    """(C, H, W) in [-1, 1], or a mask (1, H, W) of 0 and 1, as (H, W, 3) uint8."""
    if mask:
        values = values * 2 - 1
    pixels = ((values.clamp(-1, 1) + 1) * 127.5).round().byte()
    pixels = pixels if len(pixels) >= 3 else pixels[:1].expand(3, -1, -1)
    array: Pixels = pixels[:3].permute(1, 2, 0).contiguous().numpy()
    return array
