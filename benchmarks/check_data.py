"""The data doctor on pairs of 512x384 made for the purpose: time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from benchmarks.common import THREADS
from img2img.images import read


class Examination(NamedTuple):
    """What one run of ``img2img check_data`` took."""

    seconds: float
    peak_mb: float


def compare(pairs: int) -> None:
    """The whole look at ``pairs`` pairs and at a tenth of them, made for the purpose and removed, against decoding."""
    with tempfile.TemporaryDirectory(prefix="img2img-check-data-") as root:
        everything, tenth = Path(root, "all"), Path(root, "tenth")
        write_pairs(pairs, everything, tenth)
        decoding = seconds_of_decoding(tenth)
        few, many = examine(tenth), examine(everything)
    result = {
        "pairs": pairs,
        "seconds": round(many.seconds, 1),
        "pairs_per_second": round(pairs / many.seconds, 1),
        "times_decoding": round(many.seconds / (10 * decoding), 2),
        "peak_mb": round(many.peak_mb),
        "peak_mb_of_a_tenth": round(few.peak_mb),
    }
    print(json.dumps(result))


def write_pairs(count: int, everything: Path, tenth: Path) -> None:
    """``count`` pairs into one folder, and each tenth of them linked into another."""
    for folder in (everything, tenth):
        folder.mkdir()
    with ThreadPoolExecutor(THREADS) as pool:
        for number, data in enumerate(pool.map(rainy_pair, range(count))):
            (everything / f"{number}.jpg").write_bytes(data)
            if number % 10 == 0:
                os.link(everything / f"{number}.jpg", tenth / f"{number}.jpg")


def rainy_pair(number: int) -> bytes:
    """A JPEG of a clean picture and the same with streaks, each 512x384; each tenth has the scene of the one before."""
    scene = number - 1 if number % 10 == 9 else number
    rng, rain = np.random.default_rng(scene), np.random.default_rng([number, 1])
    clean = cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), (512, 384), interpolation=cv2.INTER_CUBIC)
    grain = cv2.resize(rng.normal(0, 25, (96, 128)).astype(np.float32), (512, 384))[:, :, None]
    drops = (rain.random((384, 512), dtype=np.float32) < 0.004).astype(np.float32) * 160
    streaks = cv2.filter2D(drops, -1, np.ones((25, 1), np.float32))[:, :, None]
    pair = np.concatenate([clean + grain, clean + grain + streaks], 1)
    done, data = cv2.imencode(".jpg", np.clip(pair, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 75])
    return bytes(data) if done else b""


def seconds_of_decoding(folder: Path) -> float:
    """Every file read and nothing else done."""
    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(lambda file: read(file).format, sorted(folder.iterdir())):
            pass
    return time.monotonic() - began


def examine(folder: Path) -> Examination:
    """``img2img check_data`` of a folder in a process of its own; what it says is shown."""
    command = [sys.executable, "-m", "img2img", "check_data", "--task", "derain", "--data", str(folder)]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read() if process.stdout is not None else ""
    _, status, usage = os.wait4(process.pid, 0)
    examination = Examination(time.monotonic() - began, usage.ru_maxrss / 1024)
    print(
        f"{folder.name}: {examination.seconds:.1f} s, peak {examination.peak_mb:.0f} MB, exit {status >> 8}\n{output}"
    )
    return examination
