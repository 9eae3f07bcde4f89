"""Translating folders, small pictures and large ones: time and memory."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.common import THREADS, Pixels, astronaut, last_line, own_process
from img2img.commands import infer
from img2img.compute.memory import keep_memory_small, peak_bytes
from img2img.config import plain
from img2img.images import as_rgb8, read, to_tensor
from img2img.inference import (
    Shape,
    Translator,
    as_results_are_made,
    header_for,
    list_jobs,
    load,
    translate_folder,
)
from img2img.inference.tiles import whole
from img2img.recipes.blueprint import draw_up
from img2img.recipes.settings import resolve
from img2img.weights.file import save_weights

# (width, height) in px of the photos of a folder, and of its small pictures, of which there are more
PHOTO, SMALL, SMALL_TIMES = (1224, 816), (96, 64), 16
BATCH = 16


def compare(weights: Path | None, photo: Path | None, megapixels: Sequence[int], pictures: int, rounds: int) -> None:
    """A folder against its network's own work, the wait for the first result, batches, and memory and time by size."""
    torch.set_num_threads(THREADS)
    keep_memory_small()
    with tempfile.TemporaryDirectory(prefix="img2img-infer-") as name:
        root = Path(name)
        if weights is None:
            weights = root / "derain.safetensors"
            save_untrained(weights)
        scene = as_rgb8(read(photo)) if photo else astronaut()
        translator = load(weights, "cpu")
        write_mosaics(scene, root / "photos", pictures, PHOTO)
        write_mosaics(scene, root / "small", SMALL_TIMES * pictures, SMALL)
        result = {
            "times_compute": folder_against_compute(translator, root / "photos", root / "out", rounds),
            "batch_gain": batch_gain(translator, root / "small", root / "out", rounds),
            "seconds_to_first": first_result(weights, root / "photos", root / "first", rounds),
        }
        for size in megapixels:
            seconds, peak = large_picture(weights, scene, size, root)
            result |= {f"seconds_{size}": round(seconds, 1), f"peak_mb_{size}": round(peak)}
    print(json.dumps(result))


def save_untrained(path: Path) -> None:
    """Weights of the network that de-raining uses by default, as training writes them."""
    settings = resolve("derain", None, None, None, ["train.steps=1"])
    generators = draw_up(settings.method, Shape(source=3, target=3, size=settings.data.crop)).build_generators()
    shape = Shape(source=3, target=3, size=settings.data.crop)
    save_weights(path, generators, header_for(settings.tree, plain(settings.method), shape, 0))


def write_mosaics(scene: Pixels, folder: Path, count: int, size: tuple[int, int]) -> None:
    """JPEGs of one size, each with the tiles elsewhere."""
    folder.mkdir()
    for number in range(count):
        Image.fromarray(mosaic(scene, *size, number)).save(folder / f"{number}.jpg", quality=92)


def mosaic(pixels: Pixels, width: int, height: int, shift: int = 0) -> Pixels:
    """A picture of this size tiled of one, each second tile mirrored, so that there are no edges between them."""
    both = np.concatenate([pixels, pixels[:, ::-1]], 1)
    both = np.roll(np.concatenate([both, both[::-1]]), (7 * shift, 11 * shift), (0, 1))
    return np.tile(both, (-(-height // both.shape[0]), -(-width // both.shape[1]), 1))[:height, :width]


def folder_against_compute(translator: Translator, photos: Path, output: Path, rounds: int) -> float:
    """How many times the network's forwards the whole takes: reading, forwards and writing, by turns."""
    jobs = list_jobs(translator, photos, output, None, None, 1)
    network: Any = translator.network
    tensors = [to_tensor(as_rgb8(read(job.source))) for job in jobs]
    whole_folder, compute = [], []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        summary = translate_folder(translator, jobs, overwrite=True)
        whole_folder.append(time.perf_counter() - began)
        if summary.failed:
            raise SystemExit(str(summary.failed))
        began = time.perf_counter()
        with as_results_are_made(network, translator.inference):
            for tensor in tensors:
                whole(network, tensor)
        compute.append(time.perf_counter() - began)
    seconds = statistics.median(whole_folder[1:])
    ratio = seconds / statistics.median(compute[1:])
    print(f"{len(jobs)} photos of 1 megapixel: {seconds:.2f} s, {ratio:.2f}x the network alone")
    return round(ratio, 3)


def batch_gain(translator: Translator, photos: Path, output: Path, rounds: int) -> float:
    """How many times faster many small pictures go by 16 than one by one, by turns."""
    jobs = list_jobs(translator, photos, output, None, None, 1)
    times: dict[int, list[float]] = {1: [], BATCH: []}
    for _ in range(rounds + 1):
        for batch, seconds in times.items():
            began = time.perf_counter()
            translate_folder(translator, jobs, overwrite=True, batch=batch)
            seconds.append(time.perf_counter() - began)
    alone, together = (statistics.median(seconds[1:]) for seconds in times.values())
    gain = alone / together
    print(f"{len(jobs)} pictures of 96x64: {together:.2f} s by 16, {gain:.2f}x as fast as one by one")
    return round(gain, 3)


def first_result(weights: Path, photos: Path, output: Path, rounds: int) -> float:
    """Seconds from the start of ``img2img infer`` until the first result is there, whole."""
    seconds = []
    for number in range(rounds):
        folder = output / str(number)
        command = [sys.executable, "-m", "img2img", "infer", "--weights", str(weights), "--input", str(photos)]
        began = time.perf_counter()
        process = subprocess.Popen([*command, "--output", str(folder), "--device", "cpu"], stderr=subprocess.DEVNULL)
        while not list(folder.glob("*.jpg")) and process.poll() is None:
            time.sleep(0.01)
        seconds.append(time.perf_counter() - began)
        if not list(folder.glob("*.jpg")):
            raise SystemExit("infer ended without a result")
        process.terminate()
        process.wait()
    print(f"first result after {statistics.median(seconds):.2f} s")
    return round(statistics.median(seconds), 2)


def large_picture(weights: Path, scene: Pixels, megapixels: int, root: Path) -> tuple[float, float]:
    """Seconds and the most memory in MB of one picture, in a process of its own."""
    file = root / f"{megapixels}.jpg"
    width = round((megapixels * 1.5e6) ** 0.5)
    Image.fromarray(mosaic(scene, width, round(megapixels * 1e6 / width))).save(file, quality=92)
    seconds, peak = map(float, last_line(own_process("inference", weights, file, root / "large")).split())
    each = seconds / megapixels
    print(f"{megapixels:4d} megapixels  {seconds:6.1f} s, {each:5.2f} s a megapixel, peak {peak:5.0f} MB", flush=True)
    return seconds, peak


def translate_one(names: Sequence[str]) -> None:
    """The other end of `large_picture`: ``img2img infer`` of (weights, file, output); seconds and peak memory in MB."""
    weights, file, output = names
    torch.set_num_threads(THREADS)
    began = time.perf_counter()
    status = infer.run(["--weights", weights, "--input", file, "--output", output, "--device", "cpu", "--overwrite"])
    if status:
        raise SystemExit(status)
    print(time.perf_counter() - began, peak_bytes() / 1e6)
