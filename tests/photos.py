"""Pairs with published figures, made from scikit-image's photos by the recipes that stand beside the figures."""

from __future__ import annotations

import functools

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from skimage import data

Pixels = np.ndarray


def levels(x: Pixels) -> Pixels:
    return np.clip(np.rint(x), 0, 255).astype(np.uint8)


def noise(x: Pixels, sigma: float, seed: int) -> Pixels:
    return levels(x + np.random.default_rng(seed).normal(0, sigma, x.shape))


def blur(x: Pixels, sigma: float) -> Pixels:
    return levels(gaussian_filter(x.astype(float), (sigma, sigma, 0)))


def grey(x: Pixels) -> Pixels:
    return np.repeat(x[:, :, None], 3, 2)


def constant(level: int) -> Pixels:
    return np.full((96, 128, 3), level, np.uint8)


def checkers() -> Pixels:
    return grey(levels(np.add.outer(np.arange(128) // 8, np.arange(128) // 8) % 2 * 255))


def _flat_patches() -> tuple[Pixels, Pixels]:
    blocks = data.chelsea()[40:168, 100:260].reshape(8, 16, 10, 16, 3).mean((1, 3))
    target = levels(blocks.repeat(16, 0).repeat(16, 1))
    result = target.copy()
    result[:, :64] = noise(target[:, :64], 8, 5)
    result[:, 96:] = levels(0.8 * target[:, 96:] + 12)
    result[:24] = target[:24] = target[104:] = 0
    result[104:] = 30
    return result, target


def _noisy(target: Pixels, sigma: float, seed: int, blurred: float = 0) -> tuple[Pixels, Pixels]:
    return noise(blur(target, blurred) if blurred else target, sigma, seed), target


@functools.cache
def pair(name: str) -> tuple[Pixels, Pixels]:
    """Result and target, (H, W, 3) uint8; one channel stands for grey where all three are the same."""
    astronaut, cat, camera = data.astronaut(), data.chelsea(), data.camera()
    makers = {
        "p01": lambda: _noisy(astronaut[:384], 25, 0),
        "p02": lambda: (blur(cat, 2), cat),
        "p08": lambda: (constant(120), constant(100)),
        "p09": lambda: (constant(0), constant(0)),
        "p10": lambda: _noisy(constant(100), 10, 3),
        "p12": lambda: (np.roll(checkers(), 3, 1), checkers()),
        "p13": _flat_patches,
        "p14": lambda: _noisy(astronaut[60:76, 180:196], 10, 11),
        "p15": lambda: _noisy(astronaut[60:71, 180:191], 10, 12),
        "p16": lambda: _noisy(astronaut[60:84, 180:204], 10, 13),
        "p17": lambda: _noisy(cat[60:161, 150:227], 12, 14, 0.8),
        "p18": lambda: tuple(map(grey, _noisy(camera[:, :448], 20, 15))),
        "p19": _doubled,
    }
    result, target = makers[name]()
    return result, target


def _doubled() -> tuple[Pixels, Pixels]:
    target = data.camera().repeat(2, 0).repeat(2, 1)[:640, :700]
    smooth = levels(gaussian_filter(target.astype(float), 1.5))
    return grey(noise(smooth, 6, 16)), grey(target)


def batch(pixels: Pixels) -> torch.Tensor:
    """(H, W, C) or (H, W) as (1, C, H, W), of the same type."""
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(planes))[None]
