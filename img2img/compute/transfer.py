"""From the host to the device without waiting: only memory that the system cannot move is copied behind its back."""

from __future__ import annotations

import torch
from torch import Tensor


def pinned(values: Tensor, device: torch.device) -> Tensor:
    """``values`` in page-locked memory where they are to go to a CUDA device, else as they are."""
    if device.type != "cuda" or values.device.type != "cpu" or values.is_pinned():
        return values
    return values.pin_memory()


def moved(values: Tensor, device: torch.device) -> Tensor:
    """``values`` on ``device``; the host goes on while they are copied there.

    A copy with ``non_blocking`` from memory that is not page-locked waits like any other.
    """
    return pinned(values, device).to(device, non_blocking=True)
