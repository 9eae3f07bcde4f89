"""What a space is: how pictures or numbers become features, and what is known of these beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from img2img.errors import UserError
from img2img.metrics.sets.sample_set import SampleSet

Values = np.ndarray[Any, Any]
Mixture = tuple[Tensor, float] | None
# (N, H, W, 3) uint8 pictures or (N, F) numbers, and the modes where they are known
Spaced = Callable[[Values, Mixture], SampleSet]
# (N, 3, H, W) float32 levels, 0 to 255 -> features (N, F), and the logits (N, classes) of a classifier
Network = Callable[[Tensor], tuple[Tensor, Tensor | None]]
BATCH = 100


@dataclass(frozen=True)
class Extent:
    """What of two sets says which measures can be taken of them.

    ``space``: where they are compared. ``features``: numbers of a sample there. ``count``: samples of the smaller set.
    ``classes``: whether there are probabilities of any. ``modes``: whether the modes of the real one are known.
    """

    space: str
    features: int
    count: int
    classes: bool
    modes: bool


def extent_of(real: SampleSet, made: SampleSet) -> Extent:
    """The extent of two sets in one space."""
    classes = real.probabilities is not None and made.probabilities is not None
    count = min(len(real), len(made))
    return Extent(real.space, real.features.shape[1], count, classes, real.mixture is not None)


@dataclass(frozen=True)
class Space:
    """A space by its name, which is part of the name of every number taken in it.

    ``features``: how many numbers a sample has there, None for as many as it has itself. ``classes``: of its
    classifier, 0 where it has none. ``line``: what it is, in words. ``open`` loads what it needs, and raises
    `UserError` where a package or a file of weights is absent or damaged.
    """

    name: str
    features: int | None
    classes: int
    line: str
    open: Callable[[torch.device], Spaced]

    def extent(self, values: Values, mixture: Mixture, count: int) -> Extent:
        """That of ``count`` samples such as ``values``, known before they are looked at here.

        Raises:
            UserError: the samples are no pictures, and the space is of these.
        """
        if self.features is None:
            label = self.name if is_pictures(values) else "values"
            return Extent(label, int(np.prod(values.shape[1:])), count, False, mixture is not None)
        check_pictures(self.name, values)
        return Extent(self.name, self.features, count, self.classes > 0, False)


def is_pictures(values: Values) -> bool:
    """Whether samples are pictures (N, H, W, 3) uint8, and not numbers."""
    return values.dtype == np.uint8 and values.ndim == 4


def check_pictures(name: str, values: Values) -> None:
    """Refuse samples that a space of pictures cannot look at.

    Raises:
        UserError: they are numbers.
    """
    if not is_pictures(values):
        raise UserError(f"{name} looks at pictures, and these samples are rows of {values[0].size} numbers")


def of_network(name: str, network: Network, device: torch.device, batch: int = BATCH) -> Spaced:
    """A space whose features a frozen network gives, of pictures alone and ``batch`` of them at a time.

    Raises:
        UserError: by what is returned, where the samples are no pictures.
    """

    def spaced(values: Values, mixture: Mixture) -> SampleSet:
        check_pictures(name, values)
        parts = []
        with torch.inference_mode():
            for start in range(0, len(values), batch):
                levels = torch.from_numpy(np.ascontiguousarray(values[start : start + batch].transpose(0, 3, 1, 2)))
                parts.append(network(levels.to(device).float()))
        features = torch.cat([part for part, _ in parts]).double()
        logits = [part for _, part in parts if part is not None]
        probabilities = torch.cat(logits).double().softmax(1) if logits else None
        return SampleSet(features.clone(), name, probabilities)

    return spaced


def resized(levels: Tensor, side: int, mode: str = "bilinear") -> Tensor:
    """(N, C, H, W) at ``side`` x ``side`` px, low-pass filtered where it becomes smaller; untouched where it is so."""
    if levels.shape[2:] == (side, side):
        return levels
    return functional.interpolate(levels, (side, side), mode=mode, antialias=True, align_corners=False)
