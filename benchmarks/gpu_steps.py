"""Images a second of the steps on a GPU (see `benchmarks.gpu`): ours, the plain eager loop and that loop compiled."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.data import make_pairs
from benchmarks.gpu_checks import Place, batches, engine_on
from benchmarks.plain import Step
from benchmarks.train import SUBJECTS, plain_case
from img2img.compute.precision import kernels
from img2img.data import open_data
from img2img.data.loader import Stream, on_device
from img2img.recipes.settings import Settings, resolve

SIZES = (("pix2pix", 1), ("pix2pix", 16), ("pix2pix", 64), ("pan", 16), ("cyclegan", 1), ("cyclegan", 8))
# steps that are timed as one, and how often
STEPS, ROUNDS = 5, 5


def timed(place: Place, name: str, batch: int, backend: str) -> dict[str, float]:
    """Images a second of each way; ``best_ratio`` is our fastest against the plain eager loop in fp32."""
    settings = place.settings(name, f"train.batch={2 if place.tiny and batch > 1 else batch}")
    count = settings.train.batch
    ways: dict[str, Callable[[], Step]] = {
        "plain": lambda: plain_step(place, name, settings),
        "plain, compiled": lambda: plain_step(place, name, settings, backend),
        "ours fp32": lambda: our_step(place, settings, "fp32"),
        "ours bf16": lambda: our_step(place, settings, "bf16"),
    }
    rates: dict[str, float] = {}
    for way, make in ways.items():
        with kernels(tf32=False, benchmark=True):
            began = time.perf_counter()
            step = make()
            step()
            place.wait()
            first = time.perf_counter() - began
            rates[way] = round(count / seconds(place, step), 2)
        print(f"{name} batch {count:2d} {way:16s} {rates[way]:9.2f} images/s, first step {first:5.1f} s", flush=True)
    best = max(rates["ours fp32"], rates["ours bf16"])
    waiting = share_waited(place, settings) if name == "pix2pix" else 0.0
    return {**rates, "best_ratio": round(best / rates["plain"], 3), "waiting_for_data": round(waiting, 3)}


def seconds(place: Place, step: Step) -> float:
    """Of one step, the median over rounds of several."""
    times = []
    for _ in range(ROUNDS if not place.tiny else 2):
        place.wait()
        began = time.perf_counter()
        for _ in range(STEPS):
            step()
        place.wait()
        times.append((time.perf_counter() - began) / STEPS)
    return statistics.median(times)


def plain_step(place: Place, name: str, settings: Settings, backend: str | None = None) -> Step:
    """The plain loop there, by networks as they are written or compiled."""
    case = plain_case(settings)
    for network in case.networks.values():
        network.to(place.device)
        if backend is not None:
            network.compile(backend=backend)
    case.source, case.target = case.source.to(place.device), case.target.to(place.device)
    step = SUBJECTS[name].plain(case)

    def forgetting() -> None:
        step()
        case.losses.clear()

    return forgetting


def our_step(place: Place, settings: Settings, precision: str) -> Step:
    """The engine's."""
    engine, count = engine_on(place.device, settings, precision), 0
    taken = batches(engine, settings, place.device)

    def step() -> None:
        nonlocal count
        engine.step(count, taken)
        count += 1

    return step


def share_waited(place: Place, settings: Settings, workers: int = 8, steps: int = 20) -> float:
    """Of the time of bf16 steps on decoded pairs of 256 px, the share that is spent waiting for the next batch."""
    engine = engine_on(place.device, settings, "bf16")

    with tempfile.TemporaryDirectory() as folder:
        make_pairs(Path(folder), 8 if place.tiny else 64)
        load, crop = (None, settings.data.crop) if place.tiny else (286, 256)
        data = resolve("edges", "pix2pix", folder, None, [f"data.load={load or 'null'}", f"data.crop={crop}"]).data
        stream = Stream(
            open_data(data, 0).train,
            batch=settings.train.batch,
            seed=0,
            workers=0 if place.tiny else workers,
            device=place.device,
        )
        source = stream.batches(0)
        try:
            engine.step(0, [on_device(next(source), place.device)])
            place.wait()
            began, waited = time.perf_counter(), 0.0
            for step in range(1, 3 if place.tiny else steps):
                asked = time.perf_counter()
                batch = next(source)
                waited += time.perf_counter() - asked
                engine.step(step, [on_device(batch, place.device)])
            place.wait()
            return waited / (time.perf_counter() - began)
        finally:
            source.close()
