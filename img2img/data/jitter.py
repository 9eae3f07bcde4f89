"""Turns and changes of colour, one draw for both sides of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from img2img.data.config import Jitter

Pixels = np.ndarray[Any, Any]
LEVELS = np.arange(256) / 255
# luminance of RGB (ITU-R BT.601)
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def turned(pictures: Mapping[str, Pixels], share: float, rng: np.random.Generator) -> dict[str, Pixels]:
    """All pictures turned alike in ``share`` of the cases: by 0 to 3 quarters, and upside down or not.

    The eight results are equally likely.
    """
    if rng.random() >= share:
        return dict(pictures)
    quarters, upside_down = int(rng.integers(4)), rng.random() < 0.5
    return {name: np.rot90(picture[::-1] if upside_down else picture, quarters) for name, picture in pictures.items()}


def recoloured(pictures: Mapping[str, Pixels], options: Jitter, rng: np.random.Generator) -> dict[str, Pixels]:
    """All pictures (H, W, 3) uint8 with the same change of levels, saturation and channels; masks as they are.

    Every change is drawn whether it is on or not, so that switching one says nothing about the others.
    """
    gamma = np.exp(rng.uniform(*np.log(options.gamma)))
    contrast, brightness = rng.uniform(*options.contrast), rng.uniform(-options.brightness, options.brightness)
    saturation = rng.uniform(*options.saturation)
    permuted, order = rng.random() < options.permute, rng.permutation(3)
    table = _levels(gamma, contrast, brightness)
    changed = {}
    for name, picture in pictures.items():
        if name != "mask":
            picture = _saturated(table[picture], saturation)
            picture = picture[:, :, order] if permuted else picture
        changed[name] = picture
    return changed


def _levels(gamma: float, contrast: float, brightness: float) -> Pixels:
    """(256,) uint8: what each level becomes."""
    values = (LEVELS**gamma - 0.5) * contrast + 0.5 + brightness
    return np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)


def _saturated(picture: Pixels, saturation: float) -> Pixels:
    """The picture's colours ``saturation`` times as far from its luminance; 0 is grey."""
    if saturation == 1:
        return picture
    values = picture.astype(np.float32)
    grey = (values @ LUMINANCE)[:, :, None]
    return np.clip(np.rint(grey + np.float32(saturation) * (values - grey)), 0, 255).astype(np.uint8)
