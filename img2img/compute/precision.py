"""Autocast by name, the loss scale that fp16 needs, and which of a device's kernels may be taken."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
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
    with _EAGER:
        yield


class _Eager:
    """Torch's stance for as long as any thread is within: it is one for all, and the last to leave puts it back."""

    def __init__(self) -> None:
        self.lock, self.within, self.stance = threading.Lock(), 0, ExitStack()

    def __enter__(self) -> None:
        with self.lock:
            if not self.within:
                self.stance.enter_context(torch.compiler.set_stance("force_eager"))
            self.within += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.within -= 1
            if not self.within:
                self.stance.close()


_EAGER = _Eager()


class _Tf32:
    """Whether products of fp32 numbers may be taken in TF32: torch's switches, read, set and put back."""

    def __init__(self) -> None:
        cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
        self.legacy: list[Any] = [cudnn, matmul]
        # torch >= 2.9 has both names for it
        self.named: list[Any] = [cudnn.conv, cudnn.rnn, matmul] if hasattr(cudnn, "conv") else []

    def read(self) -> list[tuple[Any, str, Any]]:
        """What each switch is at, for `put_back`."""
        found = []
        for switch in self.legacy:
            # cannot be read where a program has set the named ones apart
            with suppress(RuntimeError):
                found.append((switch, "allow_tf32", switch.allow_tf32))
        return found + [(switch, "fp32_precision", switch.fp32_precision) for switch in self.named]

    def set(self, allowed: bool) -> None:
        """All of them alike, so that each can be read by either name."""
        for switch in self.legacy:
            switch.allow_tf32 = allowed
        for switch in self.named:
            switch.fp32_precision = "tf32" if allowed else "ieee"

    @staticmethod
    def put_back(before: list[tuple[Any, str, Any]]) -> None:
        for switch, name, value in before:
            setattr(switch, name, value)


@contextmanager
def kernels(*, tf32: bool = False, benchmark: bool = False, deterministic: bool | None = None) -> Iterator[None]:
    """Within, which kernels CUDA may take; afterwards as before. CPUs look at the last alone.

    Args:
        tf32: products of fp32 numbers may be rounded to 10 bits of mantissa before they are summed.
        benchmark: the fastest convolution is found by trying, anew for each shape.
        deterministic: the same bits each time, or an error where that cannot be; the other two are then off. None
            leaves it as it is.
    """
    switches = _Tf32()
    before = switches.read()
    benchmarked, was_deterministic = torch.backends.cudnn.benchmark, torch.are_deterministic_algorithms_enabled()
    if deterministic:
        # cuBLAS reads it when it is first called
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        tf32 = benchmark = False
    try:
        switches.set(tf32)
        torch.backends.cudnn.benchmark = benchmark
        _use_deterministic(was_deterministic if deterministic is None else deterministic)
        yield
    finally:
        switches.put_back(before)
        torch.backends.cudnn.benchmark = benchmarked
        _use_deterministic(was_deterministic)


def _use_deterministic(wanted: bool) -> None:
    # a call makes torch load its compiler, which takes longer than a picture
    if wanted != torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(wanted)


def kernels_taken() -> dict[str, bool]:
    """What `kernels` has set, for the record."""
    return {
        "tf32": torch.backends.cudnn.allow_tf32,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def has_bf16(device: torch.device) -> bool:
    """Whether a device computes in bf16 itself: CUDA before compute capability 8.0 emulates it, slower than fp32."""
    return device.type != "cuda" or torch.cuda.get_device_capability(device) >= (8, 0)


def is_fast_in_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bf16 numbers itself (CPUs: AVX512-BF16 or AMX); others emulate it."""
    if device.type == "cuda":
        return has_bf16(device)
    asked = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return device.type == "cpu" and any(ask is not None and ask() for ask in asked)


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
