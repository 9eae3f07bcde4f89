"""Autocast by name, and the loss scale that fp16 needs."""

from __future__ import annotations

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
        """fp32 whatever surrounds it (penalties)."""
        with torch.autocast(self.device.type, enabled=False):
            yield


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
