"""A set of samples in a space, as measures of sets take it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class SampleSet:
    """Samples in a space: ``features`` (N, F) there, named ``space``.

    ``probabilities``: (N, classes) of a classifier, where the space has one. ``mixture``: (centres (K, F), standard
    deviation) of the modes, where these are known.
    """

    features: Tensor
    space: str = "pixels"
    probabilities: Tensor | None = None
    mixture: tuple[Tensor, float] | None = None

    def __len__(self) -> int:
        return len(self.features)
