"""Features of a small classifier of CIFAR-10's ten kinds of pictures."""

from __future__ import annotations

from img2img.metrics.sets.spaces.shipped import shipped_space

CIFAR10 = shipped_space("cifar10")
