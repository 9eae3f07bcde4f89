"""Figures of the table of generators of pictures: losses of both sides of all arms, and grids over steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from img2img.experiments.job import Reproduction
from img2img.experiments.plan import Plan
from img2img.experiments.survivors import read_log
from img2img.reports.curves import Curve, Panel, curves_of
from img2img.reports.figures import grid, save_png
from img2img.reports.films import chosen
from img2img.reports.plots import panels_plot
from img2img.training.history import mosaic
from img2img.training.points import kept_steps, read_points

Pixels = np.ndarray[Any, Any]
# pictures along each side of a grid's cell, and px of the cell
SIDE, CELL = 4, 256
# of the log's lines, the last ones are a run's final losses
FINAL = 1 / 20


def losses_of(log: Sequence[dict[str, Any]], side: str) -> Curve | None:
    """A side's adversarial loss over steps; of several games their mean. None: it has none."""
    named = [curve for curve in curves_of(log) if curve.name.startswith(side) and curve.name.endswith("/adversarial")]
    if not named:
        return None
    return Curve(side, named[0].steps, np.mean([curve.values for curve in named], axis=0))


def final_losses(job: Reproduction, set_name: str, arm: str) -> tuple[float, float]:
    """(critic's, generator's) mean loss over the last lines of the first seed's log; nan where there is none."""
    log = read_log(job, set_name, arm)
    found = []
    for side in ("critic", "generator"):
        curve = losses_of(log, side)
        last = max(1, math.ceil(len(log) * FINAL))
        found.append(math.nan if curve is None else float(curve.values[-last:].mean()))
    return found[0], found[1]


def draw_losses(job: Reproduction, plan: Plan, set_name: str) -> list[Path]:
    """One figure with the critic's and the generator's losses of all arms."""
    panels = []
    logs = {arm: read_log(job, set_name, arm) for arm in plan.runs[set_name]}
    for side in ("critic", "generator"):
        curves = [(arm, losses_of(log, side)) for arm, log in logs.items()]
        drawn = [Curve(arm, curve.steps, curve.values) for arm, curve in curves if curve is not None]
        panels += [Panel(f"{side}'s loss", drawn)] * bool(drawn)
    if not panels:
        return []
    path = job.folder(set_name) / "losses.png"
    save_png(path, panels_plot(panels))
    return [path]


def draw_grids(job: Reproduction, plan: Plan, set_name: str, frames: int) -> list[Path]:
    """What every arm's first seed made of the same noise at a few looks: a row an arm, a column a look."""
    rows, labels = [], [""]
    alike = len({its.steps for its in plan.runs[set_name].values()}) == 1
    for arm in plan.runs[set_name]:
        found = kept_steps(job.run_folder(set_name, arm, 0))
        steps = chosen(list(found), frames)
        rows.append([_name(arm), *(mosaic(read_points(found[step])[0][: SIDE * SIDE], SIDE) for step in steps)])
        # arms under one clock have made different numbers of steps at the same share of it
        shares = [f"{step / max(found):.0%} of the steps" for step in steps]
        labels = ["", *([f"step {step}" for step in steps] if alike else shares)]
    path = job.folder(set_name) / "grids.png"
    save_png(path, grid(rows, labels, CELL))
    return [path]


def _name(text: str) -> Pixels:
    """A text as a picture, black on white."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(15)
    image = Image.new("RGB", (max(128, int(font.getlength(text)) + 8), 128), "white")
    ImageDraw.Draw(image).text((4, 56), text, fill="black", font=font)
    return np.asarray(image)
