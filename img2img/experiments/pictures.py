"""The table of generators of pictures: measures of sets on what they make at the end, losses, grids over steps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from img2img.config import options
from img2img.data import open_data
from img2img.errors import UserError
from img2img.evaluation.set_sources import data_source, weights_source
from img2img.experiments.aggregate import over_seeds
from img2img.experiments.job import Measured, Part, Reproduction, left_out
from img2img.experiments.pictures_figures import draw_grids, draw_losses, final_losses
from img2img.experiments.plan import Plan
from img2img.experiments.survivors import draw_survivors
from img2img.experiments.texts import Texts, quoted, shown
from img2img.inference import load
from img2img.metrics.sets.against import AgainstReal
from img2img.metrics.sets.registry import SetNumber, set_numbers, spaces_of
from img2img.metrics.sets.spaces import PIXELS, SPACES, Values
from img2img.progress import duration, say
from img2img.reports.writing import counted
from img2img.training.run_folder import Run
from img2img.training.train import Parts

Count = Annotated[int, Field(ge=2)]


@options
class Pictures:
    """Measures of sets on pictures that each run's last generator makes, against pictures it was trained on.

    Attributes:
        numbers: names of `img2img.metrics.sets.registry`, with their space (frechet_on_mnist) or of pixels; the first
            is the one of the table with a column a set.
        samples: of each set.
        frames: looks in the grids.
    """

    takes_diverged: ClassVar[bool] = True
    compares_time: ClassVar[bool] = False

    numbers: tuple[str, ...] = ("mmd2_gaussian_median_unbiased", "1nn_accuracy", "precision", "recall")
    samples: Count = 1000
    frames: Annotated[int, Field(ge=1)] = 6

    def __post_init__(self) -> None:
        set_numbers(self.numbers, "measure.numbers")

    def check(self, job: Reproduction, set_name: str, parts: Mapping[str, Parts]) -> None:
        """Refuse data that are no pictures, or too few of them.

        Raises:
            UserError: with the number needed.
        """
        samples = next(iter(parts.values())).data.train
        where = f"--data {job.places[set_name]}"
        if samples.kind != "images":
            raise UserError(f"{where}: pictures are needed; these are {samples.kind}")
        if len(samples) < self.samples:
            raise UserError(
                f"{where}: {len(samples)} training pictures; the table is measured on {self.samples} "
                f"(measure.samples in a YAML of your own)"
            )
        against = AgainstReal(data_source("real", "", samples).take(range(1)))
        for obstacle in against.obstacles(self.numbers, self.samples, "measure.numbers"):
            raise UserError(f"{where}: {obstacle} (measure.samples)")
        for space in spaces_of(self.numbers):
            # whether its weights are there, before anything is trained
            against.ground(space)

    def measure(self, job: Reproduction, plan: Plan, set_name: str) -> Measured:
        """The table of a set, and its figures."""
        values = self._values(job, plan, set_name)
        first, number = next(iter(set_numbers(self.numbers).items()))
        column = {name: self._cell([its[first] for its in each], number) for name, each in values.items()}
        if job.world.is_main:
            paths = [*draw_losses(job, plan, set_name), *draw_survivors(job, plan, set_name)]
            paths += draw_grids(job, plan, set_name, self.frames)
            say(f"{set_name}: {', '.join(map(str, paths))}")
        return Measured([self._table(job, plan, set_name, values).part()], column)

    def together(self, job: Reproduction, measured: Mapping[str, Measured]) -> list[Part]:
        """The first number with a column a set where there are several, the tables of each, the quoted ones."""
        columns = {name: its.column for name, its in measured.items()}
        across = [self._across(job, columns).part()] if len(columns) > 1 else []
        each = [part for its in measured.values() for part in its.parts]
        return [*across, *each, *map(quoted, job.table.quoted)]

    def _values(self, job: Reproduction, plan: Plan, set_name: str) -> dict[str, list[dict[str, float]]]:
        """The numbers of each arm's seeds; those of other real pictures where there are enough."""
        settings = job.settings(set_name, job.asked.arms[0], ("train.steps=1",))
        samples = open_data(settings.data, 0).train
        count, reals = self.samples, data_source("real", "", samples)
        against = AgainstReal(reals.take(range(count)), None, job.world.device)
        values = {
            arm: [
                against.measured(self._made(job, job.run_folder(set_name, arm, seed)), self.numbers)
                for seed in job.ended(set_name, arm)
            ]
            for arm in plan.runs[set_name]
        }
        if len(samples) >= 2 * count:
            values["real, others"] = [against.measured(reals.take(range(count, 2 * count)), self.numbers)]
        return values

    def _made(self, job: Reproduction, folder: Path) -> Values:
        """What a run's last generator makes."""
        weights = str(Run(folder).weights("last"))
        return weights_source("made", weights, load(weights, device=str(job.world.device))).take(range(self.samples))

    def _cell(self, values: list[float], number: SetNumber) -> str:
        """Average over seeds, and the best of several."""
        its = over_seeds(values, number.higher_is_better)
        best = f" ({shown(its.best, number.digits)})" if len(values) > 1 else ""
        return shown(its.average, number.digits) + best

    def _table(
        self, job: Reproduction, plan: Plan, set_name: str, values: Mapping[str, list[dict[str, float]]]
    ) -> Texts:
        """Every number of a set, with losses, steps and time."""
        numbers = set_numbers(self.numbers)
        heads = (
            "method",
            *(number.heading for number in numbers.values()),
            "critic loss",
            "generator loss",
            "steps",
            "time",
        )
        rows = []
        for name, each in values.items():
            cells = [self._cell([its[key] for its in each], number) for key, number in numbers.items()]
            its = plan.runs[set_name].get(name)
            if its is None:
                rows.append([name, *cells, "", "", "", ""])
                continue
            losses = [shown(loss, 3) for loss in final_losses(job, set_name, name)]
            seconds = its.steps * its.seconds_per_step[plan.precision]
            rows.append([job.label(set_name, name), *cells, *losses, str(its.steps), duration(seconds)])
        return Texts(job.table.sets[set_name].title, heads, rows, self._notes(job))

    def _across(self, job: Reproduction, columns: Mapping[str, Mapping[str, str]]) -> Texts:
        """The first number with a column a set."""
        number = next(iter(set_numbers(self.numbers).values()))
        arms = dict.fromkeys(arm for column in columns.values() for arm in column)
        rows = [[arm, *(column.get(arm, "") for column in columns.values())] for arm in arms]
        title = f"{number.heading} ({'higher' if number.higher_is_better else 'lower'} is better)"
        return Texts(title, ("method", *columns), rows, self._notes(job))

    def _notes(self, job: Reproduction) -> tuple[str, ...]:
        """What must be known of the figures."""
        changed = (f"Changed: {', '.join(job.asked.overrides)}",) if job.asked.overrides else ()
        best = "; average over them, the best in brackets" if job.asked.seeds > 1 else ""
        return (
            f"{counted(job.asked.seeds, 'seed')}{best}; {self.samples} pictures of the last generator against "
            f"{self.samples} training pictures, on {', '.join(spaces_of(self.numbers))} (real, others: as many further "
            f"training pictures)",
            "Losses are means over the last twentieth of the log, of the first seed; those of different games are no "
            "measure of each other",
            *(f"On {space}: {SPACES[space].line}" for space in spaces_of(self.numbers) if space != PIXELS.name),
            f"Trained for {job.asked.length.replace('=', ' ')}",
            *changed,
            *left_out(job),
        )
