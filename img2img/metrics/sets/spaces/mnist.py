"""Features of a small classifier of MNIST's digits."""

from __future__ import annotations

from img2img.metrics.sets.spaces.shipped import shipped_space

MNIST = shipped_space("mnist")
