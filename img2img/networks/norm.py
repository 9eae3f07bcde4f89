"""Normalisation layers by name."""

from __future__ import annotations

from typing import Literal

from torch import nn

Norm = Literal["batch", "instance", "none"]


def norm_layer(name: Norm, channels: int, *, running: bool = True) -> nn.Module:
    """The layer after a convolution of ``channels`` outputs.

    ``instance`` is without affine parameters and running statistics (CycleGAN's). ``running=False`` makes batch
    normalisation judge by the batch alone, as critics do.
    """
    if name == "batch":
        return nn.BatchNorm2d(channels, track_running_stats=running)
    if name == "instance":
        return nn.InstanceNorm2d(channels)
    return nn.Identity()


def scaled(channels: int, width: int, published: int = 64) -> int:
    """A channel count of a published network at another base width (at least 1)."""
    return max(1, round(channels * width / published))
