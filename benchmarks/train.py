"""A training step against the plain eager loop that everybody writes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from benchmarks import plain, plain_noise
from benchmarks.common import own_process
from benchmarks.plain import Case, Step
from img2img.compute.distributed import World
from img2img.compute.memory import keep_freed_memory, peak_bytes
from img2img.compute.precision import Precision
from img2img.engine.step import Engine
from img2img.inference import Shape
from img2img.recipes.blueprint import draw_up
from img2img.recipes.settings import Settings, resolve
from img2img.training.build import build_engine
from img2img.types import Batch


@dataclass(frozen=True)
class Subject:
    """What is timed: a method as its task sets it up, and the plain loop of the same mathematics."""

    task: str
    method: str
    plain: Callable[[Case], Step]
    settings: tuple[str, ...]
    # a game whose losses half precision does not hold, or a fitness that chance would decide in it
    fp32_only: bool = False


PAIRS_128 = ("data.crop=128", "data.load=null")
SMALL_PICTURES = ("data.crop=32", "data.load=32")
# E-GAN's generation as published
THREE_CRITIC_STEPS = (*SMALL_PICTURES, "critic_steps=3")
SUBJECTS = {
    "pix2pix": Subject("edges", "pix2pix", plain.pix2pix, ("train.batch=4", "data.crop=256", "data.load=286")),
    # on its own network, T 6+6, not the one that a task shares among methods
    "pan": Subject("derain", "pan", plain.pan, ("train.batch=4", *PAIRS_128, "generator=pan")),
    "cyclegan": Subject("unpaired", "cyclegan", plain.cyclegan, ("train.batch=1", *PAIRS_128)),
    # without trained features
    "idcgan": Subject("derain", "l2_cgan", plain.idcgan, ("train.batch=2", *PAIRS_128)),
    "quick": Subject("derain", "quick", plain.quick, PAIRS_128),
    "egan": Subject("images", "egan", plain_noise.egan, THREE_CRITIC_STEPS, fp32_only=True),
    # the same generation of ours against a forward for every loss, child and part of fitness
    "egan_apart": Subject("images", "egan", plain_noise.egan_apart, THREE_CRITIC_STEPS, fp32_only=True),
    "wgan_gp": Subject("images", "wgan_gp", plain_noise.wgan_gp, SMALL_PICTURES, fp32_only=True),
    "toy": Subject("toy", "nsgan", plain_noise.toy, ()),
}
LABELS = ("plain fp32", "ours fp32", "ours bf16")
# the first steps allocate and choose algorithms
WARM_UP = 2


def compare(rounds: int, methods: str, threads: int, clock: str) -> None:
    """Every kind of step by turns, so that a change of the machine's speed meets all alike."""
    ratios: dict[str, float] = {}
    for name in methods.split(","):
        labels = LABELS[:2] if SUBJECTS[name].fp32_only else LABELS
        workers = {label: Worker(name, label, threads, clock) for label in labels}
        times: dict[str, list[float]] = {label: [] for label in workers}
        for number in range(rounds + WARM_UP):
            for label, worker in workers.items():
                seconds = worker.ask("step")
                if number >= WARM_UP:
                    times[label].append(seconds)
        medians = {label: statistics.median(values) for label, values in times.items()}
        reference = medians.pop("plain fp32")
        ratios[name] = round(reference / min(medians.values()), 3)
        for label, seconds in {"plain fp32": reference, **medians}.items():
            peak = workers[label].ask("peak")
            workers[label].close()
            ratio = reference / seconds
            print(f"{name:8s} {label:11s} {seconds:7.4f} s  {ratio:5.2f}x  peak {peak:5.0f} MB", flush=True)
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

    def __init__(self, name: str, label: str, threads: int, clock: str) -> None:
        command = own_process("step", name, label, "--threads", threads, "--clock", clock)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, word: str) -> float:
        """``step`` answers its seconds (of a burst, per step), ``peak`` the most memory so far in MB."""
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


def answer_steps(name: str, label: str, threads: int, clock: str) -> None:
    """The other end of `Worker`: an answer for each line of standard input."""
    torch.set_num_threads(threads)
    settings = settings_for(name)
    if label.startswith("plain"):
        step = SUBJECTS[name].plain(plain_case(settings))
    else:
        keep_freed_memory()
        step = ours(settings, label.split()[-1])
    burst = BURSTS.get(name, 1)
    # of a busy machine's clock the neighbours take their part; all threads' work counts in the processor's time
    now = time.perf_counter if clock == "wall" else time.process_time
    for line in sys.stdin:
        if line.strip() == "peak":
            print(peak_bytes() / 2**20, flush=True)
            continue
        began = now()
        for _ in range(burst):
            step()
        print((now() - began) / burst, flush=True)


# steps that are timed together, where one is too short for a clock on a busy machine
BURSTS = {"toy": 20}


def settings_for(name: str, *more: str) -> Settings:
    """What a subject is timed with, and ``more`` settings."""
    subject = SUBJECTS[name]
    return resolve(subject.task, subject.method, None, None, [*subject.settings, "train.steps=1", *more])


def shape(settings: Settings) -> Shape:
    """Three channels at the crop's size, or the two numbers of a toy sample."""
    size = settings.data.crop
    return Shape(source=2, target=2, size=None) if size is None else Shape(source=3, target=3, size=int(size))


def made_batch(settings: Settings) -> Batch:
    """Noise in [-1, 1], the same each time."""
    given, generator = shape(settings), torch.Generator().manual_seed(0)
    count = settings.train.batch
    sides = () if given.size is None else (given.size, given.size)
    source, target = (torch.rand(count, given.target, *sides, generator=generator) * 2 - 1 for _ in "ab")
    return Batch(source=source, target=target, index=torch.arange(count))


def engine_for(settings: Settings, precision: str) -> Engine:
    """The engine that is timed."""
    world = World()
    return build_engine(settings.method, settings.train, shape(settings), world, Precision(precision, world.device))


def ours(settings: Settings, precision: str) -> Step:
    """The engine's step, the same batch each time."""
    engine, batch, count = engine_for(settings, precision), made_batch(settings), 0

    def step() -> None:
        nonlocal count
        engine.step(count, [batch] * engine.batches)
        count += 1

    return step


def plain_case(settings: Settings) -> Case:
    """The networks of a method, of the same weights each time, and what they are trained on."""
    torch.manual_seed(0)
    blueprint, batch = draw_up(settings.method, shape(settings)), made_batch(settings)
    networks: dict[str, nn.Module] = {}
    for built in (blueprint.build_generators(), blueprint.build_critics()):
        networks.update({name: network.train() for name, network in (built or {}).items()})
    latent = getattr(settings.method.build_flow(), "z", None)
    if batch.source is None or batch.target is None:
        raise SystemExit("a batch without pictures")
    source = batch.source if latent is None else torch.empty(len(batch), latent)
    return Case(networks, source, batch.target)
