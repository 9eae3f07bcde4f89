"""Which mutations won in the arms of a table that select, and how fit they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from img2img.experiments.job import Reproduction
from img2img.experiments.plan import Plan
from img2img.reports.figures import save_png
from img2img.reports.plots import panels_plot
from img2img.training.report import survivor_panels


def read_log(job: Reproduction, set_name: str, arm: str) -> list[dict[str, Any]]:
    """The log of an arm's first seed."""
    path = job.run_folder(set_name, arm, 0) / "log.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def draw_survivors(job: Reproduction, plan: Plan, set_name: str) -> list[Path]:
    """A figure for each arm of a set that selects, of its first seed: shares of survivors, fitness and its parts."""
    drawn = []
    for arm in plan.runs[set_name]:
        panels = survivor_panels(read_log(job, set_name, arm))
        if panels:
            drawn.append(job.folder(set_name) / f"survivors-{arm}.png")
            save_png(drawn[-1], panels_plot(panels))
    return drawn
