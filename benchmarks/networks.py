"""Megapixels a second of weights beside a recurrent network of PReNet's shape, by turns in one process."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.common import THREADS, astronaut
from benchmarks.infer import mosaic
from img2img.compute.memory import keep_memory_small
from img2img.evaluation.entries import INPUT
from img2img.images import to_tensor
from img2img.inference import load
from img2img.metrics import METRICS
from img2img.reports.figures import save_png
from img2img.reports.tradeoff import Candidate, tradeoff_plot
from img2img.reports.writing import counted

# height and width in px of the picture; the recurrent network takes seconds for it
PICTURE = (512, 768)
RECURRENT = "recurrent"


class Recurrent(nn.Module):
    """PReNet's shape (Ren et al. 2019, section 3): 6 stages at full size, an LSTM and 5 residual blocks of width 32.

    168,963 parameters, as its published program has. The weights are random: it is here for its speed alone.
    """

    def __init__(self, width: int = 32, stages: int = 6, blocks: int = 5) -> None:
        super().__init__()
        self.stages = stages
        self.first = nn.Conv2d(6, width, 3, 1, 1)
        self.gates = nn.ModuleList(nn.Conv2d(2 * width, width, 3, 1, 1) for _ in range(4))
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, 1, 1), nn.ReLU(), nn.Conv2d(width, width, 3, 1, 1), nn.ReLU())
            for _ in range(blocks)
        )
        self.last = nn.Conv2d(width, 3, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        result = x
        hidden = cell = x.new_zeros(len(x), self.first.out_channels, *x.shape[2:])
        for _ in range(self.stages):
            y = torch.relu(self.first(torch.cat((x, result), 1)))
            seen = torch.cat((y, hidden), 1)
            into, keep, change, out = (gate(seen) for gate in self.gates)
            cell = torch.sigmoid(keep) * cell + torch.sigmoid(into) * torch.tanh(change)
            y = hidden = torch.sigmoid(out) * torch.tanh(cell)
            for block in self.blocks:
                y = torch.relu(block(y) + y)
            result = self.last(y)
        return result


def compare(
    weights: Sequence[str],
    precision: Sequence[str],
    rounds: int,
    table: str | None = None,
    measure: str = "psnr",
    picture: str | None = None,
) -> None:
    """Megapixels a second of each weights in each precision, and how many times the recurrent network's that is.

    ``weights`` may be NAME=WEIGHTS. ``picture`` shows their speed and the ``measure`` of an evaluation's ``table``.
    """
    if (table is None) != (picture is None):
        raise SystemExit("--table (table.json of an evaluation) and --picture go together")
    named = [given.rpartition("=") for given in weights]
    speeds = megapixels_per_s({name or path: path for name, _, path in named}, precision, rounds)
    # of the recurrent network its faster way
    peer = max(speed for (name, _), speed in speeds.items() if name == RECURRENT)
    for (name, taken), speed in speeds.items():
        print(f"{name} {taken}".ljust(40), f"{speed:7.3f} megapixels/s  {speed / peer:7.2f}x the recurrent network")
    if table and picture:
        draw(speeds, json.loads(Path(table).read_text(encoding="utf-8")), measure, picture)
    flat = {f"{name} {taken}": round(speed, 3) for (name, taken), speed in speeds.items()}
    ratios = {name: round(speed / peer, 2) for name, speed in flat.items() if not name.startswith(f"{RECURRENT} ")}
    print(json.dumps({"megapixels_per_s": flat, "times": ratios}))


def megapixels_per_s(weights: Mapping[str, str], precision: Sequence[str], rounds: int) -> dict[tuple[str, str], float]:
    """Medians of each name and of the recurrent network, by (name, precision), measured by turns."""
    torch.set_num_threads(THREADS)
    keep_memory_small()
    picture = mosaic(astronaut(), PICTURE[1], PICTURE[0])
    runs: dict[tuple[str, str], Callable[[], object]] = {}
    for taken in precision:
        runs[RECURRENT, taken] = recurrent(picture, taken)
        for name, path in weights.items():
            runs[name, taken] = partial(load(path, "cpu", taken).pixels, picture)
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    for _ in range(rounds):
        for key, run in runs.items():
            # what the network before it left of memory costs the next one's first picture, not those of a folder
            run()
            began = time.perf_counter()
            run()
            seconds[key].append(time.perf_counter() - began)
    megapixels = PICTURE[0] * PICTURE[1] / 1e6
    return {key: megapixels / statistics.median(times) for key, times in seconds.items()}


def draw(speeds: Mapping[tuple[str, str], float], table: dict[str, Any], measure: str, path: str) -> None:
    """Quality against speed of the methods that a table and ``speeds`` have in common."""
    candidates = []
    for method, figures in table["methods"].items():
        own = {taken: speed for (name, taken), speed in speeds.items() if name == method}
        if own:
            value = figures[measure]
            candidates.append(Candidate(method, own, value["mean"], value["low"], value["high"]))
    untouched = table["methods"].get(INPUT, {}).get(measure, {}).get("mean")
    unit = METRICS[measure].unit
    title = f"{METRICS[measure].title}{f' ({unit})' if unit else ''}, {counted(table['images'], 'picture')}"
    save_png(Path(path), tradeoff_plot(candidates, title, untouched))


def recurrent(picture: np.ndarray, precision: str) -> Callable[[], object]:
    """The recurrent network on a picture, in four parts, so that it fits into the memory of a small machine."""
    torch.manual_seed(0)
    network = Recurrent().eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    parts = to_tensor(picture).chunk(4, 2)

    def run() -> None:
        cast = torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else nullcontext()
        with torch.no_grad(), cast:
            for part in parts:
                network(part)

    return run
