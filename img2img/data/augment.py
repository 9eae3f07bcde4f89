"""Jitter: load size, crop and flip, one draw for all pictures of a sample."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

Pixels = np.ndarray[Any, Any]


@lru_cache(maxsize=8)
def _pipeline(load: int | None, crop: int | None, flip: bool) -> Any:
    # its import looks for a newer version on the network otherwise
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations as A
    import cv2

    steps: list[Any] = []
    if load:
        steps.append(A.SmallestMaxSize(load, interpolation=cv2.INTER_CUBIC))
    if crop:
        steps.append(
            A.RandomCrop(crop, crop, pad_if_needed=True, border_mode=cv2.BORDER_REFLECT_101, pad_position="top_left")
        )
    if flip:
        steps.append(A.HorizontalFlip(p=0.5))
    return A.Compose(steps, additional_targets={"target": "image", "hole": "mask"})


def jitter(
    pictures: Mapping[str, Pixels], load: int | None, crop: int | None, flip: bool, seed: int
) -> dict[str, Pixels]:
    """``source`` and ``target`` (H, W, 3) and ``mask`` (H, W, 1) of one size, cut and flipped alike.

    Pictures smaller than the crop are mirrored at the right and below to fit. The same seed gives the same draw.
    """
    pipeline = _pipeline(load, crop, flip)
    pipeline.set_random_seed(seed % 2**32)
    names = {"source": "image", "target": "target", "mask": "hole"}
    given = {names[name]: picture for name, picture in pictures.items()}
    if "image" not in given:
        given["image"] = next(iter(given.values()))
    made = pipeline(**given)
    result = {name: made[names[name]] for name in pictures}
    if "mask" in result:
        result["mask"] = result["mask"].reshape(*result["mask"].shape[:2], 1)
    return result
