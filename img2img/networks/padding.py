"""Padding by reflection whose gradient can be had bit for bit the same each time."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad


class ReflectionPad(nn.Module):
    """`nn.ReflectionPad2d` of ``width`` pixels on each side.

    Its backward on CUDA adds with atomics, in no order, and raises under ``torch.use_deterministic_algorithms``. There
    the picture is put together of itself and mirrored strips, whose gradients are added one after the other.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H + 2 width, W + 2 width); H and W larger than ``width``."""
        if torch.are_deterministic_algorithms_enabled():
            return mirrored(mirrored(x, self.width, -1), self.width, -2)
        return pad(x, (self.width,) * 4, mode="reflect")

    def extra_repr(self) -> str:
        return str(self.width)


def mirrored(x: Tensor, width: int, axis: int) -> Tensor:
    """``x`` with ``width`` values mirrored at both ends of an axis (the ends themselves are not repeated).

    Raises:
        RuntimeError: the axis is too short.
    """
    length = x.shape[axis]
    before = x.narrow(axis, 1, width).flip(axis)
    after = x.narrow(axis, length - 1 - width, width).flip(axis)
    return torch.cat([before, x, after], axis)
