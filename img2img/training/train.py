"""A whole training: settings in, a run directory out; the same call again goes on where it stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img2img.compute.distributed import World
from img2img.compute.precision import Precision, kernels
from img2img.config import plain
from img2img.data import Data, Samples, open_data
from img2img.data.classes import label_maps_of
from img2img.data.labels import LabelMaps
from img2img.data.loader import Stream
from img2img.data.rows import Rows
from img2img.data.samples import forms_of
from img2img.data.source_statistics import SourceStatistics, measure_training
from img2img.doctor import quick
from img2img.engine.step import Engine
from img2img.errors import on_the_way
from img2img.inference import Shape, header_for
from img2img.metrics.depth import protocol_of
from img2img.progress import say
from img2img.recipes.settings import Settings
from img2img.reports.figures import save_png
from img2img.training.begin import as_begun, begin
from img2img.training.build import build_engine, compile_networks, shape_of
from img2img.training.checks import (
    cautions,
    check_batches,
    check_enough,
    check_partners,
    check_place,
    check_space,
)
from img2img.training.environment import environment, prepare_process
from img2img.training.forecast import Resolved, resolve
from img2img.training.loop import Trainer
from img2img.training.report import RunReport
from img2img.training.resume import EarlierStart, check_same_data, earlier_start, goes_on, restore, steps_done
from img2img.training.run_folder import Run
from img2img.training.seen import seen, seen_before
from img2img.training.set_validation import too_few
from img2img.training.state import Callback, Progress
from img2img.training.stop import Stop
from img2img.training.tensorboard import check_tensorboard
from img2img.training.time_budget import TimeBudget
from img2img.training.validation import Validator, pair_sheet


@dataclass(frozen=True)
class Outcome:
    """How a training ended: after which step of how many, where it lies, the signal that stopped it."""

    progress: Progress
    total: int
    run: Run | None
    signal: int | None


def train(
    settings: Settings,
    world: World,
    output: Path | None,
    *,
    command: Sequence[str] = (),
    threads: int | None = None,
    callback: Callback | None = None,
) -> Outcome:
    """Train as ``settings`` say, into ``output`` (None: nothing is kept on disk).

    ``callback`` is told of each log line and each validation, and may end the run (`Status`).

    Raises:
        UserError: data or configuration do not fit, or ``output`` holds another run; nothing was written.
        RunError: the run diverged, the disk is full, or another process died.
    """
    with kernels_of(settings):
        return _train(settings, world, output, command, threads, callback)


def default_output(settings: Settings) -> Path:
    """The run directory where none is named."""
    return Path("runs") / f"{Path(settings.task_name).stem}-{Path(settings.method_name).stem}"


def kernels_of(settings: Settings) -> AbstractContextManager[None]:
    """The kernels that a training may take."""
    plan = settings.train
    # batches without a crop have many shapes: trying kernels for each would take longer than it saves
    one_shape = settings.data.crop is not None
    return kernels(tf32=plan.tf32, benchmark=one_shape, deterministic=plan.deterministic or None)


def prepare(settings: Settings, world: World) -> Parts:
    """What a training of ``settings`` would consist of, for looking at it before anything is written.

    Raises:
        UserError: data or configuration do not fit.
    """
    return _build(settings, open_data(settings.data, settings.train.seed), world, None)


def _train(
    settings: Settings,
    world: World,
    output: Path | None,
    command: Sequence[str],
    threads: int | None,
    callback: Callback | None,
) -> Outcome:
    """`train`, with the kernels chosen."""
    plan = settings.train
    run = Run(output) if output else None
    if plan.tensorboard:
        check_tensorboard()
    if run:
        for path in settings.data.paths:
            check_place(run, path)
    earlier = earlier_start(run, settings, world, threads)
    if run and earlier:
        settings = as_begun(settings, run)
    prepare_process(earlier.threads if earlier else threads)
    data = open_data(settings.data, plan.seed)
    if run and earlier:
        check_same_data(run, data.manifest)
    parts = _build(settings, data, world, run)

    stop = Stop()
    trainer = _restored(settings, parts, run, earlier, stop) if run and earlier else None
    begun: list[str] = []
    if trainer is None:
        settings, begun = begin(settings, parts.engine, parts.shape, forms_of(data.train))
    notes = _notes(settings, parts, begun)
    if trainer is None:
        trainer = _begin(settings, parts, run, earlier, stop, command)
    elif run and not goes_on(trainer, run):
        return Outcome(trainer.progress, trainer.total, run, None)
    with on_the_way():
        if run and world.is_main:
            # written last, since it marks the directory as a run; what may change on resume is true from here on
            run.write_yaml(run.config, settings.tree)
            run.remove_stale()
        if run and plan.report:
            trainer.show = RunReport(run, settings.tree, notes, trainer.images_per_step)
        trainer.callback = callback
        progress = trainer.loop()
    return Outcome(progress, trainer.total, run, stop.signal)


@dataclass(frozen=True)
class Parts:
    """What a training consists of, before it is known how long it is."""

    data: Data
    shape: Shape
    engine: Engine
    source: Stream
    validator: Validator | None
    chosen_on: tuple[str, ...]
    statistics: SourceStatistics | None
    grey_targets: bool
    labels: LabelMaps | None


def _build(settings: Settings, data: Data, world: World, run: Run | None) -> Parts:
    """Everything that the method, the plan and the data say, checked against each other."""
    method, plan, task = settings.method, settings.train, settings.task
    check_partners(method.build_flow(), data.train, settings.data.layout)
    check_enough(method.build_flow(), data.train)
    shape = shape_of(data.train, plan.seed)
    engine = build_engine(method, plan, shape, world, Precision("fp32", world.device))
    check_batches(engine, method, plan, data.train)
    if plan.compile:
        compile_networks(engine)
    labels = label_maps_of(data.train)
    statistics, grey_targets = measure_training(data.train, plan.seed)
    forms = forms_of(data.train)
    if not forms.plain:
        statistics = None
    if labels is not None:
        # a class is no level
        statistics, grey_targets = (None if labels.side == "source" else statistics), False
    validator = None
    chosen_on: tuple[str, ...] = ()
    if data.validation is not None:
        unmeasured = _unmeasured(settings, data.validation)
        metrics = () if task.selection == "none" or unmeasured else task.metrics
        validator = Validator(
            data.validation,
            method,
            plan,
            shape,
            metrics=metrics,
            protocol=protocol_of(settings.protocol, forms.target),
            world=world,
            run=run,
            critics=engine.critics,
            grey_targets=grey_targets,
            forms=forms,
            labels=labels,
            unmeasured=unmeasured,
        )
        chosen_on = validator.digests() if metrics else ()
    source = Stream(
        data.train,
        batch=plan.batch,
        seed=plan.seed,
        workers=plan.workers,
        rank=world.rank,
        world=world.size,
        device=world.device,
    )
    return Parts(data, shape, engine, source, validator, chosen_on, statistics, grey_targets, labels)


def _unmeasured(settings: Settings, validation: Samples) -> str:
    """Why the measures mean nothing on what is validated; empty where they do."""
    if settings.method.build_flow().from_noise:
        return too_few(validation, settings.task.metrics, settings.train.validation_images)
    # against a target of another scene there is nothing to measure
    return "the validated pictures are no pairs" if validation.kind == "unpaired" else ""


def _trainer(
    settings: Settings,
    parts: Parts,
    resolved: Resolved,
    run: Run | None,
    stop: Stop,
    fingerprint: Mapping[str, Any],
) -> Trainer:
    """The trainer of these parts, at step 0, in the precision and with the steps that were resolved."""
    method, plan, engine = settings.method, settings.train, parts.engine
    engine.precision = Precision(resolved.precision, engine.world.device)
    budget = None
    if plan.minutes is not None:
        budget = TimeBudget(
            plan.minutes * 60,
            resolved.steps,
            validate_every=plan.validate_every,
            checkpoint_every=plan.checkpoint_every,
            validation_s=resolved.seconds_per_validation if parts.validator else None,
        )
    return Trainer(
        engine,
        parts.source,
        method.build_schedule(),
        plan,
        resolved.steps,
        world=engine.world,
        run=run,
        validate=parts.validator,
        selection=settings.selection if parts.validator and parts.validator.metrics else "none",
        chosen_on=parts.chosen_on,
        header=header_for(
            settings.tree,
            plain(method),
            parts.shape,
            plan.seed,
            statistics=parts.statistics,
            grey_targets=parts.grey_targets,
            forms=forms_of(parts.data.train),
            fingerprint=fingerprint,
            labels=parts.labels,
            array=parts.data.train.recipe if isinstance(parts.data.train, Rows) else None,
        ),
        stop=stop,
        budget=budget,
        validate_first=plan.begin.weights is not None,
    )


def _restored(settings: Settings, parts: Parts, run: Run, earlier: EarlierStart, stop: Stop) -> Trainer | None:
    """The trainer as the checkpoint left it, None where there is none; what was loaded is not kept beyond this."""
    state = run.load_checkpoint(parts.engine.world.device)
    if not state:
        return None
    resolved = earlier.resolved.for_steps(settings.train.steps, steps_done(state))
    trainer = _trainer(settings, parts, resolved, run, stop, seen_before(run, settings.train.begin, parts.data.train))
    restore(trainer, run, state)
    return trainer


def _notes(settings: Settings, parts: Parts, begun: Sequence[str]) -> list[str]:
    """What is to be known before the start, of the data and of the weights that are begun from; it is said, too."""
    looked = quick(settings.data, settings.task_name) if parts.engine.world.is_main else []
    samples = parts.data.train
    partners = check_partners(parts.engine.rules.flow, samples, settings.data.layout)
    notes = [*begun, *parts.data.notes, *looked, *partners, *cautions(parts.engine, settings.train, samples)]
    if settings.selection != "none" and parts.validator and not parts.validator.metrics:
        notes.append(f"{parts.validator.unmeasured}: nothing is measured on them, and the last weights are the best")
    if parts.grey_targets:
        notes.append("the targets are grey: results are made grey (the mean of the network's channels)")
    if parts.engine.world.is_main:
        for line in notes:
            say(line)
    return notes


def _begin(
    settings: Settings,
    parts: Parts,
    run: Run | None,
    earlier: EarlierStart | None,
    stop: Stop,
    command: Sequence[str],
) -> Trainer:
    """The trainer at step 0, and its run directory made; what an ``earlier`` start has resolved is kept."""
    plan, data, engine = settings.train, parts.data, parts.engine
    world = engine.world
    fingerprint: Mapping[str, Any] = {}
    if run and world.is_main:
        _lay_out(run, engine, data.train, plan.seed)
    if earlier:
        resolved = earlier.resolved.for_steps(plan.steps)
    else:
        rehearse = parts.validator.rehearse if parts.validator else None
        # a signal during the measurement is kept: the run then ends, saved, after its first step
        with on_the_way(), stop.watching():
            resolved = resolve(plan, engine, parts.source, len(data.train), rehearse)
    if run and world.is_main:
        fingerprint = seen(data.train, plan.begin)
        run.write_json(run.manifest, {**data.manifest, "fingerprint": fingerprint})
        run.write_json(run.environment, environment(world, plan.seed, command, vars(resolved)))
    return _trainer(settings, parts, resolved, run, stop, fingerprint)


def _lay_out(run: Run, engine: Engine, samples: Samples, seed: int) -> None:
    """Make the run directory, with a sheet of training pairs; logs of a start without a checkpoint are emptied."""
    sheet = pair_sheet(samples, seed)
    check_space(run, engine)
    run.create()
    run.cut_logs({})
    if sheet is not None:
        save_png(run.pairs, sheet)
        if samples.kind == "images":
            say(f"pictures as they are trained on: {run.pairs}")
        else:
            say(f"labelled training pairs: {run.pairs} (look: is the source on the left?)")
