"""What the benchmarks share: threads, pictures, and processes of their own for what is measured."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]
THREADS = 2
TOOL = Path(__file__).resolve().parents[1] / "tools" / "benchmark.py"


def own_process(*words: object) -> list[str]:
    """The command that runs ``tools/benchmark.py WORDS`` apart, so that memory settings and peaks are its own."""
    return [sys.executable, str(TOOL), *map(str, words)]


def last_line(command: list[str]) -> str:
    """What a command prints last.

    Raises:
        CalledProcessError: it failed.
    """
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1]


def astronaut() -> Pixels:
    """scikit-image's photograph, (512, 512, 3) uint8 RGB."""
    data: Any = importlib.import_module("skimage.data")
    pixels: Pixels = data.astronaut()
    return pixels


def noisy_pair(number: int = 0) -> tuple[Pixels, Pixels]:
    """A noisy result and its target, (384, 512, 3) uint8 RGB; another pair for each ``number``."""
    target = np.roll(astronaut()[:384], number, 1)
    noise = np.random.default_rng(number).normal(0, 25, target.shape)
    return np.clip(np.rint(target + noise), 0, 255).astype(np.uint8), target
