"""Rain as photographs show it: streaks near and far, of several directions, drops, mist, and a scene that is darker."""

from __future__ import annotations

from typing import Any

import numpy as np

from img2img.data.config import Rain, Storm
from img2img.data.streaks import Compose, streak

Pixels = np.ndarray[Any, Any]
# levels that the brightest streak adds, where streaks are added to the scene
ADDED = 120
# kernels by which the streaks of one layer differ in direction
FANNED = 2


def storm(source: Pixels, options: Rain, scale: float, rng: np.random.Generator) -> Compose:
    """``source`` (H, W, 3) float32 of 0 to 255 under streaks, drops and mist as ``options.storm`` says.

    The scene is darkened in its dark and middle tones. Streaks and drops are laid over it, something between opaque
    light, which bright parts hide (as rain in photographs), and added light, the same everywhere (as drawn rain). Mist
    draws the whole toward a grey, bright parts too. Lengths and widths are px at ``scale`` 1 and grow with it.
    """
    height, width = source.shape[:2]
    kind = options.storm
    angles = rng.normal(0, kind.angle, int(rng.integers(1, kind.directions + 1)))
    wet = _streaks(height, width, kind, angles, scale, rng)
    if rng.random() < kind.drops:
        wet = _screen(wet, _drops(height, width, scale, rng))
    wet = (wet * (0.6 + 0.4 * _clouds(height, width, scale, rng)))[:, :, None]
    # strong mist is rare
    mist = (kind.mist * rng.random() ** 2 * _clouds(height, width, scale, rng))[:, :, None]
    opaque = rng.random() ** 2
    light = (rng.uniform(200, 255) + rng.normal(0, 5, 3)).astype(np.float32)
    grey = (rng.uniform(140, 225) + rng.normal(0, 5, 3)).astype(np.float32)
    lost = source * (1 - source / 255) ** 2 * np.float32(rng.uniform(0, kind.dim))
    scene, rainy = np.empty_like(source), np.empty_like(source)

    def rainy_at(strength: float) -> Pixels:
        np.subtract(source, min(strength, 4.0) * lost, out=scene)
        np.subtract(light, scene, out=rainy)
        np.multiply(rainy, opaque, out=rainy)
        np.add(rainy, (1 - opaque) * ADDED, out=rainy)
        np.multiply(rainy, np.clip(strength * wet, 0, 0.97), out=rainy)
        # drops add light: where the scene is brighter than the drop, it shines through
        np.maximum(rainy, 0, out=rainy)
        np.add(scene, rainy, out=scene)
        np.subtract(grey, scene, out=rainy)
        np.multiply(rainy, np.clip(strength * mist, 0, 0.9), out=rainy)
        return np.add(scene, rainy, out=rainy)

    return rainy_at


def _streaks(height: int, width: int, options: Storm, angles: Pixels, scale: float, rng: np.random.Generator) -> Pixels:
    """(H, W) opacity in [0, 1] of layers from far (short, thin, dense and faint) to near."""
    rain = np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(1, options.layers + 1))):
        near = rng.random()
        length = scale * _between(options.length_min, options.length_max, near * rng.uniform(0.6, 1))
        thickness = max(0.5, scale) * _between(options.width_min, options.width_max, near * rng.uniform(0.6, 1))
        covered = rng.uniform(0.1, 3.0) * (1 - 0.8 * near)
        opacity = rng.uniform(0.4, 1) * (0.4 + 0.6 * near)
        angle = float(rng.choice(angles))
        layer = _layer(height, width, (length, thickness, covered), angle, options.spread, rng)
        rain = _screen(rain, layer * np.float32(opacity))
    # where streaks are dense, the gaps between them are dry
    dry, peak = (float(level) for level in np.quantile(rain, (rng.uniform(0.05, 0.6), 0.999)))
    streaks: Pixels = np.clip((rain - dry) / max(peak - dry, 1e-6), 0, 1)
    return streaks


def _layer(
    height: int,
    width: int,
    size: tuple[float, float, float],
    angle: float,
    spread: float,
    rng: np.random.Generator,
) -> Pixels:
    """(H, W) in [0, 1]: streaks of one (length, thickness in px, share of the area covered), fanned about an angle."""
    import cv2

    length, thickness, covered = size
    count = covered / max(1.0, length * thickness)
    seeds = rng.random((height, width), dtype=np.float32)
    bright = rng.uniform(0.3, 1.0, (height, width)).astype(np.float32)
    layer = np.zeros((height, width), np.float32)
    for turn in range(FANNED):
        # each share of the drops has its own direction
        low, high = count * turn / FANNED, count * (turn + 1) / FANNED
        drops = np.where((seeds >= low) & (seeds < high), bright, 0).astype(np.float32)
        kernel = _tapered(max(3, round(length)), angle + rng.normal(0, spread), thickness)
        layer += cv2.filter2D(drops, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    soft: Pixels = 1 - np.exp(-layer)
    return soft


def _tapered(length: int, angle: float, thickness: float) -> Pixels:
    """A `streak` that fades toward both ends."""
    line = streak(length, angle, thickness)
    offsets = np.linspace(-1, 1, len(line), dtype=np.float32)
    # the kernel's side is the streak's length, so that the distance from its middle is that along the streak
    faded: Pixels = line * np.clip(1 - np.hypot(offsets[:, None], offsets[None]) ** 2, 0, 1)
    return faded


def _drops(height: int, width: int, scale: float, rng: np.random.Generator) -> Pixels:
    """(H, W) in [0, 1]: soft round drops of 1 to 3 px radius at ``scale`` 1, near the lens or bursting."""
    import cv2

    radius = scale * rng.uniform(0.8, 3.0)
    density = rng.uniform(0.002, 0.03) / (np.pi * radius**2)
    seeds = (rng.random((height, width), dtype=np.float32) < density).astype(np.float32)
    seeds *= rng.uniform(0.3, 1.0, (height, width)).astype(np.float32)
    reach = int(np.ceil(2 * radius))
    offsets = np.arange(-reach, reach + 1, dtype=np.float32)
    squares = offsets[:, None] ** 2 + offsets[None] ** 2
    disc = np.clip(radius + 0.5 - np.sqrt(squares), 0, 1).astype(np.float32)
    drops: Pixels = np.clip(cv2.filter2D(seeds, -1, disc, borderType=cv2.BORDER_REFLECT_101), 0, 1)
    return drops


def _clouds(height: int, width: int, scale: float, rng: np.random.Generator) -> Pixels:
    """(H, W) in [0, 1]: smooth noise, cells of a third of the photo's short side."""
    import cv2

    cell = max(1, round(128 * scale))
    rows, columns = (1 + int(np.ceil(side / cell)) for side in (height, width))
    coarse = rng.random((rows, columns), dtype=np.float32)
    smooth = cv2.resize(coarse, (columns * cell, rows * cell), interpolation=cv2.INTER_CUBIC)
    top, left = (int(shift) for shift in rng.integers(cell, size=2))
    clouds: Pixels = np.clip(smooth[top : top + height, left : left + width], 0, 1)
    return clouds


def _screen(one: Pixels, other: Pixels) -> Pixels:
    """Light of both, neither hiding the other."""
    both: Pixels = 1 - (1 - one) * (1 - other)
    return both


def _between(low: float, high: float, share: float) -> float:
    """From ``low`` (share 0) to ``high`` (1), by equal factors."""
    return float(low * (high / low) ** share)
