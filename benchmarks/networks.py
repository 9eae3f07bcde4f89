"""Megapixels a second of weights beside a recurrent network of PReNet's shape, by turns in one process."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.common import THREADS, astronaut
from benchmarks.infer import mosaic
from img2img.compute.memory import keep_memory_small
from img2img.images import to_tensor
from img2img.inference import load

# height and width in px of the picture; the recurrent network takes seconds for it
PICTURE = (512, 768)


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


def compare(weights: Sequence[str], precision: Sequence[str], rounds: int) -> None:
    """Megapixels a second of each weights in each precision, and how many times the recurrent network's that is."""
    torch.set_num_threads(THREADS)
    keep_memory_small()
    picture = mosaic(astronaut(), PICTURE[1], PICTURE[0])
    runs: dict[str, Callable[[], object]] = {}
    for taken in precision:
        runs |= {f"recurrent {taken}": recurrent(picture, taken)}
        for name in weights:
            translator = load(name, "cpu", taken)
            runs[f"{name} {taken}"] = partial(translator.pixels, picture)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    megapixels = PICTURE[0] * PICTURE[1] / 1e6
    speeds = {name: megapixels / statistics.median(times[1:]) for name, times in seconds.items()}
    # of the recurrent network its faster way
    peer = max(speed for name, speed in speeds.items() if name.startswith("recurrent "))
    for name, speed in speeds.items():
        print(f"{name:40s} {speed:7.3f} megapixels/s  {speed / peer:7.2f}x the recurrent network")
    ratios = {name: round(speed / peer, 2) for name, speed in speeds.items() if not name.startswith("recurrent ")}
    print(json.dumps({"megapixels_per_s": {name: round(speed, 3) for name, speed in speeds.items()}, "times": ratios}))


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
