"""Measures of label maps over a whole set, as pix2pix and FCN print them: of the sum of all pictures' counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from img2img.evaluation.entries import Entry, Files
from img2img.evaluation.request import Request
from img2img.images import as_rgb8, read
from img2img.images.labels import Palette, nearest_classes, palette_of
from img2img.metrics import METRICS
from img2img.metrics.segmentation import confusion


def palette_of_targets(targets: Files, request: Request) -> Palette:
    """The palette of the first target, where measures of classes are asked for and it has one; else none."""
    if not any(METRICS[name].of_classes for name in request.metrics):
        return ()
    palette = palette_of(next(iter(targets.values()))) or ()
    # entries behind the classes often repeat a colour
    return tuple(dict.fromkeys(palette))


def over_the_set(targets: Files, entries: Sequence[Entry], request: Request) -> list[str]:
    """A line for each row on the measures of classes over all pixels of the set; none where none are asked for."""
    palette = request.protocol.palette
    names = [name for name in request.metrics if METRICS[name].of_classes]
    if not names or not palette:
        return []
    lines = []
    for entry in entries:
        total = sum((_counts(file, targets[stem], palette) for stem, file in entry.files.items()), torch.zeros(()))
        figures = [f"{METRICS[name].title} {float(METRICS[name].measure(total)):.4f}" for name in names]
        lines.append(f"{entry.label} over all pixels of the set: {', '.join(figures)}")
    return lines


def _counts(file: Path, target_file: Path, palette: Palette) -> Tensor:
    result, target = (
        torch.from_numpy(nearest_classes(as_rgb8(read(path)), palette))[None] for path in (file, target_file)
    )
    return confusion(result, target, len(palette))[0]
