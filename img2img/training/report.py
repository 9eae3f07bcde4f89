"""What a run shows of itself to people: ``report.html`` and ``curves.png``, written anew while it trains."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img2img.config import dump_yaml
from img2img.metrics import higher_is_better
from img2img.progress import duration
from img2img.reports.curves import Curve, Panel, curves_of
from img2img.reports.figures import save_png
from img2img.reports.pages.pictures import reduced_jpeg
from img2img.reports.pages.training import TrainingPage, write_page
from img2img.reports.plots import panels_plot
from img2img.training.run_folder import Run

Records = Sequence[Mapping[str, Any]]
# writing takes no more than this share of a run's time
SHARE = 0.02
# seconds that the first writing is taken to need
FIRST = 0.5
# sheets on the page, their longer side in px, and bytes of all of them (a third more as base64)
SHEETS, LONGEST, BUDGET = 30, 1000, 4 * 2**20
# log keys of a population's selection
SELECTED = ("survivors/", "fitness/")
# speed is that of so many log lines
RECENT = 10


@dataclass
class Spent:
    """When the report was last written (or the run was started), on a clock, and the seconds that took."""

    at: float
    seconds: float = FIRST


class RunReport:
    """Writes a run's page and curves, from what lies in its directory.

    Args:
        tree: the run's complete configuration.
        notes: what was said at the start.
        images_per_step: samples of the data set that a step takes.
        clock: seconds from any origin.
    """

    def __init__(
        self,
        run: Run,
        tree: Mapping[str, Any],
        notes: Sequence[str],
        images_per_step: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.run, self.tree, self.notes = run, tree, tuple(notes)
        self.images_per_step = images_per_step
        self.clock = clock
        self.spent = Spent(clock())
        self._jpegs: dict[int, bytes] = {}

    def __call__(self, step: int, total: int, ended: str = "") -> str | None:
        """Write both, unless the last time was too long for how short ago it was; a run that has ended is always shown.

        Returns:
            Why it could not be written; training goes on.
        """
        spent, began = self.spent, self.clock()
        if not ended and spent.seconds > SHARE * (began - spent.at):
            return None
        failure = None
        try:
            self.write(step, total, ended)
        except Exception as error:  # nothing that is only looked at may stop a training
            reason = " ".join(str(error).split())[:200]
            failure = f"{self.run.report}: not written ({type(error).__name__}: {reason}); training goes on"
        spent.at = self.clock()
        spent.seconds = spent.at - began
        return failure

    def write(self, step: int, total: int, ended: str = "") -> None:
        """Write the page and the curves.

        Raises:
            RunError, UserError: the file system refuses, or a sheet cannot be read.
        """
        log, validations = (_records(self.run.folder / name) for name in ("log.jsonl", "validation.jsonl"))
        measures, losses, others = _measures(validations), _losses(log), _others(log)
        sheets, left_out = self._sheets()
        environment = self.run.read_json(self.run.environment)
        page = TrainingPage(
            title=f"{self.run.folder.resolve().name}: {self.tree['task']}, {self.tree['method']}",
            state=ended or f"running: step {step} of {total}",
            facts=self._facts(step, total, ended, log, validations, environment),
            measures=measures,
            losses=losses,
            others=others,
            sheets=sheets,
            left_out=left_out,
            pairs=reduced_jpeg(self.run.pairs, LONGEST) if self.run.pairs.is_file() else None,
            notes=self.notes,
            texts={
                "Configuration (config.yaml)": dump_yaml(self.tree),
                "Environment (environment.json)": json.dumps(environment, indent=1, ensure_ascii=False),
            },
        )
        write_page(self.run.report, page)
        if measures or losses:
            save_png(self.run.curves, panels_plot([*measures, *losses]))

    def _facts(
        self, step: int, total: int, ended: str, log: Records, validations: Records, environment: Mapping[str, Any]
    ) -> dict[str, str]:
        """What is worth a line, by name."""
        facts = {"written": time.strftime("%Y-%m-%d %H:%M:%S"), "images": str(step * self.images_per_step)}
        seconds = seconds_a_step(log)
        if log:
            waiting = f", {log[-1]['waiting_for_data']:.0%} of the time waiting for data"
            facts["speed"] = f"{log[-1]['images_per_s']:.3g} images/s{waiting}"
        if seconds is not None and not ended:
            facts["time left"] = f"about {duration((total - step) * seconds)}"
        best = [record for record in validations if record["best"]]
        if best:
            figures = "  ".join(f"{name} {value:.4f}" for name, value in _figures(best[-1]).items())
            facts["best weights"] = f"step {best[-1]['step']}: {figures}"
            facts["protocol"] = str(best[-1]["protocol"])
        begin = self.tree["train"]["begin"]
        if begin["weights"] is not None:
            facts["begun from"] = f"{begin['weights']}, step {begin['step']}, sha256 {str(begin['sha256'])[:12]}"
        facts["data"] = str(self.tree["data"]["path"] or "built in")
        facts["machine"] = (
            f"{environment['device_name']}, {environment['threads']} threads, torch {environment['torch']}"
        )
        return facts

    def _sheets(self) -> tuple[dict[int, bytes], int]:
        """(the sheets that are shown, by step; how many are not): every second, fourth, ... and always the last.

        So those that are shown stay the same for long, and are read but once.
        """
        files = self.run.sample_sheets()
        steps, every = list(files), 1
        while True:
            chosen = sorted({*steps[::every], *steps[-1:]})
            if len(chosen) <= SHEETS:
                self._jpegs = {
                    step: self._jpegs[step] if step in self._jpegs else reduced_jpeg(files[step], LONGEST)
                    for step in chosen
                }
                if len(chosen) <= 2 or sum(map(len, self._jpegs.values())) <= BUDGET:
                    return self._jpegs, len(steps) - len(chosen)
            every *= 2


def seconds_a_step(log: Records) -> float | None:
    """How long steps took of late, validations and checkpoints included; None where too little is logged."""
    recent = log[-RECENT:]
    steps = recent[-1]["step"] - recent[0]["step"] if recent else 0
    return max(0.0, recent[-1]["time"] - recent[0]["time"]) / steps if steps else None


def _records(path: Path) -> Records:
    """The lines of a log; none where it has not been begun."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _figures(record: Mapping[str, Any]) -> dict[str, float]:
    """The measures in a line of validation.jsonl."""
    return {name: value for name, value in record.items() if name not in ("step", "best", "protocol")}


