"""The table of paired translation: metrics of each test picture under the table's protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from img2img.config import options
from img2img.data.layouts import read_layout
from img2img.errors import UserError
from img2img.evaluation.compare import of_weights
from img2img.evaluation.outcome import Evaluation
from img2img.evaluation.report import render, write_report
from img2img.evaluation.request import Request
from img2img.experiments.job import Measured, Part, Reproduction, notes
from img2img.experiments.plan import Plan
from img2img.experiments.survivors import draw_survivors
from img2img.experiments.texts import listed_part
from img2img.experiments.verdict import verdict
from img2img.metrics import METRICS, read_protocol
from img2img.progress import say
from img2img.reports import published
from img2img.reports.figures import save_png
from img2img.reports.plots import curves_plot
from img2img.training.run_folder import Run
from img2img.training.train import Parts

FORMATS = ("md", "latex")


@options
class Pairs:
    """Metrics of each picture of the part test (or of what is held out), as `evaluate` measures them."""

    takes_diverged: ClassVar[bool] = False
    compares_time: ClassVar[bool] = False

    def check(self, job: Reproduction, set_name: str, parts: Mapping[str, Parts]) -> None:
        """Refuse data of which nothing is left to measure on.

        Raises:
            UserError: naming what would hold something out.
        """
        held_out = all(its.validator is not None for its in parts.values())
        if not held_out and not _has_test(job, set_name):
            raise UserError(
                f"--data {set_name}={job.places[set_name] or 'built in'}: nothing is held out to measure on; raise "
                f"data.validation, or add a part val or test"
            )

    def measure(self, job: Reproduction, plan: Plan, set_name: str) -> Measured:
        """All runs of a set; its report and curves are written."""
        evaluation = _measure(job, plan, set_name)
        title = f"{set_name}: {job.table.sets[set_name].title}"
        parts = [Part(title, {form: render(evaluation, form) for form in FORMATS})]
        if said := verdict(evaluation.table):
            parts.append(listed_part(f"{set_name}: verdict", said))
        return Measured(parts)

    def together(self, job: Reproduction, measured: Mapping[str, Measured]) -> list[Part]:
        """Set after set: their pictures and units have nothing in common."""
        return [part for its in measured.values() for part in its.parts]


def _has_test(job: Reproduction, set_name: str) -> bool:
    """Whether a set has a part that neither trains nor chooses weights; what is built in has none."""
    if not job.places[set_name]:
        return False
    config = job.settings(set_name, job.asked.arms[0], ("train.steps=1",)).data
    return "test" in read_layout(Path(job.places[set_name]), config).parts


def _measure(job: Reproduction, plan: Plan, set_name: str) -> Evaluation:
    """All runs of a set under the table's protocol; its report and its curves are written."""
    table, its = job.table, job.table.sets[set_name]
    tested = _has_test(job, set_name)
    # what is held out for validation would choose the best weights that are then measured on it
    which = "best" if tested else "last"
    weights = [
        (arm, str(Run(job.run_folder(set_name, arm, seed)).weights(which)))
        for arm in plan.runs[set_name]
        for seed in range(job.asked.seeds)
    ]
    request = Request(
        metrics=table.metrics,
        protocol=read_protocol(table.protocol),
        against=table.against if table.against in plan.runs[set_name] else None,
        spread="std" if job.asked.seeds > 1 else "interval",
        published=(published.load(its.published),) if its.published else (),
    )
    output = job.folder(set_name) / "evaluation"
    part = "test" if tested else "validation"
    evaluation = of_weights(weights, job.places[set_name] or None, part, request, output, job.world)
    about = f"Measured on the part {part if tested else 'held out'}, {which} weights"
    known = (*evaluation.table.notes, about, *notes(job, plan, set_name))
    evaluation = replace(evaluation, table=replace(evaluation.table, notes=known))
    if job.world.is_main:
        survivors = [f"which mutations survived: {path}" for path in draw_survivors(job, plan, set_name)]
        lines = [*write_report(evaluation, output, FORMATS), *_draw_curves(job, set_name), *survivors]
        for line in lines:
            say(line)
    return evaluation


def _draw_curves(job: Reproduction, set_name: str) -> list[str]:
    """Draw the validations of all runs of a set by the measure that selects; nothing where none does."""
    settings = job.settings(set_name, job.asked.arms[0], ("train.steps=1",))
    measure = settings.selection
    if measure == "none":
        return []
    curves = {
        arm: [_curve(job.run_folder(set_name, arm, seed), measure) for seed in range(job.asked.seeds)]
        for arm in job.asked.arms
    }
    about = METRICS[measure]
    title = f"{about.title}{f' ({about.unit})' if about.unit else ''} of the validated pictures, a line a seed"
    path = job.folder(set_name) / "curves.png"
    save_png(path, curves_plot(curves, title, "step"))
    return [f"validation of all arms while they were trained: {path}"]


def _curve(run: Path, measure: str) -> tuple[list[float], list[float]]:
    """Steps and values of a run's validations; none where nothing was held out for them."""
    path = run / "validation.jsonl"
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    return [record["step"] for record in records], [record[measure] for record in records]
