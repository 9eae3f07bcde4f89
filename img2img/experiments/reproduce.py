"""A table from its YAML: planned, every arm and seed trained, all of them measured alike; a later start goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from img2img.compute.distributed import World
from img2img.data.layouts import read_layout
from img2img.errors import UserError, on_the_way
from img2img.evaluation.compare import of_weights
from img2img.evaluation.outcome import Evaluation
from img2img.evaluation.report import render, write_report
from img2img.evaluation.request import Request
from img2img.experiments import plan as plans
from img2img.experiments.plan import ArmPlan, Asked, Plan
from img2img.experiments.probe import measure_by_turns, one_precision, shared_precisions
from img2img.experiments.table import ArmTable
from img2img.files import atomic
from img2img.inference import weights_header
from img2img.metrics import METRICS, read_protocol
from img2img.progress import say
from img2img.recipes.settings import Settings
from img2img.reports import published
from img2img.reports.figures import save_png
from img2img.reports.plots import curves_plot
from img2img.reports.writing import counted
from img2img.training.build import state_bytes
from img2img.training.checks import check_place
from img2img.training.environment import prepare_process
from img2img.training.forecast import most_memory
from img2img.training.run_folder import Run
from img2img.training.train import Parts, prepare, train

AS_PUBLISHED = "as published"
# a run is looked at so often, however many its steps: as often in all arms, since the best of more looks is better
VALIDATIONS = 20
# seconds for finding out how long a validation takes, which is for telling alone
REHEARSAL_S = 2.0
FORMATS = ("md", "latex")


@dataclass(frozen=True)
class Reproduction:
    """A table to be made: what is asked for, where the sets lie, and where everything goes."""

    table: ArmTable
    asked: Asked
    places: Mapping[str, str]
    output: Path
    world: World

    def folder(self, set_name: str) -> Path:
        """Where a set's runs and report go: in a folder of its own where the table has several sets."""
        return self.output if len(self.table.sets) == 1 else self.output / set_name

    def run_folder(self, set_name: str, arm: str, seed: int) -> Path:
        """The run directory of an arm and seed."""
        return self.folder(set_name) / "runs" / arm / f"seed-{seed}"

    def settings(self, set_name: str, arm: str, more: Iterable[str] = (), first: Iterable[str] = ()) -> Settings:
        """Of an arm on a set; overrides ``first`` may be changed by those asked for, ``more`` not."""
        words = [*first, *self.asked.overrides, *more]
        return self.table.settings(set_name, arm, self.places[set_name], words)

    def run_settings(self, set_name: str, arm: str, steps: int, precision: str, seed: int) -> Settings:
        """Of one run, as planned."""
        every = -(-steps // VALIDATIONS)
        planned = (f"train.steps={steps}", f"train.precision={precision}", f"train.seed={seed}")
        return self.settings(set_name, arm, planned, (f"train.validate_every={every}",))


def reproduce(job: Reproduction, *, threads: int | None = None, command: Sequence[str] = ()) -> int | None:
    """Plan, train, measure and write what `docs/reproduce.md` lists; the signal that stopped it, None: it is done.

    Raises:
        UserError: data, arms or ``output`` do not fit; nothing was written.
        RunError: something failed on the way; the same call goes on from what is done.
    """
    prepare_process(threads)
    for set_name in job.places:
        check_place(Run(job.output), job.places[set_name])
    plan = plans.read(job.output, job.asked)
    # nobody writes before everybody has looked
    job.world.any(False)
    if plan and job.world.is_main:
        Run(job.output).remove_stale()
    plan = plan or make_plan(job)
    if job.world.is_main:
        plans.check_space(job.output, plan)
        plans.write(job.output, plan)
        for line in (*plan.lines(), *_left_out(job)):
            say(line)
    with on_the_way():
        for set_name in plan.runs:
            signal = _train_all(job, plan, set_name, threads, command)
            if signal is not None:
                return signal
        _write_tables(job, {set_name: _measure(job, plan, set_name) for set_name in plan.runs})
    return None


def make_plan(job: Reproduction) -> Plan:
    """Measure all arms by turns, set after set, and decide.

    Raises:
        UserError: data or configuration do not fit.
    """
    length = [] if job.asked.length == AS_PUBLISHED else [f"train.{job.asked.length}"]
    settings = {name: {arm: job.settings(name, arm, length) for arm in job.asked.arms} for name in job.places}
    everywhere = {f"{name}, {arm}": its for name, arms in settings.items() for arm, its in arms.items()}
    precisions = shared_precisions(everywhere, job.world)
    probed = {name: _probe(job, name, arms, precisions) for name, arms in settings.items()}
    precision = one_precision([its.seconds for arms in probed.values() for its in arms.values()])
    runs: dict[str, dict[str, ArmPlan]] = {}
    for name, arms in probed.items():
        for arm, its in arms.items():
            steps = settings[name][arm].train.total_steps(its.samples, its.batches, its.seconds[precision])
            every = job.run_settings(name, arm, steps, precision, 0).train.validate_every
            runs.setdefault(name, {})[arm] = ArmPlan(
                steps=steps,
                seconds_per_step=its.seconds,
                seconds_per_validation=its.validation_s,
                validations=-(-steps // every),
                disk_bytes=its.disk_bytes,
            )
    memory = most_memory(job.world.device)
    plan: Plan = job.world.broadcast(Plan(asked=job.asked, precision=precision, memory_bytes=memory, runs=runs))
    return plan


@dataclass(frozen=True)
class _Probed:
    """What is known of an arm on a set once it was built and measured."""

    seconds: Mapping[str, float]
    validation_s: float
    samples: int
    batches: int
    disk_bytes: int


def _probe(
    job: Reproduction, set_name: str, settings: Mapping[str, Settings], precisions: Sequence[str]
) -> dict[str, _Probed]:
    """All arms on a set, built side by side so that they can be measured by turns, and let go afterwards."""
    parts = {arm: prepare(its, job.world) for arm, its in settings.items()}
    held_out = all(its.validator is not None for its in parts.values())
    if not held_out and not _has_test(job, set_name):
        raise UserError(
            f"--data {set_name}={job.places[set_name]}: nothing is held out to measure on; raise data.validation, or "
            f"add a part val or test"
        )
    seconds = measure_by_turns(settings, parts, precisions, job.world)
    return {
        arm: _Probed(
            seconds[arm],
            job.world.broadcast(_validation_seconds(its)),
            len(its.data.train),
            its.engine.batches,
            # the checkpoint, and last and best weights, which are at most as large again
            2 * state_bytes(its.engine),
        )
        for arm, its in parts.items()
    }


def _validation_seconds(parts: Parts) -> float:
    return parts.validator.rehearse(parts.engine.parents[0].shadow(), REHEARSAL_S) if parts.validator else 0.0


def _train_all(job: Reproduction, plan: Plan, set_name: str, threads: int | None, command: Sequence[str]) -> int | None:
    """Train what is not finished of a set, all arms with one seed before the next seed; the signal that stopped it."""
    for seed in range(job.asked.seeds):
        for arm, its in plan.runs[set_name].items():
            folder = job.run_folder(set_name, arm, seed)
            if job.world.broadcast(_finished(folder, its.steps)):
                continue
            if job.world.is_main:
                say(f"{set_name}, {arm}, seed {seed}: {folder}")
            settings = job.run_settings(set_name, arm, its.steps, plan.precision, seed)
            outcome = train(settings, job.world, folder, command=command, threads=threads)
            if outcome.signal is not None:
                return outcome.signal
    return None


def _finished(folder: Path, steps: int) -> bool:
    """Whether a run has made all its steps: its last weights say so, and are written when the last step is behind."""
    last = Run(folder).weights("last")
    return last.exists() and weights_header(str(last)).get("step") == steps


def _has_test(job: Reproduction, set_name: str) -> bool:
    """Whether a set has a part that neither trains nor chooses weights."""
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
        spread="std" if job.asked.seeds > 1 else "interval",
        published=(published.load(its.published),) if its.published else (),
    )
    output = job.folder(set_name) / "evaluation"
    part = "test" if tested else "validation"
    evaluation = of_weights(weights, job.places[set_name], part, request, output, job.world)
    about = f"Measured on the part {part if tested else 'held out'}, {which} weights"
    notes = (*evaluation.table.notes, about, *_notes(job, plan, set_name))
    evaluation = replace(evaluation, table=replace(evaluation.table, notes=notes))
    if job.world.is_main:
        lines = [*write_report(evaluation, output, FORMATS), *_draw_curves(job, set_name)]
        for line in lines:
            say(line)
    return evaluation


def _notes(job: Reproduction, plan: Plan, set_name: str) -> list[str]:
    """What a reader of a set's table must know of its arms and of what is not in it."""
    steps = ", ".join(f"{arm} {its.steps}" for arm, its in plan.runs[set_name].items())
    length = job.asked.length.replace("minutes=", "minutes of steps: ").replace("steps=", "steps: ")
    found = [f"Each arm trained for {length} (steps {steps}), {counted(job.asked.seeds, 'seed')}, {plan.precision}"]
    found += [f"Changed: {', '.join(job.asked.overrides)}"] if job.asked.overrides else []
    return [*found, *_left_out(job)]


def _left_out(job: Reproduction) -> list[str]:
    """Rows and sets of the table that are not made, each with the reason."""
    table = job.table
    lines = [f"row {name} is not trained here: {reason}" for name, reason in table.missing.items()]
    arms = [name for name in table.arms if name not in job.asked.arms]
    sets = [name for name in table.sets if name not in job.places]
    lines += [f"rows left out by --arms: {', '.join(arms)}"] if arms else []
    lines += [f"data sets left out, since no --data names them: {', '.join(sets)}"] if sets else []
    return lines


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


def _write_tables(job: Reproduction, evaluations: Mapping[str, Evaluation]) -> None:
    """The whole table, a part for each set, as Markdown and LaTeX."""
    if not job.world.is_main:
        return
    for form, file, head in (("md", "table.md", "{} {}\n\n"), ("latex", "table.tex", "% {1}\n")):
        parts = [head.format("#", job.table.title)]
        for name, evaluation in evaluations.items():
            parts += [head.format("##", f"{name}: {job.table.sets[name].title}"), render(evaluation, form), "\n\n"]
        path = job.output / file
        with atomic(path) as temporary:
            temporary.write_text("".join(parts).rstrip() + "\n", encoding="utf-8", errors="surrogateescape")
        say(f"table: {path}")
