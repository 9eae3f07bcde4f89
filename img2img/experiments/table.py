"""A table of arms as its YAML holds it (configs/tables)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from img2img.config import build, named_file, options
from img2img.errors import UserError, unknown
from img2img.metrics import METRICS, read_protocol
from img2img.recipes.settings import Settings, resolve

LENGTH = "give --minutes, --steps or --as-published"
# keys that no override may name, and what says them instead
PLANNED = {
    "train.steps": LENGTH,
    "train.epochs": LENGTH,
    "train.minutes": LENGTH,
    "train.seed": "give --seeds",
    "data.path": "give --data",
    "data.split_seed": "leave it out",
}


@options
class Arm:
    """A row that is trained: a method, and what differs from its YAML (``key=value``)."""

    method: str
    overrides: tuple[str, ...] = ()


@options
class DataSet:
    """A set that all arms are trained on: its task, the ``key=value`` it needs, the quoted rows beside its table."""

    title: str
    task: str
    overrides: tuple[str, ...] = ()
    published: str | None = None


Steps = Annotated[int, Field(ge=1)]
Minutes = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@options
class Quick:
    """A short form of a table: its steps or minutes, its seeds, and ``key=value`` of all arms beside the table's."""

    seeds: Annotated[int, Field(ge=1)]
    steps: Steps | None = None
    minutes: Minutes | None = None
    overrides: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise ValueError("quick: give steps or minutes")


@options
class QuotedTable:
    """Figures as others printed them: headings, then a row of texts for each name; ``note`` what they are of."""

    title: str
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[str, ...]]
    note: str

    def __post_init__(self) -> None:
        for name, row in self.rows.items():
            if len(row) != len(self.columns):
                raise ValueError(f"{name}: {len(row)} figures for {len(self.columns)} columns")


