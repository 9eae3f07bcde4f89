"""The spaces that samples are compared in, by name, one file each."""

from __future__ import annotations

from img2img.metrics.sets.spaces.base import Extent, Mixture, Space, Spaced, Values, extent_of
from img2img.metrics.sets.spaces.cifar10 import CIFAR10
from img2img.metrics.sets.spaces.efficientnet_lite0 import EFFICIENTNET_LITE0
from img2img.metrics.sets.spaces.inception import INCEPTION, INCEPTION_TORCHVISION
from img2img.metrics.sets.spaces.mnist import MNIST
from img2img.metrics.sets.spaces.pixels import PIXELS

SPACES: dict[str, Space] = {
    space.name: space for space in (PIXELS, MNIST, CIFAR10, EFFICIENTNET_LITE0, INCEPTION, INCEPTION_TORCHVISION)
}

__all__ = ["PIXELS", "SPACES", "Extent", "Mixture", "Space", "Spaced", "Values", "extent_of"]
