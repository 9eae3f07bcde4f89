"""A table from its YAML: planned, every arm and seed trained, all of them measured alike; a later start goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from img2img.errors import DivergedError, on_the_way
from img2img.experiments import plan as plans
from img2img.experiments.job import AS_PUBLISHED, Measured, Part, Reproduction, left_out
from img2img.experiments.measures import measure_of
from img2img.experiments.plan import ArmPlan, Plan
from img2img.experiments.probe import measure_by_turns, one_precision, shared_precisions
from img2img.files import atomic
from img2img.inference import weights_header
from img2img.progress import say
from img2img.recipes.settings import Settings
from img2img.reports.writing import counted
from img2img.training.build import state_bytes
from img2img.training.checks import check_place
from img2img.training.environment import prepare_process
from img2img.training.forecast import most_memory
from img2img.training.run_folder import Run
from img2img.training.train import Parts, prepare, train

# seconds for finding out how long a validation takes, which is for telling alone
REHEARSAL_S = 2.0


def reproduce(job: Reproduction, *, threads: int | None = None, command: Sequence[str] = ()) -> int | None:
    """Plan, train, measure and write what `docs/reproduce.md` lists; the signal that stopped it, None: it is done.

    Raises:
        UserError: data, arms or ``output`` do not fit; nothing was written.
        RunError: something failed on the way; the same call goes on from what is done.
    """
    measure = measure_of(job.table)
    threads = threads or job.table.threads
    prepare_process(threads)
    for place in filter(None, job.places.values()):
        check_place(Run(job.output), place)
    plan = plans.read(job.output, job.asked)
    # nobody writes before everybody has looked
    job.world.any(False)
    if plan and job.world.is_main:
        Run(job.output).remove_stale()
    plan = plan or make_plan(job)
    if job.world.is_main:
        plans.check_space(job.output, plan)
        plans.write(job.output, plan)
        for line in (*plan.lines(), *left_out(job)):
            say(line)
    measured: dict[str, Measured] = {}
    with on_the_way():
        for set_name in plan.runs:
            signal = _train_all(job, plan, set_name, threads, command)
            if signal is not None:
                return signal
            measured[set_name] = measure.measure(job, plan, set_name)
            # a later set may take hours, or fail
            _write_tables(job, measure.together(job, measured), missing=len(plan.runs) - len(measured))
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
    measure = measure_of(job.table)
    measure.check(job, set_name, parts)
    seconds = measure_by_turns(settings, parts, precisions, job.world, decides=measure.compares_time)
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
            if job.world.broadcast(_finished(folder, its.steps) or job.diverged(set_name, arm, seed)):
                continue
            if job.world.is_main:
                say(f"{set_name}, {arm}, seed {seed}: {folder}")
            settings = job.run_settings(set_name, arm, its.steps, plan.precision, seed)
            try:
                outcome = train(settings, job.world, folder, command=command, threads=threads)
            except DivergedError as error:
                if not measure_of(job.table).takes_diverged:
                    raise
                _note_divergence(job, set_name, arm, seed, str(error))
                continue
            if outcome.signal is not None:
                return outcome.signal
    return None


def _note_divergence(job: Reproduction, set_name: str, arm: str, seed: int, reason: str) -> None:
    """Keep that a run has diverged, so that it is not begun again: what the table then says of it is this."""
    if job.world.is_main:
        with atomic(job.divergence(set_name, arm, seed)) as temporary:
            temporary.write_text(reason + "\n", encoding="utf-8")
        say(f"{set_name}, {arm}, seed {seed}: {reason}")


def _finished(folder: Path, steps: int) -> bool:
    """Whether a run has made all its steps: its last weights say so, and are written when the last step is behind."""
    last = Run(folder).weights("last")
    return last.exists() and weights_header(str(last)).get("step") == steps


def _write_tables(job: Reproduction, parts: Sequence[Part], missing: int) -> None:
    """The table of the sets that are finished, part after part, as Markdown and LaTeX."""
    if not job.world.is_main:
        return
    for form, file, head in (("md", "table.md", "{} {}\n\n"), ("latex", "table.tex", "% {1}\n")):
        pieces = [head.format("#", job.table.title)]
        for part in parts:
            pieces += [head.format("##", part.title), part.text[form], "\n\n"]
        path = job.output / file
        with atomic(path) as temporary:
            temporary.write_text("".join(pieces).rstrip() + "\n", encoding="utf-8", errors="surrogateescape")
        say(f"table: {path}" + (f" ({counted(missing, 'data set')} to come)" if missing else ""))