@options
class ArmTable:
    """Arms on data sets, and how they are measured.

    Attributes:
        protocol, metrics: what pairs are measured by.
        missing: rows of the original that are not trained, and why.
        measure: a name of `img2img.experiments.measures`, or a mapping with its options.
        against: the arm that the others are compared with, by the table's test and in words; of pairs alone.
        data: whether ``--data`` names each set, one for all sets (shared), one that replaces what is built in
            (optional), or nothing, since they are built in (none).
        overrides: ``key=value`` of all arms, which those of a set or an arm may change.
        looks: validations of each run, however many its steps: as often in all arms, since the best of more looks is
            better.
        steps, minutes, seeds: where the command says nothing of it; ``quick`` those of ``--quick``.
        threads: of the processor, where the command says nothing of it.
        quoted: tables of others that stand beside the measured one.
    """

    title: str
    sets: Mapping[str, DataSet]
    arms: Mapping[str, Arm]
    protocol: str = ""
    metrics: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    measure: str | Mapping[str, object] = "pairs"
    against: str | None = None
    data: Literal["each", "shared", "optional", "none"] = "each"
    overrides: tuple[str, ...] = ()
    looks: Annotated[int, Field(ge=1)] = 20
    steps: Steps | None = None
    minutes: Minutes | None = None
    seeds: Annotated[int, Field(ge=1)] = 1
    quick: Quick | None = None
    threads: Annotated[int, Field(ge=1)] | None = None
    quoted: tuple[QuotedTable, ...] = ()

    def __post_init__(self) -> None:
        if self.measure == "pairs":
            read_protocol(self.protocol)
            if not self.metrics:
                raise ValueError("metrics: at least one is needed")
        for name in self.metrics:
            if name not in METRICS:
                raise unknown("metric", name, METRICS, "metrics")
        if self.steps is not None and self.minutes is not None:
            raise ValueError("steps and minutes: give one of them")
        if self.against is not None and self.against not in self.arms:
            raise unknown("arm", self.against, self.arms, "against")
        if not self.sets or not self.arms:
            raise ValueError("sets and arms: at least one of each is needed")
        for name in (*self.sets, *self.arms):
            if "/" in name or name.startswith("."):
                raise ValueError(f"{name!r} cannot be a folder's name")

    def settings(self, set_name: str, arm_name: str, data: str | None, more: Sequence[str] = ()) -> Settings:
        """The settings of an arm on a set that lies at ``data``; ``more`` overrides go last.

        Of those ``SET.key=value`` is for one set alone, ``ARM.key=value`` for one arm. The split into training and
        held-out scenes is the same for all arms and seeds.

        Raises:
            UserError: as `resolve`.
        """
        where, arm = self.sets[set_name], self.arms[arm_name]
        others = {*self.sets, *self.arms} - {set_name, arm_name}
        meant = [
            word.removeprefix(f"{set_name}.").removeprefix(f"{arm_name}.")
            for word in more
            if word.partition(".")[0] not in others
        ]
        words = [*self.overrides, *where.overrides, *arm.overrides, "data.split_seed=0", *meant]
        return resolve(where.task, arm.method, data, None, words)

    def check_overrides(self, words: Sequence[str]) -> None:
        """Refuse ``key=value`` of what is the plan's to decide.

        Raises:
            UserError: naming the option that says it.
        """
        for word in words:
            first, _, rest = word.partition("=")[0].partition(".")
            key = rest if first in self.sets or first in self.arms else f"{first}.{rest}"
            if key in PLANNED:
                raise UserError(f"{word}: is planned for all arms alike: {PLANNED[key]}")

    def chosen_arms(self, names: Sequence[str]) -> tuple[str, ...]:
        """The arms of ``--arms``, in the table's order; all where none is named.

        Raises:
            UserError: one that the table does not have, or that cannot be trained here.
        """
        for name in names:
            if name in self.missing:
                raise UserError(f"--arms {name}: cannot be trained here: {self.missing[name]}")
            if name not in self.arms:
                raise unknown("arm", name, self.arms, "--arms")
        return tuple(name for name in self.arms if name in names or not names)

    def places(self, words: Sequence[str]) -> dict[str, str]:
        """Where each set lies, of ``--data`` (NAME=DIR, or DIR for a table with one set), in the table's order.

        Raises:
            UserError: no data, a set that the table does not have or that is given twice, a folder that is not there.
        """
        if self.data != "each":
            return self._one_place(words)
        found: dict[str, str] = {}
        for word in words:
            name, equals, folder = word.partition("=")
            if not equals or (len(self.sets) == 1 and name not in self.sets):
                name, folder = (next(iter(self.sets)), word) if len(self.sets) == 1 else ("", word)
            if not name:
                raise UserError(f"--data {word}: this table has several data sets; give NAME=DIR, NAME being one of "
                                f"{', '.join(self.sets)}")  # fmt: skip
            if name not in self.sets:
                raise unknown("data set", name, self.sets, "--data")
            if name in found:
                raise UserError(f"--data {word}: {name} is given twice")
            if not Path(folder).is_dir():
                raise UserError(f"--data {word}: no such folder {folder}; name the folder of {self.sets[name].title}")
            found[name] = folder
        if not found:
            raise UserError(f"--data is needed: {' or '.join(f'{name}=DIR' for name in self.sets)}")
        return {name: found[name] for name in self.sets if name in found}

    def _one_place(self, words: Sequence[str]) -> dict[str, str]:
        """The data that all sets share, or (empty) those that are built in.

        Raises:
            UserError: data where there are some already; not one place; it is not there.
        """
        if self.data == "none":
            if words:
                raise UserError(f"--data {words[0]}: this table's data are built in; leave it out")
            return dict.fromkeys(self.sets, "")
        if self.data == "optional" and not words:
            return dict.fromkeys(self.sets, "")
        if len(words) != 1:
            raise UserError(f"--data is needed once, since all sets share it (given: {len(words)})")
        if not Path(words[0]).exists():
            raise UserError(f"--data {words[0]}: no such file or folder")
        return dict.fromkeys(self.sets, words[0])


def load(name: str) -> ArmTable:
    """A shipped table by name, or one's own by path (anything ending in .yaml).

    Raises:
        UserError: an unknown name (with the nearest known), a file that cannot be read or breaks the rules.
    """
    file, tree = named_file("tables", name)
    return build(ArmTable, tree, str(file))
