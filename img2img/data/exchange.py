"""Layers of one scene put onto another: more combinations of scene and degradation than the pairs hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from img2img.data.config import Exchange

Pixels = np.ndarray[Any, Any]


def exchanged(
    pair: Mapping[str, Pixels],
    options: Exchange,
    partner: Callable[[np.random.Generator], Mapping[str, Pixels] | None],
    rng: np.random.Generator,
) -> dict[str, Pixels]:
    """In ``share`` of the cases ``pair`` under the layer of another pair: target + s (source' - target'), clipped.

    ``partner`` draws the other pair (cut to the same size), or None where there is none; s is uniform in
    [strength_min, strength_max]. What the other scene's white hid of its layer is not known, and stays missing.
    """
    if rng.random() >= options.share:
        return dict(pair)
    strength = rng.uniform(options.strength_min, options.strength_max)
    other = partner(rng)
    if other is None:
        return dict(pair)
    layer = other["source"].astype(np.float32) - other["target"]
    source = np.clip(np.rint(pair["target"] + np.float32(strength) * layer), 0, 255).astype(np.uint8)
    return {**pair, "source": source}
