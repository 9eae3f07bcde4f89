"""What is asked for when a table is made, and where everything of it lies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from img2img.compute.distributed import World
from img2img.experiments.plan import Asked, Plan
from img2img.experiments.table import ArmTable
from img2img.recipes.settings import Settings
from img2img.reports.writing import counted

AS_PUBLISHED = "as published"


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

    def divergence(self, set_name: str, arm: str, seed: int) -> Path:
        """Where it is kept that a run has diverged."""
        return self.run_folder(set_name, arm, seed) / "diverged.txt"

    def diverged(self, set_name: str, arm: str, seed: int) -> bool:
        """Whether a run has diverged."""
        return self.divergence(set_name, arm, seed).exists()

    def ended(self, set_name: str, arm: str) -> list[int]:
        """The seeds of an arm whose runs have not diverged."""
        return [seed for seed in range(self.asked.seeds) if not self.diverged(set_name, arm, seed)]

    def label(self, set_name: str, arm: str) -> str:
        """An arm's name, with the number of its runs that diverged."""
        lost = self.asked.seeds - len(self.ended(set_name, arm))
        return f"{arm} ({lost} of {self.asked.seeds} diverged)" if lost else arm

    def settings(self, set_name: str, arm: str, more: Iterable[str] = (), first: Iterable[str] = ()) -> Settings:
        """Of an arm on a set; overrides ``first`` may be changed by those asked for, ``more`` not."""
        words = [*first, *self.asked.overrides, *more]
        return self.table.settings(set_name, arm, self.places[set_name] or None, words)

    def run_settings(self, set_name: str, arm: str, steps: int, precision: str, seed: int) -> Settings:
        """Of one run, as planned."""
        every = -(-steps // self.table.looks)
        planned = (f"train.steps={steps}", f"train.precision={precision}", f"train.seed={seed}")
        return self.settings(set_name, arm, planned, (f"train.validate_every={every}",))


@dataclass(frozen=True)
class Part:
    """A piece of a finished table: its title, and its text in each form."""

    title: str
    text: Mapping[str, str]


@dataclass(frozen=True)
class Measured:
    """A set of a table, measured.

    Attributes:
        parts: its own, one after the other.
        column: the cell of each row where the sets of a table are held side by side; empty where they never are.
    """

    parts: Sequence[Part]
    column: Mapping[str, str] = field(default_factory=dict)


def notes(job: Reproduction, plan: Plan, set_name: str) -> list[str]:
    """What a reader of a set's table must know of its arms and of what is not in it."""
    steps = ", ".join(f"{arm} {its.steps}" for arm, its in plan.runs[set_name].items())
    length = job.asked.length.replace("minutes=", "minutes of steps: ").replace("steps=", "steps: ")
    found = [f"Each arm trained for {length} (steps {steps}), {counted(job.asked.seeds, 'seed')}, {plan.precision}"]
    found += [f"Changed: {', '.join(job.asked.overrides)}"] if job.asked.overrides else []
    return [*found, *left_out(job)]


def left_out(job: Reproduction) -> list[str]:
    """Rows and sets of the table that are not made, each with the reason."""
    table = job.table
    lines = [f"row {name} is not trained here: {reason}" for name, reason in table.missing.items()]
    arms = [name for name in table.arms if name not in job.asked.arms]
    sets = [name for name in table.sets if name not in job.places]
    lines += [f"rows left out by --arms: {', '.join(arms)}"] if arms else []
    lines += [f"data sets left out, since no --data names them: {', '.join(sets)}"] if sets else []
    return lines
