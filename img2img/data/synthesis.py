"""Sources made of clean photos: rain, holes, edges."""

from __future__ import annotations

from typing import Any

import numpy as np

from img2img.data.config import DataConfig
from img2img.data.rain import add_rain

Pixels = np.ndarray[Any, Any]


def rain(clean: Pixels, config: DataConfig, rng: np.random.Generator) -> dict[str, Pixels]:
    """source: the photo in made rain; target: the photo."""
    return {"source": add_rain(clean, config.rain, rng), "target": clean}


def hole(clean: Pixels, config: DataConfig, rng: np.random.Generator) -> dict[str, Pixels]:
    """source: the photo with its hole filled by a constant; target: the photo; mask (H, W, 1): 255 inside the hole."""
    height, width = clean.shape[:2]
    mask = np.zeros((height, width, 1), np.uint8)
    options = config.hole
    if options.kind == "centre":
        down, across = max(1, round(height * options.share)), max(1, round(width * options.share))
        top, left = (height - down) // 2, (width - across) // 2
        mask[top : top + down, left : left + across] = 255
    else:
        covered = 0.0
        while covered < options.share**2:
            down = max(1, int(height * rng.uniform(0.1, 0.35)))
            across = max(1, int(width * rng.uniform(0.1, 0.35)))
            top, left = int(rng.integers(0, height - down + 1)), int(rng.integers(0, width - across + 1))
            mask[top : top + down, left : left + across] = 255
            covered = float(np.mean(mask > 0))
    fill = np.array(options.fill, np.uint8)
    return {"source": np.where(mask > 0, fill, clean), "target": clean, "mask": mask}


def edges(clean: Pixels, config: DataConfig, rng: np.random.Generator) -> dict[str, Pixels]:
    """source: Canny edges of the photo's luminance, black on white; target: the photo."""
    from skimage.color import rgb2gray
    from skimage.feature import canny

    lines = canny(rgb2gray(clean), sigma=config.edges.sigma)
    drawn = np.where(lines[:, :, None], 0, 255).astype(np.uint8)
    return {"source": np.repeat(drawn, 3, axis=2), "target": clean}


SYNTHESES = {"rain": rain, "hole": hole, "edges": edges}
