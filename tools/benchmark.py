"""Timings, as ratios of two things in the same run: ``python tools/benchmark.py train|metrics|memory|check_data|...``.

The last line is JSON. Absolute times mean little on a shared machine; the two sides of a ratio are measured by turns.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from img2img.commands import infer
from img2img.commands.evaluate import run
from img2img.compute.distributed import World
from img2img.compute.memory import keep_freed_memory, keep_memory_small, peak_bytes
from img2img.compute.precision import Precision
from img2img.config import plain
from img2img.images import as_rgb8, read, to_tensor
from img2img.inference import Shape, Translator, as_results_are_made, header_for, list_jobs, translate_folder
from img2img.inference import load as load_weights
from img2img.inference.tiles import whole
from img2img.metrics import METRICS, PROTOCOLS, measure
from img2img.recipes.settings import Settings, resolve
from img2img.training.train import build_engine
from img2img.types import Batch
from img2img.weights.file import save_weights

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


Pixels = np.ndarray[Any, Any]
Program = Callable[[Pixels, Pixels], float]


@dataclass(frozen=True)
class Rival:
    """Another program's measure of the same two arrays in double precision.

    ``note`` says where its definition is another one, so that its time is shown but not compared with ours.
    """

    metric: str
    program: str
    run: Program
    note: str = ""


def photo(number: int = 0) -> tuple[Pixels, Pixels]:
    """A noisy result and its target, 512x384 RGB."""
    data: Any = importlib.import_module("skimage.data")
    target = np.roll(data.astronaut()[:384], number, 1)
    noise = np.random.default_rng(number).normal(0, 25, target.shape)
    return np.clip(np.rint(target + noise), 0, 255).astype(np.uint8), target


def planes(pixels: Pixels) -> Tensor:
    """(1, C, H, W) float64."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None].double()


def of_tensors(function: Callable[..., Any], **options: Any) -> Program:
    return lambda result, target: float(function(planes(result), planes(target), **options).mean())


def of_channels(function: Callable[..., Any], **options: Any) -> Program:
    """Of programs that make grey of RGB: each channel as a picture."""
    return lambda result, target: float(
        function(planes(result).transpose(0, 1), planes(target).transpose(0, 1), **options).mean()
    )


def of_skimage() -> list[Rival]:
    metrics: Any = importlib.import_module("skimage.metrics")
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 2}
    return [
        Rival("psnr", "scikit-image", lambda x, y: float(metrics.peak_signal_noise_ratio(y, x, data_range=255))),
        Rival("ssim", "scikit-image", lambda x, y: float(metrics.structural_similarity(y, x, data_range=255, **wang))),
    ]


def of_sewar() -> list[Rival]:
    sewar: Any = importlib.import_module("sewar")
    gauss: Any = importlib.import_module("sewar.utils").Filter.GAUSSIAN
    window = {"fltr": gauss, "sigma": 1.5, "ws": 11}
    return [
        Rival("psnr", "sewar", lambda x, y: float(sewar.psnr(y, x, MAX=255))),
        Rival("ssim", "sewar", lambda x, y: float(sewar.ssim(y, x, MAX=255, fltr_specs=window)[0])),
        Rival("uqi", "sewar", lambda x, y: float(sewar.uqi(y, x)), "means where sums belong"),
        Rival("vifp", "sewar", lambda x, y: float(sewar.vifp(y, x))),
    ]


def of_piq() -> list[Rival]:
    piq: Any = load("piq")
    return [
        Rival("psnr", "piq", of_tensors(piq.psnr, data_range=255)),
        Rival("ssim", "piq", of_tensors(piq.ssim, data_range=255, downsample=False)),
        Rival("vifp", "piq", of_channels(piq.vif_p, data_range=255)),
    ]


def of_kornia() -> list[Rival]:
    metrics: Any = load("kornia.metrics")
    return [
        Rival("psnr", "kornia", of_tensors(metrics.psnr, max_val=255.0)),
        Rival("ssim", "kornia", of_tensors(metrics.ssim, window_size=11, max_val=255.0, padding="valid")),
    ]


