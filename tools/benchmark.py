"""Timings, as ratios of two things in the same run: ``python tools/benchmark.py train``.

The last line is JSON. Absolute times mean little on a shared machine; the two sides of a ratio are measured by turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from img2img.engine.distributed import World
from img2img.engine.memory import keep_freed_memory, peak_bytes
from img2img.engine.precision import Precision
from img2img.images import read
from img2img.inference import Shape
from img2img.tasks import Settings, resolve
from img2img.training import build_engine
from img2img.types import Batch

THREADS = 2
SETTINGS = {
    "pix2pix": ["train.batch=4", "data.crop=256", "data.load=286"],
    "pan": ["train.batch=4", "data.crop=128", "data.load=null"],
}


def settings_for(name: str) -> Settings:
    """The method on its own network (T 6+6 for PAN), not the one that a task shares among methods."""
    task = "edges" if name == "pix2pix" else "derain"
    extra = ["generator=pan"] if name == "pan" else []
    return resolve(task, name, None, None, [*SETTINGS[name], *extra, "train.steps=1"])


def networks(settings: Settings, size: int) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    generators = settings.method.build_generators(3, 3, size)
    critics = settings.method.build_critics(3, 3, size)
    if critics is None:
        raise SystemExit("a method with a critic is needed")
    return generators["generator"].train(), critics["critic"].train()


def plain_pix2pix(settings: Settings, size: int, source: Tensor, target: Tensor) -> Callable[[], None]:
    """The loop everybody writes: NCHW, fp32, default Adam, requires_grad toggled, three critic passes."""
    generator, critic = networks(settings, size)
    one = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    two = torch.optim.Adam(critic.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def step() -> None:
        fake = generator(source)
        for p in critic.parameters():
            p.requires_grad_(True)
        two.zero_grad()
        on_fake = critic(torch.cat([source, fake.detach()], 1)).logits[0]
        on_real = critic(torch.cat([source, target], 1)).logits[0]
        loss = 0.5 * (bce(on_fake, torch.zeros_like(on_fake)) + bce(on_real, torch.ones_like(on_real)))
        torch.autograd.backward(loss)
        two.step()
        for p in critic.parameters():
            p.requires_grad_(False)
        one.zero_grad()
        verdict = critic(torch.cat([source, fake], 1)).logits[0]
        loss = bce(verdict, torch.ones_like(verdict)) + 100 * (fake - target).abs().mean()
        torch.autograd.backward(loss)
        one.step()

    return step


def plain_pan(settings: Settings, size: int, source: Tensor, target: Tensor) -> Callable[[], None]:
    """PAN's step in the same plain style, four critic passes."""
    generator, critic = networks(settings, size)
    one = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    two = torch.optim.Adam(critic.parameters(), lr=2e-4, betas=(0.5, 0.999))
    layers = {1: 5.0, 4: 1.5, 6: 1.5, 8: 1.0}

    def distance(real: Any, fake: Any) -> Tensor:
        parts = [w * (fake.features[j - 1] - real.features[j - 1]).abs().mean() for j, w in layers.items()]
        return torch.stack(parts).sum()

    def step() -> None:
        fake = generator(source)
        for p in critic.parameters():
            p.requires_grad_(True)
        two.zero_grad()
        real_verdict, fake_verdict = critic(target), critic(fake.detach())
        logits = real_verdict.logits[0], fake_verdict.logits[0]
        loss = bce(logits[0], torch.ones_like(logits[0])) + bce(logits[1], torch.zeros_like(logits[1]))
        torch.autograd.backward(loss + torch.relu(3 - distance(real_verdict, fake_verdict)))
        two.step()
        for p in critic.parameters():
            p.requires_grad_(False)
        one.zero_grad()
        with torch.no_grad():
            real_verdict = critic(target)
        fake_verdict = critic(fake)
        made = fake_verdict.logits[0]
        torch.autograd.backward(bce(made, torch.ones_like(made)) + distance(real_verdict, fake_verdict))
        one.step()

    return step


PLAIN = {"pix2pix": plain_pix2pix, "pan": plain_pan}


def ours(settings: Settings, size: int, source: Tensor, target: Tensor, precision: str) -> Callable[[], None]:
    world = World()
    engine = build_engine(settings, Shape(source=3, target=3, size=size), world, Precision(precision, world.device))
    batch = Batch(source=source, target=target, index=torch.arange(len(source)))
    count = 0

    def step() -> None:
        nonlocal count
        engine.step(count, [batch] * engine.rules.batches)
        count += 1

    return step


class Worker:
    """One kind of step in a process of its own, so that memory settings and peaks are its own too."""

    def __init__(self, name: str, label: str) -> None:
        command = [sys.executable, __file__, "step", name, label]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, word: str) -> float:
        """``step`` answers its seconds, ``peak`` the most memory so far in MB."""
        if self.process.stdin is None or self.process.stdout is None:
            raise SystemExit("a worker without pipes")
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("a worker died (its complaint stands above)")
        return float(answer)

    def close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


