"""What the sources of a training look like in a few numbers, so that a picture quite unlike them can be told later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

from img2img.config import options
from img2img.data.mix import Mixed
from img2img.data.samples import Pictures, Samples, Unpaired

Pixels = np.ndarray[Any, Any]
Range = tuple[float, float]
Levels = Annotated[Range, Field(description="levels of 0 to 255")]
Share = Annotated[Range, Field(description="shares of 0 to 1")]

# training samples that are measured, evenly through the set
MEASURED = 48
# levels of 255 that count as dark, and from which on as light
DARK, LIGHT = 16, 239
# share of the picture that is dark or light where it is drawn on black or white
GROUND = 0.5


@options
class SourceStatistics:
    """Ranges over the sources of a training (5th to 95th percentile of the pictures measured).

    Attributes:
        level: mean level of 0 to 255.
        dark, light: share of samples of at most 16, of at least 239.
        colour: mean difference of the largest and the smallest channel, levels of 0 to 255; 0 for grey.
        aspect: width by height of the whole pictures; None where that is unknown.
        width: the largest width of a whole picture in px; None where that is unknown.
    """

    level: Levels
    dark: Share
    light: Share
    colour: Levels
    aspect: Range | None = None
    width: int | None = None

    @property
    def ground(self) -> int | None:
        """Level of the ground that most of every source is (255 or 0), as drawings have it; None where there is none.

        The middle of the measured range decides.
        """
        if sum(self.light) / 2 > GROUND:
            return 255
        return 0 if sum(self.dark) / 2 > GROUND else None


def levels_of(pixels: Pixels) -> dict[str, float]:
    """``level``, ``dark``, ``light`` and ``colour`` of (..., C) levels of 0 to 255, as `SourceStatistics` has them."""
    return {
        "level": float(pixels.mean()),
        "dark": float((pixels <= DARK).mean()),
        "light": float((pixels >= LIGHT).mean()),
        "colour": float((pixels.max(-1).astype(np.float32) - pixels.min(-1)).mean()),
    }


def measure_training(samples: Samples, seed: int, most: int = MEASURED) -> tuple[SourceStatistics | None, bool]:
    """(statistics of the sources, whether all targets are grey) of up to ``most`` training samples of the first epoch.

    Sources are measured as the network sees them, cut and degraded; their sizes are those of the files. Without
    pictures as sources there are no statistics; a target of other than three channels is not grey.

    Raises:
        UserError: a picture cannot be read.
    """
    count = len(samples)
    measured: list[dict[str, float]] = []
    grey: list[bool] = []
    for index in sorted({round(place) for place in np.linspace(0, count - 1, min(most, count))}):
        sample = samples.sample(0, index, seed)
        source, target = sample.get("source"), sample.get("target")
        if target is not None:
            grey.append(target.ndim == 3 and len(target) == 3 and bool((target == target[:1]).all()))
        if source is not None and source.ndim == 3:
            measured.append(levels_of(_as_levels(source)))
    if not measured:
        return None, bool(grey) and all(grey)
    ranges: dict[str, Any] = {name: _range([one[name] for one in measured]) for name in measured[0]}
    sizes = _sizes(samples)
    if sizes:
        ranges["aspect"] = _range([width / height for width, height in sizes])
        ranges["width"] = max(width for width, _ in sizes)
    return SourceStatistics(**ranges), all(grey)


def _as_levels(values: torch.Tensor) -> Pixels:
    """(C, H, W) in [-1, 1] as (H, W, C) levels of 0 to 255."""
    levels: Pixels = ((values.permute(1, 2, 0) + 1) * 127.5).round().numpy()
    return levels


def _range(values: Sequence[float]) -> Range:
    low, high = (float(value) for value in np.percentile(values, (5, 95)))
    return round(low, 4), round(high, 4)


def _sizes(samples: Samples) -> list[tuple[int, int]]:
    """(width, height) in px of the sources, where they come from files."""
    if isinstance(samples, Mixed):
        return [size for part in (samples.first, *samples.others) for size in _sizes(part)]
    pictures = samples.sources if isinstance(samples, Unpaired) else samples
    return [item.size for item in pictures.items if item.size] if isinstance(pictures, Pictures) else []