def of_torchmetrics() -> list[Rival]:
    image: Any = load("torchmetrics.functional.image")
    return [
        Rival("psnr", "torchmetrics", of_tensors(image.peak_signal_noise_ratio, data_range=255.0)),
        Rival(
            "ssim",
            "torchmetrics",
            of_tensors(image.structural_similarity_index_measure, data_range=255.0),
            "border reflected",
        ),
        Rival("uqi", "torchmetrics", of_tensors(image.universal_image_quality_index), "11x11 Gaussian"),
        Rival("vifp", "torchmetrics", of_tensors(image.visual_information_fidelity)),
    ]


PROGRAMS = {
    "scikit-image": of_skimage,
    "sewar": of_sewar,
    "piq": of_piq,
    "kornia": of_kornia,
    "torchmetrics": of_torchmetrics,
}


def load(name: str) -> Any:
    """A module that may import torchvision, whose wheel lacks two operators beside a torch without CUDA."""
    try:
        return importlib.import_module(name)
    except RuntimeError:
        declare_operators()
        unfinished = ("torchvision", name.partition(".")[0])
        for module in [module for module in sys.modules if module.startswith(unfinished)]:
            del sys.modules[module]
        return importlib.import_module(name)


@functools.cache
def declare_operators() -> Any:
    library: Any = importlib.import_module("torch.library").Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def rivals() -> tuple[list[Rival], list[str]]:
    """Measures of the programs at hand, and the names of those that are not."""
    found: list[Rival] = []
    missing = []
    for name, make in PROGRAMS.items():
        try:
            found += make()
            print(f"{name} {version(name)}")
        except ImportError:
            missing.append(name)
    return found, missing


def of_us(name: str) -> Rival:
    return Rival(name, "img2img", lambda result, target: measure(PROTOCOLS["rgb"], [name], result, target)[name].value)


def bench_metrics(rounds: int) -> None:
    """Every measure of ours and of others by turns, from the arrays that an evaluator has."""
    torch.set_num_threads(THREADS)
    others, missing = rivals()
    print(f"not installed, left out: {', '.join(missing) or 'none'}\n")
    ratios: dict[str, float | None] = {}
    times: dict[tuple[str, str], float] = {}
    for name in METRICS:
        row = [of_us(name), *(rival for rival in others if rival.metric == name)]
        values, seconds = by_turns(row, rounds)
        for rival, value, took in zip(row, values, seconds, strict=True):
            times[name, rival.program] = took
            line = f"{name:9s} {rival.program:12s} {took * 1e3:9.2f} ms {took / seconds[0]:7.2f}x"
            about = f"  differs by {abs(value - values[0]):.0e}  {rival.note}" if rival is not row[0] else ""
            print((line + about).rstrip(), flush=True)
        same = [took for rival, took in zip(row[1:], seconds[1:], strict=True) if not rival.note]
        ratios[name] = round(min(same) / seconds[0], 2) if same else None
    last = {"four_together": four_together(times), "vif_ms": round(times["vif", "img2img"] * 1e3, 1)}
    print(json.dumps({**ratios, **last, "missing": missing}))


def four_together(times: dict[tuple[str, str], float]) -> float | None:
    """PSNR, SSIM, UQI and VIFp of scikit-image and sewar against ours."""
    theirs = [("psnr", "scikit-image"), ("ssim", "scikit-image"), ("uqi", "sewar"), ("vifp", "sewar")]
    if any(key not in times for key in theirs):
        return None
    return round(sum(times[key] for key in theirs) / sum(times[name, "img2img"] for name, _ in theirs), 2)


def by_turns(row: list[Rival], rounds: int) -> tuple[list[float], list[float]]:
    """Values and median seconds. What is slow by far is not run as often as what decides the ratio."""
    result, target = photo()
    values = [rival.run(result, target) for rival in row]
    first = [timed(rival, result, target, 1) for rival in row]
    taken: list[list[float]] = [[] for _ in row]
    for number in range(rounds):
        for place, rival in enumerate(row):
            if number < 2 or first[place] < 10 * min(first):
                calls = max(1, math.ceil(0.02 / first[place]))
                taken[place].append(timed(rival, result, target, calls))
    return values, [statistics.median(seconds) for seconds in taken]


