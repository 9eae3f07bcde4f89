"""How the runs of a table are measured, by name: a new way is a file and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol

from img2img.config import choose
from img2img.experiments.job import Measured, Part, Reproduction
from img2img.experiments.pairs import Pairs
from img2img.experiments.pictures import Pictures
from img2img.experiments.plan import Plan
from img2img.experiments.points import Points
from img2img.experiments.table import ArmTable
from img2img.training.train import Parts


class Measure(Protocol):
    """What is made of a table's finished runs; whether it takes runs that diverged, instead of stopping there,
    and whether it compares arms at equal time, by the plan's seconds a step."""

    takes_diverged: ClassVar[bool]
    compares_time: ClassVar[bool]

    def check(self, job: Reproduction, set_name: str, parts: Mapping[str, Parts]) -> None:
        """Refuse what could not be measured, before anything is trained.

        Raises:
            UserError: with the reason.
        """
        ...

    def measure(self, job: Reproduction, plan: Plan, set_name: str) -> Measured:
        """The parts of a set whose runs are finished; figures are written into its folder."""
        ...

    def together(self, job: Reproduction, measured: Mapping[str, Measured]) -> list[Part]:
        """The whole table of the sets that are finished, in the table's order."""
        ...


MEASURES: dict[str, type] = {"pairs": Pairs, "points": Points, "pictures": Pictures}


def measure_of(table: ArmTable) -> Measure:
    """What a table's YAML names under ``measure``.

    Raises:
        UserError: an unknown name, or options that it does not take.
    """
    measure: Measure = choose(MEASURES, table.measure, "measure", "measure")
    return measure
