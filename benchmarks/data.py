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

from benchmarks.common import astronaut
from img2img.data import Samples, open_data
from img2img.data.augment import random_cut, resized
from img2img.data.loader import Stream, collate
from img2img.data.samples import Pictures, to_training
from img2img.randomness import generator
from img2img.recipes.settings import resolve

BATCH = 16


def compare(pairs: int, rounds: int, workers: int) -> None:
    """Seconds a sample by stage, in processor time of one thread, then batches as training gets them."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory() as folder:
        make_pairs(Path(folder), pairs)
        settings = resolve("edges", "pix2pix", folder, None, ["data.load=286", "data.crop=256", "data.flip=true"])
        samples = open_data(settings.data, 0).train
        stages = seconds_by_stage(samples, rounds)
        for name, seconds in stages.items():
            print(f"{name:36s} {seconds * 1e6:7.0f} us a sample, {1 / seconds:6.0f} samples a second")
        rates = {f"samples_per_s_{name}": round(1 / seconds) for name, seconds in stages.items() if name == "whole"}
        for count in dict.fromkeys((0, workers)):
            rates[f"stream_{count}_workers"] = round(streamed(samples, count, rounds))
        print(json.dumps(rates))


def make_pairs(folder: Path, count: int) -> None:
    """Files of two pictures side by side, 256 px each."""
    for number in range(count):
        picture = np.roll(astronaut()[:256, :512], 7 * number, 1)
        cv2.imwrite(str(folder / f"{number}.png"), picture)


def seconds_by_stage(samples: Samples, rounds: int) -> dict[str, float]:
    """Of each stage of preparing a sample, the median over ``rounds`` passes of the set."""
    if not isinstance(samples, Pictures):
        raise SystemExit("pairs of pictures are needed")
    decoded = [samples.decode(index) for index in range(len(samples))]
    loaded = [resized(pictures, 286) for pictures in decoded]
    cut = [random_cut(pictures, 256, True, generator(0, "jitter", index)) for index, pictures in enumerate(loaded)]
    floats = [{name: to_training(pixels, name) for name, pixels in pictures.items()} for pictures in cut]
    places = range(len(samples))
    stages: dict[str, Callable[[int], object]] = {
        "resized to load": lambda i: resized(decoded[i], 286),
        "cut and mirrored": lambda i: random_cut(loaded[i], 256, True, generator(0, "jitter", i)),
        "made float32 in [-1, 1]": lambda i: [to_training(pixels, name) for name, pixels in cut[i].items()],
        "copied as uint8 instead": lambda i: [pixels.transpose(2, 0, 1).copy() for pixels in cut[i].values()],
        "collated, a sample of the batch": lambda i: (
            i % BATCH or collate([(floats[j % len(floats)], j) for j in range(BATCH)])
        ),
        "whole": lambda i: samples.sample(0, i, 0),
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
