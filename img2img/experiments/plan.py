"""What is decided before any arm is trained, and kept for every later start: steps of each arm, one precision."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from img2img.config import build, dump_yaml, options, plain, read_yaml
from img2img.errors import UserError
from img2img.files import atomic
from img2img.progress import duration
from img2img.reports.writing import counted

FILE = "plan.yaml"
# what a start asks for, and a later one must ask for again
ASKED = ("table", "sets", "arms", "length", "overrides", "device")
# fewer steps than this within a clock teach a network little more than its colours
FEW_STEPS = 200


@options
class ArmPlan:
    """An arm on a set: its steps, what was measured (seconds), and about how large a run of it is on disk (bytes)."""

    steps: int
    seconds_per_step: Mapping[str, float]
    seconds_per_validation: float
    validations: int
    disk_bytes: int

    def seconds(self, precision: str) -> float:
        """About how long a run takes."""
        return self.steps * self.seconds_per_step[precision] + self.validations * self.seconds_per_validation


@options
class Asked:
    """What a start asks for: ``length`` as in ``minutes=10``, ``steps=500`` or ``as published``."""

    table: str
    sets: tuple[str, ...]
    arms: tuple[str, ...]
    seeds: int
    length: str
    overrides: tuple[str, ...]
    device: str


@options
class Plan:
    """What was asked for, the precision of all arms, and each arm's steps by set and arm; memory in bytes."""

    asked: Asked
    precision: str
    memory_bytes: int
    runs: Mapping[str, Mapping[str, ArmPlan]]

    @property
    def disk_bytes(self) -> int:
        """Of all runs."""
        return self.asked.seeds * sum(arm.disk_bytes for arms in self.runs.values() for arm in arms.values())

    @property
    def seconds(self) -> float:
        """Of all trainings, one after the other."""
        runs = [arm.seconds(self.precision) for arms in self.runs.values() for arm in arms.values()]
        return self.asked.seeds * sum(runs)

    def lines(self) -> list[str]:
        """The plan for people."""
        asked = self.asked
        lines = [
            f"plan of {asked.table}: {counted(len(asked.arms), 'arm')} on {', '.join(asked.sets)}, "
            f"{counted(asked.seeds, 'seed')} each, {asked.length}, precision {self.precision} for all"
        ]
        for set_name, arms in self.runs.items():
            for name, arm in arms.items():
                step = arm.seconds_per_step[self.precision] * 1000
                lines.append(
                    f"  {set_name}, {name}: {arm.steps} steps of {step:.3g} ms, {arm.validations} validations of "
                    f"{arm.seconds_per_validation:.2g} s; about {duration(arm.seconds(self.precision))} a seed"
                )
        return [
            *lines,
            *self._too_short(),
            f"in all about {duration(self.seconds)} of training, memory about {self.memory_bytes / 2**30:.1f} GB, "
            f"{self.disk_bytes / 2**20:.0f} MB on disk",
        ]

    def _too_short(self) -> list[str]:
        """Names the runs whose clock is over before they have learnt much, with the cure."""
        if not self.asked.length.startswith("minutes"):
            return []
        return [
            f"  only {counted(arm.steps, 'step')} of {set_name}, {name} fit in: give more --minutes, or make it "
            f"smaller ({name}.generator.width=..., data.crop=..., train.batch=...)"
            for set_name, arms in self.runs.items()
            for name, arm in arms.items()
            if arm.steps < FEW_STEPS
        ]


def read(output: Path, asked: Asked) -> Plan | None:
    """The plan that an earlier start left in ``output``, with as many seeds as are ``asked`` for; None: there is none.

    Raises:
        UserError: what it planned is not what is asked for now, or ``output`` holds other files.
    """
    path = output / FILE
    if not path.exists():
        if output.is_dir() and any(file.suffix != ".tmp" for file in output.iterdir()):
            raise UserError(f"--output {output}: holds other files, but no {FILE}; name a new or empty folder")
        return None
    plan = build(Plan, read_yaml(path), str(path))
    for name in ASKED:
        before, now = getattr(plan.asked, name), getattr(asked, name)
        if before != now:
            raise UserError(
                f"--output {output}: was planned with {name} {_shown(before)}, now {_shown(now)} is asked for; "
                f"name another --output, or ask for the same"
            )
    if asked.seeds < plan.asked.seeds:
        raise UserError(f"--seeds {asked.seeds}: {output} has {plan.asked.seeds} already; ask for at least as many")
    return Plan(asked=asked, precision=plan.precision, memory_bytes=plan.memory_bytes, runs=plan.runs)


def _shown(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value) or "none"


def write(output: Path, plan: Plan) -> None:
    """Keep a plan.

    Raises:
        RunError: the file system refuses.
    """
    with atomic(output / FILE) as temporary:
        temporary.write_text(dump_yaml(plain(plan)), encoding="utf-8", errors="surrogateescape")


def check_space(output: Path, plan: Plan) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        UserError: with what is needed and what is free, in MB.
    """
    folder = output.resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    # some file systems say that 0 bytes are free
    if 0 < free < plan.disk_bytes:
        raise UserError(
            f"--output {output}: the disk is too full: all runs need about {plan.disk_bytes / 2**20:.0f} MB, "
            f"{free / 2**20:.0f} MB are free; ask for fewer --arms or --seeds"
        )
