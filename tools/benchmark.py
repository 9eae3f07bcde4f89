"""Timings, as ratios of two things in the same run: ``python tools/benchmark.py train``.

The last line is JSON. Absolute times mean little on a shared machine; the two sides of a ratio are measured by turns.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from img2img.engine.distributed import World
from img2img.engine.precision import Precision
from img2img.inference import Shape
from img2img.tasks import Settings, resolve
from img2img.training import build_engine
from img2img.types import Batch

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


def measure(steps: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Median seconds of each, by turns."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
        step()
    for _ in range(rounds):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in times.items()}


def bench_train(rounds: int, methods: list[str]) -> None:
    torch.set_num_threads(2)
    ratios: dict[str, float] = {}
    for name in methods:
        settings = settings_for(name)
        size = int(settings.data.crop or 256)
        generator = torch.Generator().manual_seed(0)
        source, target = (torch.rand(settings.train.batch, 3, size, size, generator=generator) * 2 - 1 for _ in "ab")
        both = {"plain fp32": PLAIN[name](settings, size, source, target)}
        both |= {f"ours {p}": ours(settings, size, source, target, p) for p in ("fp32", "bf16")}
        times = measure(both, rounds)
        best = min(times["ours fp32"], times["ours bf16"])
        ratios[name] = round(times["plain fp32"] / best, 3)
        for label, seconds in times.items():
            peak = peak_of(name, label)
            print(f"{name:8s} {label:11s} {seconds:7.3f} s  {times['plain fp32'] / seconds:5.2f}x  peak {peak:5.0f} MB")
    print(json.dumps({**ratios, "bf16_hardware": bf16_hardware()}))


def peak_of(name: str, label: str) -> float:
    """Peak memory in MB of a process that does two steps of one kind."""
    command = [sys.executable, __file__, "peak", name, label]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def peak(name: str, label: str) -> None:
    torch.set_num_threads(2)
    settings = settings_for(name)
    size = int(settings.data.crop or 256)
    source, target = (torch.rand(settings.train.batch, 3, size, size) for _ in "ab")
    if label.startswith("plain"):
        step = PLAIN[name](settings, size, source, target)
    else:
        step = ours(settings, size, source, target, label.split()[-1])
    step()
    step()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


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
    inner = commands.add_parser("peak", help="(used by train) peak memory of one kind of step")
    inner.add_argument("name")
    inner.add_argument("label")
    given = parser.parse_args()
    if given.command == "train":
        bench_train(given.rounds, given.methods.split(","))
    else:
        peak(given.name, given.label)


if __name__ == "__main__":
    main()
