"""Scenes: pictures that show the same thing belong to one part of a split."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from img2img.errors import UserError
from img2img.randomness import stable_seed

SIDE = 24
TOLERANCE = 4.0
BLOCK = 256


def thumbnail(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(24, 24, 3) float32 block means of a (H, W, 3) uint8 picture."""
    import cv2

    small: np.ndarray[Any, Any] = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    return small


def find_scenes(thumbnails: Sequence[np.ndarray[Any, Any]]) -> list[int]:
    """A scene number for each picture (the first picture's index): near-duplicates and mirrored copies share one.

    Near means a root mean square difference of the thumbnails under 4 grey levels, chained. Pictures whose mean levels
    differ by 4 or more cannot be near (a mean difference is never above the root mean square one), so that only
    pictures of like brightness are compared.
    """
    count = len(thumbnails)
    if count == 0:
        return []
    flat = np.stack([t.reshape(-1) for t in thumbnails]).astype(np.float64)
    mirrored = np.stack([t[:, ::-1].reshape(-1) for t in thumbnails]).astype(np.float64)
    squares = (flat**2).sum(1)
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    order = np.argsort(flat.mean(1), kind="stable")
    means = flat.mean(1)[order]
    for start in range(0, count, BLOCK):
        rows = order[start : start + BLOCK]
        # the distance is symmetric, so that looking forward is enough
        columns = order[start : np.searchsorted(means, means[min(start + BLOCK, count) - 1] + TOLERANCE, side="right")]
        for other in (flat, mirrored):
            distance = squares[rows, None] + squares[None, columns] - 2 * flat[rows] @ other[columns].T
            for i, j in np.argwhere(distance / flat.shape[1] < TOLERANCE**2):
                a, b = root(int(rows[i])), root(int(columns[j]))
                if a != b:
                    parent[max(a, b)] = min(a, b)
    return [root(i) for i in range(count)]


def scene_table(path: Path) -> dict[str, str]:
    """The scene of each file from a CSV with columns ``file`` and ``scene``.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {row["file"]: row["scene"] for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: a CSV with the columns file and scene is needed ({error})") from error


def read_scenes(path: Path, names: Sequence[str]) -> list[str]:
    """The scene of each name.

    Raises:
        UserError: the file cannot be read, or a picture is missing in it.
    """
    scenes = scene_table(path)
    missing = [name for name in names if name not in scenes]
    if missing:
        raise UserError(f"{path}: no scene for {missing[0]}{f' and {len(missing) - 1} more' if missing[1:] else ''}")
    return [scenes[name] for name in names]


def split(scenes: Sequence[int | str], share: float, seed: int) -> tuple[list[int], list[int]]:
    """(training, validation) indices: about ``share`` of the pictures, whole scenes, chosen by a seeded hash.

    At least one scene stays on each side where there are two.
    """
    groups: dict[int | str, list[int]] = {}
    for index, scene in enumerate(scenes):
        groups.setdefault(scene, []).append(index)
    order = sorted(groups, key=lambda scene: stable_seed(seed, "split", str(scene)))
    wanted = share * len(scenes)
    validation: list[int] = []
    for scene in order[:-1]:
        if share == 0 or (validation and len(validation) + len(groups[scene]) / 2 > wanted):
            break
        validation += groups[scene]
    chosen = set(validation)
    return [index for index in range(len(scenes)) if index not in chosen], sorted(validation)
