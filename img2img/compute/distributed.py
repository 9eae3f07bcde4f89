"""Processes that train together: what torchrun started, or one alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from img2img.errors import RunError, UserError

# devices that torch may have besides: they are taken as torch offers them, and no test has run on one
UNTESTED = ("mps", "xpu")


class _GlobalMean(torch.autograd.Function):
    """Mean over processes; its gradient is the mean over processes of the gradients.

    A parameter's gradient is averaged over the processes afterwards, which together give the derivative of the mean
    over processes of each process's loss.
    """

    @staticmethod
    def forward(ctx: Any, value: Tensor, world: World) -> Tensor:
        ctx.world = world
        return world.all_reduce_mean(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.world.all_reduce_mean(gradients[0]), None


@dataclass(frozen=True)
class World:
    """This process among ``size``; collective calls must be made by all of them in the same order."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    control: Any = None  # a gloo group for flags and objects where the default group is nccl

    @property
    def is_main(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def all_reduce_mean(self, values: Tensor) -> Tensor:
        """Mean over processes, element by element, without gradient."""
        if self.size == 1:
            return values.detach()
        total = values.detach().clone()
        self._guard(lambda: dist.all_reduce(total))
        return total / self.size

    def mean(self, values: Tensor) -> Tensor:
        """Mean of all elements over all processes (equal shares), at least fp32, differentiable."""
        local = (values if values.dtype == torch.float64 else values.float()).mean()
        if self.size == 1:
            return local
        result: Tensor = _GlobalMean.apply(local, self)  # type: ignore[no-untyped-call]
        return result

    def all_reduce_mean_(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over processes: one flat all-reduce."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        self._guard(lambda: dist.all_reduce(flat))
        flat /= self.size
        offset = 0
        for tensor in tensors:
            tensor.copy_(flat[offset : offset + tensor.numel()].view_as(tensor))
            offset += tensor.numel()

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        if self.size == 1:
            return flag
        value = torch.tensor([int(flag)])
        self._guard(lambda: dist.all_reduce(value, op=dist.ReduceOp.MAX, group=self.control))
        return bool(value.item())

    def broadcast(self, value: Any) -> Any:
        """The main process's value, in every process."""
        if self.size == 1:
            return value
        box = [value]
        self._guard(lambda: dist.broadcast_object_list(box, src=0, group=self.control))
        return box[0]

    def all_gather(self, value: Any) -> list[Any]:
        """Every process's value, by rank, in every process."""
        if self.size == 1:
            return [value]
        box: list[Any] = [None] * self.size
        self._guard(lambda: dist.all_gather_object(box, value, group=self.control))
        return box

    def _guard(self, call: Any) -> None:
        try:
            call()
        except RuntimeError as error:
            raise RunError(
                f"process {self.rank} of {self.size} lost another process of this run (it died or was stopped); "
                f"start the same command again: it goes on from what is done"
            ) from error

    def close(self) -> None:
        """Leave the group."""
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()


def join(device: str = "auto", timeout_s: int = 600) -> World:
    """The world torchrun's environment describes (gloo on CPUs, nccl on GPUs), or this process alone.

    Raises:
        UserError: an unknown device, one this machine does not have, or one for all of its processes.
    """
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    _each_has_its_own(device, int(os.environ.get("LOCAL_WORLD_SIZE", size)))
    chosen = pick_device(device, local)
    if size == 1:
        return World(device=chosen)
    wait = timedelta(seconds=timeout_s)
    try:
        if chosen.type == "cuda":
            torch.cuda.set_device(chosen)
            dist.init_process_group("nccl", timeout=wait, device_id=chosen)
            control: Any = dist.new_group(backend="gloo", timeout=wait)
        else:
            dist.init_process_group("gloo", timeout=wait)
            control = None
    except (RuntimeError, ValueError) as error:
        raise RunError(f"the processes of this run could not meet: {str(error).splitlines()[0]}") from error
    return World(rank=rank, size=size, device=chosen, control=control)


def _each_has_its_own(name: str, processes: int) -> None:
    """Refuse a numbered GPU for several ``processes`` of this machine, and more of them than there are GPUs."""
    kind, numbered, _ = name.partition(":")
    if processes == 1 or kind not in ("auto", "cuda") or not torch.cuda.is_available():
        return
    if numbered:
        raise UserError(
            f"--device {name}: all {processes} processes of this machine would share that one; "
            f"use --device cuda, which gives each its own"
        )
    count = torch.cuda.device_count()
    if processes > count:
        raise UserError(
            f"--device {name}: {processes} processes were started on this machine, which has {count} CUDA devices; "
            f"start {count}, or use --device cpu"
        )


def pick_device(name: str, local_rank: int = 0) -> torch.device:
    """``auto`` is the GPU of this process where there is one, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"--device {name}: unknown device; use auto, cpu, cuda or cuda:N, mps, xpu") from error
    if device.type in UNTESTED:
        return _accelerator(name, device)
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"--device {name}: only cpu, cuda, {' and '.join(UNTESTED)} are supported")
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise UserError(f"--device {name}: this machine has no CUDA device that torch can use; use --device cpu")
        if device.index is None:
            device = torch.device("cuda", local_rank)
        if device.index >= torch.cuda.device_count():
            raise UserError(f"--device {name}: there are only {torch.cuda.device_count()} CUDA devices")
    return device


def _accelerator(name: str, device: torch.device) -> torch.device:
    """One of the `UNTESTED`, where torch says that this machine has it."""
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if found is None or found.type != device.type:
        raise UserError(f"--device {name}: torch finds no such device on this machine; use --device cpu")
    if device.index is not None and device.index >= torch.accelerator.device_count():
        raise UserError(f"--device {name}: there are only {torch.accelerator.device_count()} of them")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError(f"--device {name}: several processes train on cpu or cuda alone; start one")
    return device