def timed(rival: Rival, result: Pixels, target: Pixels, calls: int) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    for _ in range(calls):
        rival.run(result, target)
    return (time.perf_counter() - began) / calls


def bench_memory(counts: list[int]) -> None:
    """The most memory of evaluations of few and of many pictures, each in a process of its own."""
    peaks = {}
    for count in counts:
        command = [sys.executable, __file__, "evaluation", str(count)]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        peaks[count] = float(said.splitlines()[-1])
        print(f"{count:4d} pairs of 512x384  peak {peaks[count]:6.0f} MB", flush=True)
    print(json.dumps({"growth_mb": round(peaks[counts[-1]] - peaks[counts[0]], 1)}))


def evaluate(count: int) -> None:
    """The other end of `bench_memory`: ``img2img evaluate`` with every measure."""
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder, kind) for kind in ("result", "target")]
        for place in places:
            place.mkdir()
        for number in range(count):
            for place, pixels in zip(places, photo(number), strict=True):
                Image.fromarray(pixels).save(place / f"{number}.png", compress_level=1)
        result, target = map(str, places)
        run(["--target", target, "--results", f"noisy={result}", "--metrics", ",".join(METRICS), "--device", "cpu"])
    print(peak_bytes() / 2**20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="a training step against the plain eager loop")
    train.add_argument("--rounds", type=int, default=7)
    train.add_argument("--methods", default="pix2pix,pan")
    inner = commands.add_parser("step", help="(used by train) one kind of step, at each line of standard input")
    inner.add_argument("name")
    inner.add_argument("label")
    metrics = commands.add_parser("metrics", help="the measures of a 512x384 pair against other programs")
    metrics.add_argument("--rounds", type=int, default=7)
    memory = commands.add_parser("memory", help="whether an evaluation's memory grows with the number of pictures")
    memory.add_argument("--pairs", type=int, nargs="+", default=[5, 50])
    evaluation = commands.add_parser("evaluation", help="(used by memory) one evaluation")
    evaluation.add_argument("pairs", type=int)
    doctor = commands.add_parser("check_data", help="the data doctor on made pairs of 512x384: time and memory")
    doctor.add_argument("--pairs", type=int, default=10_000)
    folder = commands.add_parser("infer", help="translating folders, small pictures and large ones: time and memory")
    folder.add_argument("--weights", type=Path, help="a weights file (default: untrained, of derain's default network)")
    folder.add_argument("--photo", type=Path, help="a picture to make the large ones of (default: scikit-image's)")
    folder.add_argument("--megapixels", type=int, nargs="*", default=[1, 6, 24, 100])
    folder.add_argument("--pictures", type=int, default=12)
    folder.add_argument("--rounds", type=int, default=5)
    inference = commands.add_parser("inference", help="(used by infer) one picture")
    inference.add_argument("names", nargs=3)
    given = parser.parse_args()
    if given.command == "train":
        bench_train(given.rounds, given.methods.split(","))
    elif given.command == "metrics":
        bench_metrics(given.rounds)
    elif given.command == "memory":
        bench_memory(given.pairs)
    elif given.command == "evaluation":
        evaluate(given.pairs)
    elif given.command == "check_data":
        bench_check_data(given.pairs)
    elif given.command == "infer":
        bench_infer(given.weights, given.photo, given.megapixels, given.pictures, given.rounds)
    elif given.command == "inference":
        infer_one(*given.names)
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


