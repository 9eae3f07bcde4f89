"""Sources made of clean photos: rain, holes, edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from img2img.data.config import DataConfig, Hole
from img2img.data.holes import made_hole
from img2img.data.rain import add_rain

Pixels = np.ndarray[Any, Any]


def rain(clean: Pixels, config: DataConfig, rng: np.random.Generator, short_side: int) -> dict[str, Pixels]:
    """source: the photo in made rain; target: the photo."""
    return {"source": add_rain(clean, config.rain, rng, short_side), "target": clean}


def hole(clean: Pixels, config: DataConfig, rng: np.random.Generator, short_side: int) -> dict[str, Pixels]:
    """source: the photo with its hole filled by a constant; target: the photo; mask (H, W, 1): 255 inside the hole."""
    height, width = clean.shape[:2]
    return filled(clean, made_hole(height, width, config.hole, rng)[:, :, None], config.hole)


def filled(clean: Pixels, mask: Pixels, options: Hole) -> dict[str, Pixels]:
    """`hole`, by a mask (H, W, 1) uint8 that is there: above 0 inside the hole."""
    fill = np.array(options.fill, np.uint8)
    return {"source": np.where(mask > 0, fill, clean), "target": clean, "mask": mask}


def edges(clean: Pixels, config: DataConfig, rng: np.random.Generator, short_side: int) -> dict[str, Pixels]:
    """source: Canny edges of the photo's luminance, black on white; target: the photo."""
    from skimage.color import rgb2gray
    from skimage.feature import canny

    lines = canny(rgb2gray(clean), sigma=config.edges.sigma)
    drawn = np.where(lines[:, :, None], 0, 255).astype(np.uint8)
    return {"source": np.repeat(drawn, 3, axis=2), "target": clean}


# of a clean picture, the configuration, a generator, and the short side in px of the photo that it was cut from
Synthesis = Callable[[Pixels, DataConfig, np.random.Generator, int], dict[str, Pixels]]
SYNTHESES: dict[str, Synthesis] = {"rain": rain, "hole": hole, "edges": edges}
