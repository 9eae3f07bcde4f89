"""Where the modes of the toy mixtures lie, for counting those that a generator hits."""

from __future__ import annotations

from typing import Any

import numpy as np

from img2img.data.samples import Mixture
from img2img.errors import UserError

Points = np.ndarray[Any, Any]
# (what all coordinates are divided by, standard deviation before that), as the points are drawn
SCALES = {"8gaussians": (1.414, 0.02), "25gaussians": (2.828, 0.05)}


def centres(mixture: str) -> tuple[Points, float]:
    """The modes' centres (K, 2) and the standard deviation about each of them.

    Raises:
        UserError: a mixture without modes.
    """
    if mixture not in SCALES:
        raise UserError(f"data.mixture={mixture}: has no modes to count; {' and '.join(SCALES)} have")
    scale, spread = SCALES[mixture]
    if mixture == "8gaussians":
        turns = np.arange(8) * np.pi / 4
        places = 2 * np.stack([np.cos(turns), np.sin(turns)], 1)
    else:
        line = np.arange(-2, 3) * 2.0
        places = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    return places / scale, spread / scale


def drawn(mixture: str, count: int, seed: int) -> Points:
    """``count`` points of a mixture (N, 2), float32: of epoch 0 of a training with this seed."""
    points = Mixture(mixture, count)
    return np.stack([points.sample(0, index, seed)["target"].numpy() for index in range(count)])