def bench_infer(weights: Path | None, photo: Path | None, megapixels: list[int], pictures: int, rounds: int) -> None:
    """A folder against its network's own work, the wait for the first result, batches, and memory and time by size."""
    torch.set_num_threads(THREADS)
    keep_memory_small()
    with tempfile.TemporaryDirectory(prefix="img2img-infer-") as name:
        root = Path(name)
        if weights is None:
            weights = root / "derain.safetensors"
            untrained(weights)
        scene = as_rgb8(read(photo)) if photo else photo_of_skimage()
        translator = load_weights(weights, "cpu")
        for kind, count, width, height in (("photos", pictures, 1224, 816), ("small", 16 * pictures, 96, 64)):
            (root / kind).mkdir()
            for number in range(count):
                Image.fromarray(mosaic(scene, width, height, number)).save(root / kind / f"{number}.jpg", quality=92)
        result = {
            "times_compute": folder_against_compute(translator, root / "photos", root / "out", rounds),
            "batch_gain": batch_gain(translator, root / "small", root / "out", rounds),
            "seconds_to_first": first_result(weights, root / "photos", root / "first", rounds),
        }
        for size in megapixels:
            file = root / f"{size}.jpg"
            width = round((size * 1.5e6) ** 0.5)
            Image.fromarray(mosaic(scene, width, round(size * 1e6 / width))).save(file, quality=92)
            command = [sys.executable, __file__, "inference", str(weights), str(file), str(root / "large")]
            said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            seconds, peak = map(float, said.split())
            each = seconds / size
            print(f"{size:4d} megapixels  {seconds:6.1f} s, {each:5.2f} s a megapixel, peak {peak:5.0f} MB", flush=True)
            result |= {f"seconds_{size}": round(seconds, 1), f"peak_mb_{size}": round(peak)}
    print(json.dumps(result))


def untrained(path: Path) -> None:
    """Weights of the network that de-raining uses by default, as training writes them."""
    settings = resolve("derain", None, None, None, ["train.steps=1"])
    built = settings.method.build_generators(3, 3, settings.data.crop)
    shape = Shape(source=3, target=3, size=settings.data.crop)
    save_weights(path, built, header_for(settings.tree, plain(settings.method), shape, 0))


def photo_of_skimage() -> Pixels:
    data: Any = importlib.import_module("skimage.data")
    pixels: Pixels = data.astronaut()
    return pixels


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
    taken = statistics.median(whole_folder[1:])
    ratio = taken / statistics.median(compute[1:])
    print(f"{len(jobs)} photos of 1 megapixel: {taken:.2f} s, {ratio:.2f}x the network alone")
    return round(ratio, 3)


def batch_gain(translator: Translator, photos: Path, output: Path, rounds: int) -> float:
    """How many times faster many small pictures go by 16 than one by one, by turns."""
    jobs = list_jobs(translator, photos, output, None, None, 1)
    times: dict[int, list[float]] = {1: [], 16: []}
    for _ in range(rounds + 1):
        for batch, seconds in times.items():
            began = time.perf_counter()
            translate_folder(translator, jobs, overwrite=True, batch=batch)
            seconds.append(time.perf_counter() - began)
    one, sixteen = (statistics.median(seconds[1:]) for seconds in times.values())
    gain = one / sixteen
    print(f"{len(jobs)} pictures of 96x64: {sixteen:.2f} s by 16, {gain:.2f}x as fast as one by one")
    return round(gain, 3)


def first_result(weights: Path, photos: Path, output: Path, rounds: int) -> float:
    """Seconds from the start of ``img2img infer`` until the first result is there, whole."""
    seconds = []
    for number in range(rounds):
        place = output / str(number)
        command = [sys.executable, "-m", "img2img", "infer", "--weights", str(weights), "--input", str(photos)]
        began = time.perf_counter()
        process = subprocess.Popen([*command, "--output", str(place), "--device", "cpu"], stderr=subprocess.DEVNULL)
        while not list(place.glob("*.jpg")) and process.poll() is None:
            time.sleep(0.01)
        seconds.append(time.perf_counter() - began)
        if not list(place.glob("*.jpg")):
            raise SystemExit("infer ended without a result")
        process.terminate()
        process.wait()
    print(f"first result after {statistics.median(seconds):.2f} s")
    return round(statistics.median(seconds), 2)


def infer_one(weights: str, file: str, output: str) -> None:
    """The other end of `bench_infer`: ``img2img infer`` of one picture; its seconds and the most memory in MB."""
    torch.set_num_threads(THREADS)
    began = time.perf_counter()
    status = infer.run(["--weights", weights, "--input", file, "--output", output, "--device", "cpu", "--overwrite"])
    if status:
        raise SystemExit(status)
    print(time.perf_counter() - began, peak_bytes() / 1e6)


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
