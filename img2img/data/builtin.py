"""The built-in default: scikit-image's bundled colour photographs (no download)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

# motorcycle_left and _right are one scene
TRAINING = (
    "chelsea",
    "coffee",
    "motorcycle_left",
    "motorcycle_right",
    "ihc",
    "hubble_deep_field",
    "grass",
    "gravel",
    "brick",
)
VALIDATION = ("astronaut", "rocket", "camera")


def photo_path(name: str) -> Path:
    """The file of a bundled photograph."""
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    for ending in (".png", ".jpg"):
        if (folder / f"{name}{ending}").is_file():
            return folder / f"{name}{ending}"
    raise FileNotFoundError(f"scikit-image has no photograph {name}")


def photo(name: str) -> np.ndarray[Any, Any]:
    """(H, W, 3) uint8."""
    from img2img.images import as_rgb8, read

    return as_rgb8(read(photo_path(name)))