def work(name: str, label: str) -> None:
    """The other end of `Worker`."""
    torch.set_num_threads(THREADS)
    settings = settings_for(name)
    size = int(settings.data.crop or 256)
    generator = torch.Generator().manual_seed(0)
    source, target = (torch.rand(settings.train.batch, 3, size, size, generator=generator) * 2 - 1 for _ in "ab")
    if label.startswith("plain"):
        step = PLAIN[name](settings, size, source, target)
    else:
        keep_freed_memory()
        step = ours(settings, size, source, target, label.split()[-1])
    for line in sys.stdin:
        began = time.perf_counter()
        if line.strip() == "peak":
            print(peak_bytes() / 2**20, flush=True)
            continue
        step()
        print(time.perf_counter() - began, flush=True)


def bench_train(rounds: int, methods: list[str]) -> None:
    """Every kind of step by turns, so that a change of the machine's speed meets all alike."""
    ratios: dict[str, float] = {}
    for name in methods:
        workers = {label: Worker(name, label) for label in ("plain fp32", "ours fp32", "ours bf16")}
        times: dict[str, list[float]] = {label: [] for label in workers}
        for number in range(rounds + 2):
            for label, worker in workers.items():
                seconds = worker.ask("step")
                if number >= 2:
                    times[label].append(seconds)
        medians = {label: statistics.median(values) for label, values in times.items()}
        plain = medians["plain fp32"]
        ratios[name] = round(plain / min(medians["ours fp32"], medians["ours bf16"]), 3)
        for label, seconds in medians.items():
            peak = workers[label].ask("peak")
            workers[label].close()
            print(f"{name:8s} {label:11s} {seconds:7.3f} s  {plain / seconds:5.2f}x  peak {peak:5.0f} MB")
    print(json.dumps({**ratios, "bf16_hardware": bf16_hardware()}))


def bf16_hardware() -> bool:
    """Whether the processor multiplies bf16 itself (AVX512-BF16 or AMX)."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = file.read()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="a training step against the plain eager loop")
    train.add_argument("--rounds", type=int, default=7)
    train.add_argument("--methods", default="pix2pix,pan")
    inner = commands.add_parser("step", help="(used by train) one kind of step, at each line of standard input")
    inner.add_argument("name")
    inner.add_argument("label")
    doctor = commands.add_parser("check_data", help="the data doctor on made pairs of 512x384: time and memory")
    doctor.add_argument("--pairs", type=int, default=10_000)
    given = parser.parse_args()
    if given.command == "train":
        bench_train(given.rounds, given.methods.split(","))
    elif given.command == "check_data":
        bench_check_data(given.pairs)
    else:
        work(given.name, given.label)


def bench_check_data(count: int) -> None:
    """The whole look at ``count`` pairs and at a tenth of them, made for the purpose and removed, against decoding."""
    with tempfile.TemporaryDirectory(prefix="img2img-check-data-") as root:
        all_of_them, tenth = Path(root, "all"), Path(root, "tenth")
        for folder in (all_of_them, tenth):
            folder.mkdir()
        with ThreadPoolExecutor(THREADS) as pool:
            for number, data in enumerate(pool.map(made_pair, range(count))):
                (all_of_them / f"{number}.jpg").write_bytes(data)
                if number % 10 == 0:
                    os.link(all_of_them / f"{number}.jpg", tenth / f"{number}.jpg")
        began = time.monotonic()
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(lambda file: read(file).format, sorted(tenth.iterdir())):
                pass
        decoding = time.monotonic() - began
        looks = {}
        for folder in (tenth, all_of_them):
            command = [sys.executable, "-m", "img2img", "check_data", "--task", "derain", "--data", str(folder)]
            began = time.monotonic()
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            output = process.stdout.read() if process.stdout is not None else ""
            _, status, usage = os.wait4(process.pid, 0)
            looks[folder] = time.monotonic() - began, usage.ru_maxrss / 1024
            print(
                f"{folder.name}: {looks[folder][0]:.1f} s, peak {looks[folder][1]:.0f} MB, exit {status >> 8}\n{output}"
            )
    result = {
        "pairs": count,
        "seconds": round(looks[all_of_them][0], 1),
        "pairs_per_second": round(count / looks[all_of_them][0], 1),
        "times_decoding": round(looks[all_of_them][0] / (10 * decoding), 2),
        "peak_mb": round(looks[all_of_them][1]),
        "peak_mb_of_a_tenth": round(looks[tenth][1]),
    }
    print(json.dumps(result))


def made_pair(number: int) -> bytes:
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


if __name__ == "__main__":
    main()
