"""Jitter: load size, crop and flip, one draw for all pictures of a sample."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

Pixels = np.ndarray[Any, Any]


class _Pipelines(threading.local):
    """A pipeline holds the state of its draws, so that two threads must not share one."""

    def __init__(self) -> None:
        self.made: dict[tuple[int | None, bool], Any] = {}

    def get(self, crop: int | None, flip: bool) -> Any:
        if (crop, flip) not in self.made:
            self.made[crop, flip] = _pipeline(crop, flip)
        return self.made[crop, flip]


_PIPELINES = _Pipelines()


def _pipeline(crop: int | None, flip: bool) -> Any:
    # its import looks for a newer version on the network otherwise
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations as A
    import cv2

    steps: list[Any] = []
    if crop:
        steps.append(
            A.RandomCrop(crop, crop, pad_if_needed=True, border_mode=cv2.BORDER_REFLECT_101, pad_position="top_left")
        )
    if flip:
        steps.append(A.HorizontalFlip(p=0.5))
    return A.Compose(steps, additional_targets={"other": "image", "hole": "mask"})


def resize_short(picture: Pixels, side: int) -> Pixels:
    """(H, W, C) with its short side ``side`` px: block means when it shrinks (no aliasing), bicubic when it grows."""
    import cv2

    height, width = picture.shape[:2]
    scale = side / min(height, width)
    if scale == 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized: Pixels = cv2.resize(picture, size, interpolation=method)
    return resized.reshape(size[1], size[0], -1)


def jitter(
    pictures: Mapping[str, Pixels], load: int | None, crop: int | None, flip: bool, seed: int
) -> dict[str, Pixels]:
    """``source`` and ``target`` (H, W, 3) and ``mask`` (H, W, 1) of one size, resized, cut and flipped alike.

    Pictures smaller than the crop are mirrored at the right and below to fit. The same seed gives the same draw.
    """
    pipeline = _PIPELINES.get(crop, flip)
    pipeline.set_random_seed(seed % 2**32)
    slots = iter(("image", "other"))
    names = {name: "hole" if name == "mask" else next(slots) for name in pictures}
    made = pipeline(**{names[n]: resize_short(p, load) if load else p for n, p in pictures.items()})
    return {name: made[names[name]].reshape(*made[names[name]].shape[:2], -1) for name in pictures}
