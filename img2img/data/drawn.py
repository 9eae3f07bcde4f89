"""Pairs whose one side should be label maps: told from pairs in which both sides are photos."""

from __future__ import annotations

from typing import Any

import numpy as np

from img2img.data.config import DataConfig
from img2img.data.samples import Pictures, Samples, decode_photo
from img2img.errors import UserError

Pixels = np.ndarray[Any, Any]
PAIRS = 12
BLOCK = 8
# largest range of levels in a flat block: above what JPEG of quality 88 leaves of one colour
FLAT = 12
# least that label maps have more of flat blocks than their photos; facades have 0.2, cityscapes 0.2, camvid 0.4
FLATTER = 0.05
# correlation of detail above which two pictures are one photo twice; facades, cityscapes and camvid stay below 0.5
SAME_DETAIL = 0.75


def check_drawn(train: Samples, config: DataConfig) -> None:
    """The side that ``data.drawn`` names has label maps, by the medians over some pairs.

    Label maps have more flat areas than their photos, and little of their detail. Classes (``data.labels``) that the
    files of that side hold are proof enough.

    Raises:
        UserError: both sides look like photos, or the other side has the label maps.
    """
    if config.drawn == "none" or not isinstance(train, Pictures) or train.decoder is decode_photo:
        return
    if train.labels is not None and train.labels.side == config.drawn:
        return
    other = "source" if config.drawn == "target" else "target"
    flatter, alike = [], []
    for index in np.unique(np.linspace(0, len(train) - 1, min(PAIRS, len(train))).astype(int)):
        pair = train.decode(int(index))
        if min(pair["source"].shape[:2]) >= BLOCK:
            flatter.append(flat_share(pair[config.drawn]) - flat_share(pair[other]))
            alike.append(same_detail(pair["source"], pair["target"]))
    if not flatter:
        return
    begin = f"data {config.path}: data.drawn={config.drawn} expects label maps as the {config.drawn}"
    if np.median(flatter) < -FLATTER and np.median(alike) < SAME_DETAIL:
        turned = "BtoA" if config.direction == "AtoB" else "AtoB"
        raise UserError(
            f"{begin}, and the {other} looks like them; data.direction={turned} or data.source and data.target "
            f"exchange the sides, data.drawn=none takes them as they are"
        )
    if np.median(flatter) < FLATTER or np.median(alike) >= SAME_DETAIL:
        raise UserError(
            f"{begin}, and both sides look like photos; --task paired learns from pairs of any kind, data.drawn=none "
            f"takes these as label maps all the same"
        )


def flat_share(picture: Pixels) -> float:
    """Share of blocks of 8 x 8 px of an (H, W, 3) uint8 picture in which no colour varies by more than 12 levels."""
    height, width = (side - side % BLOCK for side in picture.shape[:2])
    blocks = picture[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, -1)
    ranges = blocks.max((1, 3)).astype(int) - blocks.min((1, 3))
    return float(np.mean(ranges.max(-1) <= FLAT))


def same_detail(one: Pixels, other: Pixels) -> float:
    """Correlation of the slopes of two (H, W, 3) pictures, -1 to 1; 0 where one has none or their sizes differ."""
    if one.shape != other.shape:
        return 0.0
    slopes = [np.hypot(*np.gradient(picture.mean(2))).ravel() for picture in (one, other)]
    if min(float(slope.std()) for slope in slopes) == 0:
        return 0.0
    return float(np.corrcoef(slopes[0], slopes[1])[0, 1])
