"""Every measure of a 512x384 pair against other programs' measures of the same arrays in double precision."""

from __future__ import annotations

import functools
import importlib
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.common import THREADS, Pixels, noisy_pair
from img2img.metrics import METRICS, PROTOCOLS, measure

Program = Callable[[Pixels, Pixels], float]
# a call is repeated until it takes about this long
CALLS_S = 0.02
# what is slower than the fastest by this factor runs twice only
SLOW = 10


@dataclass(frozen=True)
class Rival:
    """A program's measure of a result and its target.

    ``note`` says where its definition is another one, so that its time is shown but not compared with ours.
    """

    metric: str
    program: str
    run: Program
    note: str = ""


def compare(rounds: int) -> None:
    """Every measure of ours and of others by turns, from the arrays that an evaluator has."""
    torch.set_num_threads(THREADS)
    others, missing = rivals()
    print(f"not installed, left out: {', '.join(missing) or 'none'}\n")
    ratios: dict[str, float | None] = {}
    times: dict[tuple[str, str], float] = {}
    for name in METRICS:
        row = [ours(name), *(rival for rival in others if rival.metric == name)]
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


def by_turns(row: Sequence[Rival], rounds: int) -> tuple[list[float], list[float]]:
    """Values and median seconds. What is slow by far is not run as often as what decides the ratio."""
    result, target = noisy_pair()
    values = [rival.run(result, target) for rival in row]
    first = [timed(rival, result, target, 1) for rival in row]
    seconds: list[list[float]] = [[] for _ in row]
    for number in range(rounds):
        for rival, once, taken in zip(row, first, seconds, strict=True):
            if number < 2 or once < SLOW * min(first):
                taken.append(timed(rival, result, target, max(1, math.ceil(CALLS_S / once))))
    return values, [statistics.median(taken) for taken in seconds]


def timed(rival: Rival, result: Pixels, target: Pixels, calls: int) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    for _ in range(calls):
        rival.run(result, target)
    return (time.perf_counter() - began) / calls


def ours(name: str) -> Rival:
    """This project's measure under the protocol rgb."""
    return Rival(name, "img2img", lambda result, target: measure(PROTOCOLS["rgb"], [name], result, target)[name].value)


def rivals() -> tuple[list[Rival], list[str]]:
    """Measures of the programs at hand, and the names of those that are not."""
    found: list[Rival] = []
    missing = []
    for name, measures in PROGRAMS.items():
        try:
            found += measures()
            print(f"{name} {version(name)}")
        except ImportError:
            missing.append(name)
    return found, missing


def planes(pixels: Pixels) -> Tensor:
    """(1, C, H, W) float64."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None].double()


def of_tensors(function: Callable[..., Any], **options: Any) -> Program:
    """Of programs that take (1, C, H, W)."""
    return lambda result, target: float(function(planes(result), planes(target), **options).mean())


def of_channels(function: Callable[..., Any], **options: Any) -> Program:
    """Of programs that make grey of RGB: each channel as a picture."""
    return lambda result, target: float(
        function(planes(result).transpose(0, 1), planes(target).transpose(0, 1), **options).mean()
    )


def of_skimage() -> list[Rival]:
    """scikit-image's, with the options of Wang et al. 2004."""
    metrics: Any = importlib.import_module("skimage.metrics")
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 2}
    return [
        Rival("psnr", "scikit-image", lambda x, y: float(metrics.peak_signal_noise_ratio(y, x, data_range=255))),
        Rival("ssim", "scikit-image", lambda x, y: float(metrics.structural_similarity(y, x, data_range=255, **wang))),
    ]


def of_sewar() -> list[Rival]:
    """sewar's."""
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
    """piq's."""
    piq: Any = load("piq")
    return [
        Rival("psnr", "piq", of_tensors(piq.psnr, data_range=255)),
        Rival("ssim", "piq", of_tensors(piq.ssim, data_range=255, downsample=False)),
        Rival("vifp", "piq", of_channels(piq.vif_p, data_range=255)),
    ]


def of_kornia() -> list[Rival]:
    """kornia's."""
    metrics: Any = load("kornia.metrics")
    return [
        Rival("psnr", "kornia", of_tensors(metrics.psnr, max_val=255.0)),
        Rival("ssim", "kornia", of_tensors(metrics.ssim, window_size=11, max_val=255.0, padding="valid")),
    ]


def of_torchmetrics() -> list[Rival]:
    """torchmetrics'."""
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


PROGRAMS: dict[str, Callable[[], list[Rival]]] = {
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
    """The operators that torchvision registers kernels for; they last as long as what is returned."""
    library: Any = importlib.import_module("torch.library").Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library
