"""Scenes: pictures that show the same thing belong to one part of a split."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from img2img.errors import UserError
from img2img.files import composed
from img2img.randomness import stable_seed

SIDE = 24
TOLERANCE = 4.0
BLOCK = 256


def thumbnail(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(24, 24, 3) float32 block means of a (H, W, 3) uint8 picture."""
    import cv2

    small: np.ndarray[Any, Any] = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    return small


def find_scenes(thumbnails: Sequence[np.ndarray[Any, Any]] | np.ndarray[Any, Any]) -> list[int]:
    """A scene number for each picture (the first picture's index): near-duplicates and mirrored copies share one.

    Near means a root mean square difference of the thumbnails under 4 grey levels, chained.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(thumbnails)
    scenes = np.arange(count)
    stack = np.asarray(thumbnails) if count else np.zeros((0, SIDE, SIDE, 3))
    for first, second, _, _ in near(stack, None, TOLERANCE):
        left, right = scenes[first], scenes[second]
        joins = left != right
        if joins.any():
            links = coo_array((np.ones(int(joins.sum()), bool), (left[joins], right[joins])), shape=(count, count))
            _, group = connected_components(links, directed=False)
            # scenes are the lowest index of their pictures, and stay so
            _, lowest = np.unique(group, return_index=True)
            scenes = lowest[group[scenes]]
    return [int(scene) for scene in scenes]


Near = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]


def near(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any] | None, tolerance: float = TOLERANCE) -> Iterator[Near]:
    """Pairs of thumbnails (N, 24, 24, 3) and (M, 24, 24, 3) that differ by less than ``tolerance``, block by block.

    A block is (indices in ``one``, indices in ``other``, root mean square differences in grey levels, whether the
    second picture is mirrored), and holds all pairs of its pictures of ``one``. Without ``other``, the pairs of ``one``
    among themselves, in one order; a picture that is near its own mirror image is a pair, too.

    Pictures whose mean levels differ by the tolerance or more cannot be near (a mean difference is never above the root
    mean square one), so that only pictures of like brightness are compared; memory does not grow with the number.
    """
    flat = one.reshape(len(one), SIDE * SIDE * one.shape[3])
    within = flat.mean(1, dtype=np.float64)
    order = np.argsort(within, kind="stable")
    if other is None:
        others, means, places = flat, within[order], order
    else:
        others = other.reshape(len(other), flat.shape[1])
        means = others.mean(1, dtype=np.float64)
        places = np.argsort(means, kind="stable")
        means = means[places]
    turned = np.arange(flat.shape[1]).reshape(SIDE, SIDE, -1)[:, ::-1].reshape(-1)
    for start in range(0, len(order), BLOCK):
        rows = order[start : start + BLOCK]
        block = flat[rows].astype(np.float64)
        squares = (block**2).sum(1)
        # among themselves the distance is symmetric, so that looking forward is enough
        low = start if other is None else int(np.searchsorted(means, within[rows[0]] - tolerance))
        high = int(np.searchsorted(means, within[rows[-1]] + tolerance, side="right"))
        found: list[Near] = []
        for begin in range(low, high, 8 * BLOCK):
            columns = places[begin : min(begin + 8 * BLOCK, high)]
            chunk = others[columns].astype(np.float64)
            for mirrored in (False, True):
                product = (block[:, turned] if mirrored else block) @ chunk.T
                distance = (squares[:, None] + (chunk**2).sum(1) - 2 * product) / flat.shape[1]
                i, j = np.nonzero(distance < tolerance**2)
                levels = np.sqrt(np.maximum(distance[i, j], 0))
                found.append((rows[i], columns[j], levels, np.full(len(i), mirrored)))
        if found:
            yield tuple(np.concatenate(parts) for parts in zip(*found, strict=True))  # type: ignore[misc]


def scene_table(path: Path) -> dict[str, str]:
    """The scene of each file from a CSV with columns ``file`` and ``scene``, names in the composed form of Unicode.

    Raises:
        UserError: the file cannot be read, or has other columns.
    """
    try:
        # spreadsheets begin their CSV with a byte order mark; names may have bytes that are no UTF-8
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            rows = csv.DictReader(file)
            columns = ", ".join(rows.fieldnames or ())
            if not {"file", "scene"} <= set(rows.fieldnames or ()):
                apart = "; separate them by commas" if ";" in columns or "\t" in columns else ""
                raise UserError(f"{path}: a CSV with the columns file and scene is needed, it has {columns!r}{apart}")
            return {composed(row["file"]): row["scene"] for row in rows}
    except (OSError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"{path}: a CSV with the columns file and scene is needed ({reason})") from error


def read_scenes(path: Path, names: Sequence[str]) -> list[str]:
    """The scene of each name.

    Raises:
        UserError: the file cannot be read, or a picture is missing in it.
    """
    scenes = scene_table(path)
    missing = [name for name in names if composed(name) not in scenes]
    if missing:
        raise UserError(f"{path}: no scene for {missing[0]}{f' and {len(missing) - 1} more' if missing[1:] else ''}")
    return [scenes[composed(name)] for name in names]


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
