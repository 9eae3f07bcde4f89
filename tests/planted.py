"""Clean sets for the data doctor, in each layout and kind of pair, for faults to be planted in."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from conftest import picture
from img2img.data import DataConfig
from img2img.data.synthesis import SYNTHESES

HEIGHT, WIDTH = 96, 128
LABELS = np.array([(200, 30, 30), (20, 160, 60), (40, 60, 220), (240, 200, 20), (0, 0, 0), (200, 40, 200)], np.uint8)


def boxes(seed: int, height: int, width: int) -> list[list[int]]:
    """Where the things of a scene are: left, top, width, height."""
    rng = np.random.default_rng(1000 + seed)
    corners, sizes = rng.uniform(0, 0.9, (14, 2)), rng.uniform(0.05, 0.35, (14, 2))
    scale = (width, height)
    return [[*(c * scale).astype(int).tolist(), *(s * scale + 2).astype(int).tolist()]
            for c, s in zip(corners, sizes, strict=True)]  # fmt: skip


def scene(seed: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A photo-like picture (H, W, 3) uint8: soft ground, things with borders, a little grain."""
    rng = np.random.default_rng(seed)
    pixels = picture(seed, height, width).copy()
    for box in boxes(seed, height, width):
        cv2.rectangle(pixels, box, rng.integers(0, 256, 3).tolist(), -1)
    return np.clip(pixels + rng.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8)


def label(seed: int) -> np.ndarray:
    """The label map of a scene: one of a few colours for each thing."""
    pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:] = LABELS[0]
    for number, box in enumerate(boxes(seed, HEIGHT, WIDTH)):
        cv2.rectangle(pixels, box, LABELS[number % len(LABELS)].tolist(), -1)
    return pixels


def made(kind: str, clean: np.ndarray, seed: int) -> np.ndarray:
    """The source of a kind of pair: rain, edges, hole (of ``clean``), or label (of the scene ``seed``)."""
    return (
        label(seed)
        if kind == "label"
        else SYNTHESES[kind](clean, DataConfig(), np.random.default_rng(seed), min(clean.shape[:2]))["source"]
    )


def save(path: Path, pixels: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """The pixels after JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def side_by_side(folder: Path, numbers: range, kind: str = "rain") -> Path:
    """Pairs ``N.png``, clean left."""
    for number in numbers:
        clean = scene(number)
        save(folder / f"{number}.png", np.concatenate([clean, made(kind, clean, number)], 1))
    return folder


def two_folders(
    folder: Path, numbers: range, kind: str = "rain", names: tuple[str, str] = ("source", "target")
) -> Path:
    """Pairs ``source/N.png`` and ``target/N.png``."""
    for number in numbers:
        clean = scene(number)
        save(folder / names[0] / f"{number}.png", made(kind, clean, number))
        save(folder / names[1] / f"{number}.png", clean)
    return folder


def photos(folder: Path, numbers: range) -> Path:
    """Photos ``N.png``."""
    for number in numbers:
        save(folder / f"{number}.png", scene(number))
    return folder


def damaged_png(pixels: np.ndarray) -> bytes:
    """A PNG whose header is whole and whose pixels are cut off."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()[: len(buffer.getvalue()) // 2]
