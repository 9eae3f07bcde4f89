"""Rain of streaks: one fall direction, one to three layers, and an even veil."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from img2img.data.config import Rain

Pixels = np.ndarray[Any, Any]
# the rainy photo at a strength from 0 on: (H, W, 3) float32, the same memory at each call
Compose = Callable[[float], Pixels]


def streaks(source: Pixels, options: Rain, scale: float, rng: np.random.Generator) -> Compose:
    """``source`` (H, W, 3) float32 of 0 to 255 under rain; of ``options`` nothing is used.

    Streaks are bright, motion-blurred drops; several layers of one fall direction differ in length, width and
    density, as near and far drops do. The veil is the light that unresolved drops scatter into the whole picture.
    """
    rain = layers(source.shape[0], source.shape[1], scale, rng)
    veil = rng.uniform(0.0, 0.12)
    light = rng.uniform(190, 255)
    missing = light - source
    wet = rain + veil
    rainy, dimmed = np.empty_like(source), np.empty_like(source)

    def rainy_at(strength: float) -> Pixels:
        share = np.clip(strength * wet, 0, 0.97)[:, :, None]
        np.multiply(share, missing, out=rainy)
        np.add(source, rainy, out=rainy)
        # drops add light: where the photo is brighter than the drop, it shines through
        np.maximum(source, rainy, out=rainy)
        np.multiply(source, veil * strength * 0.2, out=dimmed)
        return np.subtract(rainy, dimmed, out=rainy)

    return rainy_at


def layers(height: int, width: int, scale: float, rng: np.random.Generator) -> Pixels:
    """(H, W) streaks in [0, 1]: one to three layers of one fall direction; lengths and widths grow with ``scale``."""
    import cv2

    angle = rng.normal(0, 18)
    rain = np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        length = max(5, int(rng.uniform(10, 60) * scale))
        thickness = rng.uniform(0.5, 1.6) * max(1.0, scale)
        density = rng.uniform(0.1, 1.0) / (length * thickness)
        drops = (rng.random((height, width), dtype=np.float32) < density * rng.uniform(0.3, 1.2)).astype(np.float32)
        drops *= rng.uniform(0.4, 1.0, (height, width)).astype(np.float32)
        kernel = streak(length, angle + rng.normal(0, 4), thickness)
        layer = cv2.filter2D(drops, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
        rain += layer * np.float32(rng.uniform(0.5, 1.0))
    peak = float(np.quantile(rain, 0.999))
    streaks: Pixels = np.clip(rain / max(peak, 1e-6), 0, 1) * np.float32(rng.uniform(0.75, 1.0))
    return streaks


def streak(length: int, angle: float, thickness: float) -> Pixels:
    """A motion-blur kernel: a soft line of ``length`` px, ``angle`` degrees from the vertical, peak 1."""
    side = length | 1
    offsets = np.arange(side, dtype=np.float32) - side // 2
    y, x = np.meshgrid(offsets, offsets, indexing="ij")
    turn = np.deg2rad(angle)
    along = y * np.cos(turn) + x * np.sin(turn)
    across = x * np.cos(turn) - y * np.sin(turn)
    line = np.exp(-0.5 * (across / (0.6 * thickness)) ** 2) * np.clip(length / 2 - np.abs(along) + 0.5, 0, 1)
    kernel: Pixels = (line / line.max()).astype(np.float32)
    return kernel
