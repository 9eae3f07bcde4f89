"""Rain made on a clean photo: streaks of varied angle, length, width and density, and a veil."""

from __future__ import annotations

from typing import Any

import numpy as np

from img2img.data.config import Rain

Pixels = np.ndarray[Any, Any]


def add_rain(clean: Pixels, options: Rain, rng: np.random.Generator, short_side: int | None = None) -> Pixels:
    """(H, W, 3) uint8 clean -> rainy, its PSNR against the clean uniform in the options' range (within 0.05 dB).

    Streaks are bright, motion-blurred drops; several layers of one fall direction differ in length, width and
    density, as near and far drops do. The veil is the light that unresolved drops scatter into the whole picture.
    The strength of both is found by bisection, so that clipping at white is accounted for. A picture that is white all
    over can hardly be rained on: it stays above the range.

    Drops grow with the photo: ``short_side`` is that of the photo which ``clean`` was cut from, in px (None: its own),
    so that a training crop shows the streaks that the whole photo would.
    """
    height, width = clean.shape[:2]
    scale = max(0.4, (short_side or min(height, width)) / 384)
    rain = _layers(height, width, scale, rng)
    veil = rng.uniform(0.0, 0.12)
    light = rng.uniform(190, 255)
    goal = rng.uniform(options.psnr_min, options.psnr_max)
    source = clean.astype(np.float32)
    missing = light - source
    wet = rain + veil
    rainy, dimmed = np.empty_like(source), np.empty_like(source)

    def rainy_at(strength: float) -> Pixels:
        """The rainy photo, whole grey levels as float32; the same memory each time, which is most of the speed."""
        share = np.clip(strength * wet, 0, 0.97)[:, :, None]
        np.multiply(share, missing, out=rainy)
        np.add(source, rainy, out=rainy)
        # drops add light: where the photo is brighter than the drop, it shines through
        np.maximum(source, rainy, out=rainy)
        np.multiply(source, veil * strength * 0.2, out=dimmed)
        np.subtract(rainy, dimmed, out=rainy)
        np.rint(rainy, out=rainy)
        return np.clip(rainy, 0, 255, out=rainy)

    def psnr(strength: float) -> float:
        np.subtract(rainy_at(strength), source, out=dimmed)
        return _decibels(float(np.mean(np.square(dimmed, out=dimmed))))

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


def _layers(height: int, width: int, scale: float, rng: np.random.Generator) -> Pixels:
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
        kernel = _streak(length, angle + rng.normal(0, 4), thickness)
        layer = cv2.filter2D(drops, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
        rain += layer * np.float32(rng.uniform(0.5, 1.0))
    peak = float(np.quantile(rain, 0.999))
    streaks: Pixels = np.clip(rain / max(peak, 1e-6), 0, 1) * np.float32(rng.uniform(0.75, 1.0))
    return streaks


def _streak(length: int, angle: float, thickness: float) -> Pixels:
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


def _decibels(mse: float) -> float:
    return 99.0 if mse == 0 else 10 * float(np.log10(255**2 / mse))
