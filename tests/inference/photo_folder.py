"""A small folder of pictures of several kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from conftest import picture


def make_photos(root: Path) -> Path:
    """Three pictures: RGB in a sub-folder, grey, with alpha."""
    (root / "sub").mkdir(parents=True)
    Image.fromarray(picture(0)).save(root / "sub/colour.jpg", quality=100, subsampling=0)
    Image.fromarray(picture(1)[:, :, 0]).save(root / "grey.png")
    Image.fromarray(np.dstack([picture(2), picture(3)[:, :, :1]])).save(root / "alpha.png")
    return root
