"""How many training samples a second one core and several worker processes prepare, from decoded pictures."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from benchmarks.common import astronaut
from img2img.compute.memory import keep_freed_memory
from img2img.data import Samples, open_data
from img2img.data.augment import random_cut, resized
from img2img.data.loader import Stream, collate
from img2img.data.samples import Pictures, to_training
from img2img.randomness import generator
from img2img.recipes.settings import resolve

BATCH = 16
# the stages that are all of a sample: as a CPU and as a GPU takes it
WHOLE, WHOLE_BYTES = "a whole sample", "a whole sample in uint8"


def compare(pairs: int, rounds: int, workers: int) -> None:
    """Seconds a sample by stage, in processor time of one thread, then batches as training gets them."""
    torch.set_num_threads(1)
    # as a training does
    keep_freed_memory()
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory() as folder:
        make_pairs(Path(folder), pairs)
        settings = resolve("edges", "pix2pix", folder, None, ["data.load=286", "data.crop=256", "data.flip=true"])
        samples = open_data(settings.data, 0).train
        if not isinstance(samples, Pictures):
            raise SystemExit("pairs of pictures are needed")
        stages = seconds_by_stage(samples, rounds)
        for name, seconds in stages.items():
            print(f"{name:36s} {seconds * 1e6:7.0f} us a sample, {1 / seconds:6.0f} samples a second")
        rates = {"samples_per_s_whole": round(1 / stages[WHOLE]), "samples_per_s_uint8": round(1 / stages[WHOLE_BYTES])}
        for count in dict.fromkeys((0, workers)):
            rates[f"stream_{count}_workers"] = round(streamed(samples, count, rounds))
            rates[f"stream_{count}_workers_uint8"] = round(streamed(samples.in_bytes(), count, rounds))
        print(json.dumps(rates))


def make_pairs(folder: Path, count: int) -> None:
    """Files of two pictures side by side, 256 px each."""
    for number in range(count):
        picture = np.roll(astronaut()[:256, :512], 7 * number, 1)
        cv2.imwrite(str(folder / f"{number}.png"), picture)


def seconds_by_stage(samples: Pictures, rounds: int) -> dict[str, float]:
    """Of each stage of preparing a sample, the median over ``rounds`` passes of the set."""
    decoded = [samples.decode(index) for index in range(len(samples))]
    loaded = [resized(pictures, 286) for pictures in decoded]
    cut = [random_cut(pictures, 256, True, generator(0, "jitter", index)) for index, pictures in enumerate(loaded)]
    places, in_bytes = range(len(samples)), samples.in_bytes()

    def made(place: int, as_bytes: bool) -> dict[str, Tensor]:
        return {name: to_training(pixels, name, as_bytes=as_bytes) for name, pixels in cut[place].items()}

    def batch(as_bytes: bool) -> list[tuple[dict[str, Tensor], int]]:
        return [(made(number % len(cut), as_bytes), number) for number in range(BATCH)]

    floats, as_they_are = batch(False), batch(True)
    stages: dict[str, Callable[[int], object]] = {
        "resized to load": lambda i: resized(decoded[i], 286),
        "cut and mirrored": lambda i: random_cut(loaded[i], 256, True, generator(0, "jitter", i)),
        "made float32 in [-1, 1]": lambda i: made(i, False),
        "left uint8, for a GPU": lambda i: made(i, True),
        "collated, a sample of the batch": lambda i: i % BATCH or collate(floats),
        "collated as uint8": lambda i: i % BATCH or collate(as_they_are),
        WHOLE: lambda i: samples.sample(0, i, 0),
        WHOLE_BYTES: lambda i: in_bytes.sample(0, i, 0),
    }
    return {name: statistics.median(passed(stage, places) for _ in range(rounds)) for name, stage in stages.items()}


def passed(stage: Callable[[int], object], places: range) -> float:
    """Processor seconds a sample of one pass."""
    began = time.process_time()
    for place in places:
        stage(place)
    return (time.process_time() - began) / len(places)


def streamed(samples: Samples, workers: int, rounds: int) -> float:
    """Samples a second by the clock, as training gets them and does nothing with them."""
    batches = Stream(samples, batch=BATCH, seed=0, workers=workers).batches(0)
    try:
        # what has been prepared ahead, and the start of the workers
        for _ in range(2 * workers + 2):
            next(batches)
        began, count = time.perf_counter(), rounds * len(samples) // BATCH + 1
        for _ in range(count):
            next(batches)
        return count * BATCH / (time.perf_counter() - began)
    finally:
        batches.close()
