"""The most memory of evaluations of few and of many pictures, each in a process of its own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from benchmarks.common import THREADS, last_line, noisy_pair, own_process
from img2img.commands.evaluate import run
from img2img.compute.memory import peak_bytes
from img2img.metrics import METRICS


def compare(pairs: Sequence[int]) -> None:
    """The peak of each number of pairs, and how much the last one's is above the first one's."""
    peaks = {}
    for count in pairs:
        peaks[count] = float(last_line(own_process("evaluation", count)))
        print(f"{count:4d} pairs of 512x384  peak {peaks[count]:6.0f} MB", flush=True)
    print(json.dumps({"growth_mb": round(peaks[pairs[-1]] - peaks[pairs[0]], 1)}))


def evaluate(pairs: int) -> None:
    """The other end of `compare`: ``img2img evaluate`` with every measure; the most memory in MB."""
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as root:
        folders = [Path(root, kind) for kind in ("result", "target")]
        for folder in folders:
            folder.mkdir()
        for number in range(pairs):
            for folder, pixels in zip(folders, noisy_pair(number), strict=True):
                Image.fromarray(pixels).save(folder / f"{number}.png", compress_level=1)
        result, target = map(str, folders)
        run(["--target", target, "--results", f"noisy={result}", "--metrics", ",".join(METRICS), "--device", "cpu"])
    print(peak_bytes() / 2**20)