def _measures(validations: Records) -> list[Panel]:
    panels = []
    for curve in curves_of([{"step": record["step"], **_figures(record)} for record in validations]):
        better = "higher" if higher_is_better(curve.name) else "lower"
        panels.append(Panel(f"validation {curve.name}", [curve], better))
    return panels


def _losses(log: Records) -> list[Panel]:
    """A panel for each loss, which all have a slash in their names; survivors and fitness have panels of their own."""
    losses = [curve for curve in curves_of(log) if "/" in curve.name and not curve.name.startswith(SELECTED)]
    return [*(Panel(curve.name, [curve]) for curve in losses), *survivor_panels(log)]


def survivor_panels(log: Records) -> list[Panel]:
    """Which mutations won, and how fit the best child was with the parts of it; none where nothing is selected."""
    curves = [curve for curve in curves_of(log) if curve.name.startswith(SELECTED)]
    groups = {
        "survivors: share of the parents that each game made": "survivors/",
        "fitness of the best child, and its parts": "fitness/",
    }
    panels = []
    for title, prefix in groups.items():
        within = [
            Curve(curve.name.removeprefix(prefix), curve.steps, curve.values)
            for curve in curves
            if curve.name.startswith(prefix) and curve.name != "fitness/spread"
        ]
        panels += [Panel(title, within)] * bool(within)
    spread = [curve for curve in curves if curve.name == "fitness/spread"]
    return [*panels, *(Panel("fitness: best less worst child", [curve]) for curve in spread)]


def _others(log: Records) -> list[Panel]:
    rates = list(curves_of(log, "lr"))
    speed = [Curve("images/s", curve.steps, curve.values) for curve in curves_of(log) if curve.name == "images_per_s"]
    return [Panel("learning rate", rates, smooth=False)] * bool(rates) + [Panel("images/s", speed)] * bool(speed)
