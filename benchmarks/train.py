"""A training step against the plain eager loop that everybody writes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from benchmarks.common import THREADS, own_process
from img2img.compute.distributed import World
from img2img.compute.memory import keep_freed_memory, peak_bytes
from img2img.compute.precision import Precision
from img2img.inference import Shape
from img2img.recipes.blueprint import draw_up
from img2img.recipes.settings import Settings, resolve
from img2img.training.build import build_engine
from img2img.types import Batch, Verdict

SETTINGS = {
    "pix2pix": ["train.batch=4", "data.crop=256", "data.load=286"],
    "pan": ["train.batch=4", "data.crop=128", "data.load=null"],
}
LABELS = ("plain fp32", "ours fp32", "ours bf16")
# the first steps allocate and choose algorithms
WARM_UP = 2
Step = Callable[[], None]


def compare(rounds: int, methods: str) -> None:
    """Every kind of step by turns, so that a change of the machine's speed meets all alike."""
    ratios: dict[str, float] = {}
    for name in methods.split(","):
        workers = {label: Worker(name, label) for label in LABELS}
        times: dict[str, list[float]] = {label: [] for label in workers}
        for number in range(rounds + WARM_UP):
            for label, worker in workers.items():
                seconds = worker.ask("step")
                if number >= WARM_UP:
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


class Worker:
    """One kind of step in a process of its own, so that memory settings and peaks are its own too."""

    def __init__(self, name: str, label: str) -> None:
        command = own_process("step", name, label)
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
        """End it and wait for its end."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


def answer_steps(name: str, label: str) -> None:
    """The other end of `Worker`: an answer for each line of standard input."""
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


def settings_for(name: str) -> Settings:
    """The method on its own network (T 6+6 for PAN), not the one that a task shares among methods."""
    task = "edges" if name == "pix2pix" else "derain"
    own_network = ["generator=pan"] if name == "pan" else []
    return resolve(task, name, None, None, [*SETTINGS[name], *own_network, "train.steps=1"])


def ours(settings: Settings, size: int, source: Tensor, target: Tensor, precision: str) -> Step:
    """The engine's step of one batch (N, 3, ``size``, ``size``) in [-1, 1]."""
    world = World()
    shape = Shape(source=3, target=3, size=size)
    engine = build_engine(settings.method, settings.train, shape, world, Precision(precision, world.device))
    batch = Batch(source=source, target=target, index=torch.arange(len(source)))
    count = 0

    def step() -> None:
        nonlocal count
        engine.step(count, [batch] * engine.batches)
        count += 1

    return step


def networks(settings: Settings, size: int) -> tuple[nn.Module, nn.Module]:
    """Generator and critic, of the same weights each time."""
    torch.manual_seed(0)
    blueprint = draw_up(settings.method, Shape(source=3, target=3, size=size))
    generators, critics = blueprint.build_generators(), blueprint.build_critics()
    if critics is None:
        raise SystemExit("a method with a critic is needed")
    return generators["generator"].train(), critics["critic"].train()


def default_adam(network: nn.Module) -> torch.optim.Adam:
    """Adam as one writes it down, with the paper's rate."""
    return torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))


def set_trainable(network: nn.Module, trainable: bool) -> None:
    """Whether gradients flow to a network's weights."""
    for parameter in network.parameters():
        parameter.requires_grad_(trainable)


def plain_pix2pix(settings: Settings, size: int, source: Tensor, target: Tensor) -> Step:
    """The loop everybody writes: NCHW, fp32, default Adam, requires_grad toggled, three critic passes."""
    generator, critic = networks(settings, size)
    generator_adam, critic_adam = default_adam(generator), default_adam(critic)

    def step() -> None:
        fake = generator(source)
        set_trainable(critic, True)
        critic_adam.zero_grad()
        on_fake = critic(torch.cat([source, fake.detach()], 1)).logits[0]
        on_real = critic(torch.cat([source, target], 1)).logits[0]
        loss = 0.5 * (bce(on_fake, torch.zeros_like(on_fake)) + bce(on_real, torch.ones_like(on_real)))
        torch.autograd.backward(loss)
        critic_adam.step()
        set_trainable(critic, False)
        generator_adam.zero_grad()
        logits = critic(torch.cat([source, fake], 1)).logits[0]
        loss = bce(logits, torch.ones_like(logits)) + 100 * (fake - target).abs().mean()
        torch.autograd.backward(loss)
        generator_adam.step()

    return step


# hidden layers of PAN's critic with their weights, and the hinge's margin, as configs/methods/pan.yaml has them
PAN_LAYERS = {1: 5.0, 4: 1.5, 6: 1.5, 8: 1.0}
PAN_MARGIN = 3


def perceptual_distance(real: Verdict, fake: Verdict) -> Tensor:
    """PAN's P: weighted mean absolute differences of the critic's hidden layers."""
    parts = [weight * (fake.features[j - 1] - real.features[j - 1]).abs().mean() for j, weight in PAN_LAYERS.items()]
    return torch.stack(parts).sum()


def plain_pan(settings: Settings, size: int, source: Tensor, target: Tensor) -> Step:
    """PAN's step in the same plain style, four critic passes."""
    generator, critic = networks(settings, size)
    generator_adam, critic_adam = default_adam(generator), default_adam(critic)

    def step() -> None:
        fake = generator(source)
        set_trainable(critic, True)
        critic_adam.zero_grad()
        real_verdict, fake_verdict = critic(target), critic(fake.detach())
        on_real, on_fake = real_verdict.logits[0], fake_verdict.logits[0]
        loss = bce(on_real, torch.ones_like(on_real)) + bce(on_fake, torch.zeros_like(on_fake))
        hinge = torch.relu(PAN_MARGIN - perceptual_distance(real_verdict, fake_verdict))
        torch.autograd.backward(loss + hinge)
        critic_adam.step()
        set_trainable(critic, False)
        generator_adam.zero_grad()
        with torch.no_grad():
            real_verdict = critic(target)
        fake_verdict = critic(fake)
        logits = fake_verdict.logits[0]
        distance = perceptual_distance(real_verdict, fake_verdict)
        torch.autograd.backward(bce(logits, torch.ones_like(logits)) + distance)
        generator_adam.step()

    return step


PLAIN = {"pix2pix": plain_pix2pix, "pan": plain_pan}
