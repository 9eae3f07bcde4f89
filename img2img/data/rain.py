"""Rain made on a clean photo, its strength set by a PSNR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from img2img.data.config import Rain
from img2img.data.storm import storm
from img2img.data.streaks import Compose, streaks

Pixels = np.ndarray[Any, Any]
# of a photo as float32, the options, the size of drops and a generator
RAINS: dict[str, Callable[[Pixels, Rain, float, np.random.Generator], Compose]] = {"streaks": streaks, "storm": storm}


def add_rain(clean: Pixels, options: Rain, rng: np.random.Generator, short_side: int | None = None) -> Pixels:
    """(H, W, 3) uint8 clean -> rainy, its PSNR against the clean uniform in the options' range (within 0.05 dB).

    The strength of all that belongs to the rain is found by bisection, so that clipping at white is accounted for. A
    picture that is white all over can hardly be rained on: it stays above the range.

    Drops grow with the photo: ``short_side`` is that of the photo which ``clean`` was cut from, in px (None: its own),
    so that a training crop shows the streaks that the whole photo would.
    """
    scale = max(0.4, (short_side or min(clean.shape[:2])) / 384)
    source = clean.astype(np.float32)
    compose = RAINS[options.kind](source, options, scale, rng)
    goal = rng.uniform(options.psnr_min, options.psnr_max)
    error = np.empty_like(source)

    def rainy_at(strength: float) -> Pixels:
        """The rainy photo, whole grey levels as float32; the same memory each time, which is most of the speed."""
        rainy = compose(strength)
        np.rint(rainy, out=rainy)
        return np.clip(rainy, 0, 255, out=rainy)

    def psnr(strength: float) -> float:
        np.subtract(rainy_at(strength), source, out=error)
        return _decibels(float(np.mean(np.square(error, out=error))))

    low, high = 0.0, 1.0
    while psnr(high) > goal and high < 64:
        high *= 2
    strength = high
    for _ in range(9):
        strength = (low + high) / 2
        value = psnr(strength)
        if abs(value - goal) < 0.05:
            break
        low, high = (strength, high) if value > goal else (low, strength)
    return rainy_at(strength).astype(np.uint8)


def _decibels(mse: float) -> float:
    return 99.0 if mse == 0 else 10 * float(np.log10(255**2 / mse))
