"""What a CUDA machine should be asked first, within minutes: do results hold there, and how fast are steps?

Prints a line a question and ends in one JSON line with all ratios and with what falls short. ``--tiny`` asks the same
of narrow networks, so that the program itself can be tried on a CPU.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial

import torch

from benchmarks.gpu_checks import CHECKS, Place
from benchmarks.gpu_steps import SIZES, timed


def compare(device: str, seconds: float, tiny: bool, backend: str) -> None:
    """First the checks, then the timings as far as ``seconds`` reach; exit status 1 where something falls short."""
    place = Place(torch.device(device), tiny)
    began = time.monotonic()
    print(f"{torch.__version__} on {place.name()}", flush=True)
    short = [name for name, check in CHECKS.items() if not told(name, partial(check, place))]
    ratios: dict[str, object] = {}
    for name, batch in SIZES:
        label = f"{name} batch {batch}"
        if time.monotonic() - began > seconds:
            print(f"left out, the time is up: {label}")
            continue
        try:
            ratios[label] = measured = timed(place, name, batch, backend)
        except Exception as error:
            print(f"FALLS SHORT  {label}: {first_line(error)}", flush=True)
            short.append(label)
            continue
        if measured["best_ratio"] < 3 and place.device.type == "cuda":
            short.append(f"{label}: {measured['best_ratio']}x the plain loop, 3x is wanted")
    print(json.dumps({"device": place.name(), "ratios": ratios, "short": short}))
    raise SystemExit(1 if short else 0)


def told(name: str, check: Callable[[], str]) -> bool:
    """Whether a check holds; its line is printed."""
    try:
        print(f"holds        {name}: {check()}", flush=True)
    except Exception as error:  # what breaks must not keep the other questions from being asked
        print(f"FALLS SHORT  {name}: {first_line(error)}", flush=True)
        return False
    return True


def first_line(error: BaseException) -> str:
    """What an error says first."""
    return (str(error) or type(error).__name__).splitlines()[0]
