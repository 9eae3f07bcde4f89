"""Autocast by name, the loss scale that fp16 needs, and which of a device's kernels may be taken."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

DTYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class Precision:
    """``fp32``, ``bf16`` or ``fp16`` on a device; weights and optimiser state are fp32 in all of them."""

    def __init__(self, name: str, device: torch.device) -> None:
        self.name = name
        self.device = device
        self.dtype = DTYPES[name]

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """Within, the network's operations run in this precision."""
        if self.dtype is None:
            yield
        else:
            with torch.autocast(self.device.type, dtype=self.dtype):
                yield

    @contextmanager
    def exact(self) -> Iterator[None]:
        """fp32 whatever surrounds it, by the networks as they are written (penalties differentiate them twice)."""
        with torch.autocast(self.device.type, enabled=False), uncompiled():
            yield


@contextmanager
def uncompiled() -> Iterator[None]:
    """Within, what ``torch.compile`` was given runs as it is written.

    A compiled graph has no second derivative, and is made anew for each size of picture.
    """
    # without it nothing is compiled; importing the compiler takes more than a second
    if "torch._dynamo" not in sys.modules:
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


@contextmanager
def kernels(*, tf32: bool = False, benchmark: bool = False, deterministic: bool | None = None) -> Iterator[None]:
    """Within, which kernels CUDA may take; afterwards as before. CPUs do not look at the first two.

    Args:
        tf32: products of fp32 numbers may be rounded to 10 bits of mantissa before they are summed.
        benchmark: the fastest convolution is found by trying, anew for each shape.
        deterministic: the same bits each time, or an error where that cannot be; the other two are then off. None
            leaves it as it is.
    """
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    switches: list[tuple[Any, str]] = [(cudnn, "benchmark"), (cudnn, "allow_tf32"), (matmul, "allow_tf32")]
    if hasattr(cudnn, "conv"):
        # torch >= 2.9: what a program has set by these names cannot be read by the older ones, which set all alike
        switches[1:] = [(part, "fp32_precision") for part in (cudnn.conv, cudnn.rnn, matmul)]
    before = [getattr(switch, name) for switch, name in switches]
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    if deterministic:
        # cuBLAS reads it when it is first called
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        tf32 = benchmark = False
    cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark = tf32, tf32, benchmark
    torch.use_deterministic_algorithms(was_deterministic if deterministic is None else deterministic)
    try:
        yield
    finally:
        for (switch, name), value in zip(switches, before, strict=True):
            setattr(switch, name, value)
        torch.use_deterministic_algorithms(was_deterministic)


def kernels_taken() -> dict[str, bool]:
    """What `kernels` has set, for the record."""
    return {
        "tf32": torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def has_bf16(device: torch.device) -> bool:
    """Whether a device computes in bf16 itself: CUDA before compute capability 8.0 emulates it, slower than fp32."""
    return device.type != "cuda" or torch.cuda.get_device_capability(device) >= (8, 0)


class LossScale:
    """Dynamic loss scale of fp16, kept on the device: doubled after ``interval`` good steps, halved after a bad one."""

    def __init__(self, device: torch.device, start: float = 2.0**14, interval: int = 1000) -> None:
        self.interval = interval
        self.scale = torch.tensor(start, device=device)
        self.good = torch.zeros((), device=device)

    def unscale_(self, gradients: list[Tensor]) -> Tensor:
        """Divide the gradients by the scale in place; 1.0 where any is not finite (then the update must be skipped)."""
        torch._foreach_mul_(gradients, (1 / self.scale).to(gradients[0].dtype))
        bad = torch.stack([(~torch.isfinite(gradient)).any() for gradient in gradients]).any()
        self.good = torch.where(bad, torch.zeros_like(self.good), self.good + 1)
        grown = torch.where(self.good >= self.interval, self.scale * 2, self.scale)
        self.good = torch.where(self.good >= self.interval, torch.zeros_like(self.good), self.good)
        self.scale = torch.where(bad, self.scale / 2, grown)
        return bad.float()

    def state_dict(self) -> dict[str, Any]:
        return {"scale": self.scale, "good": self.good}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.scale = state["scale"].clone().to(self.scale.device)
        self.good = state["good"].clone().to(self.good.device)
