"""The samples themselves."""

from __future__ import annotations

import numpy as np
import torch

from img2img.metrics.sets.sample_set import SampleSet
from img2img.metrics.sets.spaces.base import Mixture, Space, Spaced, Values


def pixels(device: torch.device) -> Spaced:
    """Pictures as their levels / 255, R, G and B; numbers in their own units, a space called ``values``."""

    def spaced(values: Values, mixture: Mixture) -> SampleSet:
        tensor = torch.from_numpy(np.ascontiguousarray(values)).flatten(1).double().to(device)
        pictures = values.dtype == np.uint8
        return SampleSet(tensor / 255 if pictures else tensor, "pixels" if pictures else "values", mixture=mixture)

    return spaced


PIXELS = Space("pixels", None, 0, "levels / 255 of R, G and B; of arrays their values in their own units", pixels)
