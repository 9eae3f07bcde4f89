"""What an earlier start of the same run left: whether it is the same run, and how it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from img2img.compute.distributed import World
from img2img.config import read_yaml
from img2img.errors import UserError
from img2img.progress import say
from img2img.recipes.differences import differences, value_at
from img2img.recipes.settings import Settings, from_tree
from img2img.training.forecast import Resolved
from img2img.training.loop import Trainer
from img2img.training.run_folder import Run

# on resume these may differ from the first start
MAY_CHANGE_ON_RESUME = {
    "train.workers",
    "train.checkpoint_every",
    "train.validate_every",
    "train.log_every",
    "train.samples",
    "train.patience",
    "train.tensorboard",
    "train.report",
    "data.path",
    "data.cache_mb",
}


@dataclass(frozen=True)
class EarlierStart:
    """What environment.json says of the start that began a run."""

    threads: int
    processes: int
    resolved: Resolved

    @classmethod
    def read(cls, run: Run) -> Self:
        """Of a run directory.

        Raises:
            UserError: environment.json is missing, damaged or something else.
        """
        said = run.read_json(run.environment)
        try:
            return cls(int(said["threads"]), int(said["processes"]), Resolved(**said["resolved"]))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{run.environment}: is not what training writes; train with another --output") from error


def earlier_start(run: Run | None, settings: Settings, world: World, threads: int | None) -> EarlierStart | None:
    """What an earlier start of this run said of itself, None where this is the first; all processes have looked then.

    Raises:
        UserError: the directory holds another run (naming the keys) or other files, or this start differs from the
            first in what results depend on to the last bit.
    """
    found = _same_run(run, settings) if run else None
    # also a rendezvous: nothing is written before every process has looked
    absent = world.all_gather(found is None)
    if run is None:
        return None
    if len(set(absent)) > 1:
        raise UserError(
            f"--output {run.folder}: some processes see an earlier start there and some do not; use a shared disk"
        )
    if found is None:
        return None
    if threads and threads != found.threads:
        raise UserError(
            f"--threads {threads}: this run was started with {found.threads}, which its results depend on to the "
            f"last bit; leave --threads out, or train with another --output"
        )
    if found.processes != world.size:
        raise UserError(
            f"--output {run.folder}: was started with {found.processes} processes, now there are {world.size}; "
            f"each holds a part of the state: start as many, or train with another --output"
        )
    return found


def _same_run(run: Run, settings: Settings) -> EarlierStart | None:
    """The earlier start whose configuration differs from these settings in nothing that matters."""
    folder = run.folder
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--output {folder}: is a file, a directory is needed")
    if not run.config.exists():
        # what a start that was killed before its config.yaml may have left
        begun = {run.manifest, run.environment, run.pairs}
        if folder.exists() and any(path not in begun and path.suffix != ".tmp" for path in folder.iterdir()):
            raise UserError(f"--output {folder}: holds other files, but no run; name a new or empty directory")
        return None
    before = from_tree(read_yaml(run.config), str(run.config))
    changed = [name for name in differences(before.tree, settings.tree) if name not in MAY_CHANGE_ON_RESUME]
    if "train.steps" in changed and before.train.steps and settings.train.steps:
        if settings.method.build_schedule().needs_total:
            raise UserError(
                f"--output {folder}: train.steps cannot change, since the schedule depends on the total; "
                f"train with another --output"
            )
        changed.remove("train.steps")
    begin = settings.train.begin
    for name, said in (("train.begin.sha256", begin.sha256), ("train.begin.step", begin.step)):
        # found out by the first start: who gives the same --from again need not know them
        if said is None and name in changed:
            changed.remove(name)
    if changed:
        lines = "; ".join(
            f"{name} was {value_at(before.tree, name)!r}, now {value_at(settings.tree, name)!r}"
            for name in sorted(changed)
        )
        raise UserError(f"--output {folder}: holds a run of another configuration ({lines}); name another directory")
    return EarlierStart.read(run)


def check_same_data(run: Run, manifest: Mapping[str, Any]) -> None:
    """The data's path may change between starts, their content not.

    Raises:
        UserError: it has.
    """
    if not run.manifest.exists():
        return
    before, now = run.read_json(run.manifest).get("hash"), manifest.get("hash")
    if before != now:
        raise UserError(
            f"--output {run.folder}: its data have changed since ({run.manifest} has hash "
            f"{str(before)[:12]}, now {str(now)[:12]}); train with another --output"
        )


def steps_done(state: Mapping[str, Any]) -> int:
    """The steps that lie behind a checkpoint's state."""
    return int(state["progress"]["step"])


def restore(trainer: Trainer, run: Run, state: Mapping[str, Any]) -> None:
    """Put a checkpoint's ``state`` into a trainer.

    Raises:
        UserError: the state is another trainer's.
    """
    try:
        trainer.resume(state)
    except (KeyError, ValueError, RuntimeError, IndexError) as error:
        raise UserError(
            f"{run.checkpoint}: was written by another configuration or number of processes; "
            f"train with another --output"
        ) from error


def goes_on(trainer: Trainer, run: Run) -> bool:
    """Whether anything is left to do for a restored trainer, which is said."""
    step, total = trainer.progress.step, trainer.total
    line = f"going on from step {step} of {total}"
    if trainer.finished:
        early = f"stopped early at step {step} of {total} by train.patience"
        line = f"this run is finished ({early if trainer.exhausted() else f'{total} steps'}); nothing to do"
    if trainer.world.is_main:
        say(f"{run.folder}: {line}")
    return not trainer.finished
