"""Results that start from noise, written to a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from img2img.images import (
    Picture,
    to_pixels,
    write,
)
from img2img.inference.translator import Translator


def write_samples(
    translator: Translator, output: Path, count: int, overwrite: bool, *, rank: int = 0, world: int = 1
) -> tuple[int, int]:
    """Write ``count`` results from noise as 0000.png, ... (or points.csv for vectors); (written, skipped).

    Of ``world`` processes each writes its share of the pictures, the first one all of the vectors.
    """
    from img2img.files import atomic

    if translator.shape.size is None:
        if rank > 0:
            return 0, 0
        path = output / "points.csv"
        if path.exists() and not overwrite:
            return 0, 1
        rows = translator.samples(count).tolist()
        with atomic(path) as temporary:
            temporary.write_text("\n".join(",".join(f"{v:.6g}" for v in row) for row in rows) + "\n", encoding="utf-8")
        return 1, 0
    done = skipped = 0
    for number in range(rank, count, world):
        path = output / f"{number:04d}.png"
        if path.exists() and not overwrite:
            skipped += 1
            continue
        write(path, Picture(to_pixels(translator.samples(1, number), np.uint8)))
        done += 1
    return done, skipped
