"""The spaces that samples are compared in, by name: what turns pictures or numbers into features (one entry each)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from img2img.metrics.sets.registry import SampleSet

Values = np.ndarray[Any, Any]
Mixture = tuple[Tensor, float] | None
# (N, H, W, 3) uint8 pictures or (N, F) numbers, and the modes where they are known
Spaced = Callable[[Values, Mixture], SampleSet]


def pixels(device: torch.device) -> Spaced:
    """Pictures as their levels / 255, R, G and B; numbers in their own units."""

    def spaced(values: Values, mixture: Mixture) -> SampleSet:
        tensor = torch.from_numpy(np.ascontiguousarray(values)).flatten(1).double().to(device)
        pictures = values.dtype == np.uint8
        return SampleSet(tensor / 255 if pictures else tensor, "pixels" if pictures else "values", mixture=mixture)

    return spaced


SPACES: dict[str, Callable[[torch.device], Spaced]] = {"pixels": pixels}
