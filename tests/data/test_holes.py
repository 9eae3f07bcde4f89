"""Holes that are made: their statistics against the recipes that were published, and what cannot be a hole."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from skimage.measure import label
from small_run import save

from conftest import picture
from img2img.data import open_data
from img2img.data.config import DataConfig, Hole
from img2img.data.holes import HOLES, made_hole
from img2img.errors import UserError
from img2img.flows import FLOWS
from img2img.recipes.settings import resolve
from img2img.types import Batch


def masks(kind: str, count: int = 60, height: int = 128, width: int = 128, **options) -> np.ndarray:
    hole = Hole(kind=kind, **options)
    made = [made_hole(height, width, hole, np.random.default_rng(seed)) for seed in range(count)]
    assert all(mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 255} for mask in made)
    return np.stack(made) > 0


def test_a_centre_with_overlap_is_train_lua_s():
    # train.lua, 1-based and inclusive: 1 + 128/4 + 4 to 128/2 + 128/4 - 4, so 37 to 92
    (mask,) = masks("centre", 1, overlap=4)
    wanted = np.zeros((128, 128), bool)
    wanted[36:92, 36:92] = True
    assert np.array_equal(mask, wanted)
    (whole,) = masks("centre", 1)
    assert whole.sum() == 64 * 64
    assert whole[32:96, 32:96].all()


def test_random_blocks_cover_a_quarter_and_overlap_somewhat_at_most_one_block_more():
    covered = masks("blocks").mean((1, 2))
    # the last block is at most 0.35 squared of the picture
    assert covered.min() >= 0.25
    assert covered.max() < 0.25 + 0.35**2
    assert 0.25 < covered.mean() < 0.33


def test_a_random_region_is_within_train_random_lua_s_bounds():
    made = masks("region")
    covered = made.mean((1, 2))
    # crops of 20 to 30 % are accepted there, about a threshold of 25 %
    assert ((covered > 0.2) & (covered < 0.3)).all()
    assert abs(covered.mean() - 0.25) < 0.01
    # any place is hidden as often as any other, unlike the centre, and regions are blobs
    assert np.abs(made.mean(0)[8:-8, 8:-8] - 0.25).max() < 0.3
    assert np.median([label(mask).max() for mask in made]) < 20


def test_strokes_are_thin_bent_and_cover_what_is_asked():
    made = masks("strokes")
    covered = made.mean((1, 2))
    assert covered.min() >= 0.25
    assert covered.mean() < 0.32
    assert len({mask.tobytes() for mask in made}) == len(made)

    # how far the innermost hidden pixel lies from what is known
    def thickest(mask: np.ndarray) -> float:
        return float(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5).max())

    strokes, blocks = (np.mean([thickest(mask) for mask in masks(kind)]) for kind in ("strokes", "blocks"))
    assert strokes < 0.75 * blocks
    # and they reach the border of the picture, which a centre never does
    assert np.mean([mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any() for mask in made]) > 0.5


@pytest.mark.parametrize("kind", HOLES)
@pytest.mark.parametrize("sides", [(37, 91), (200, 64)])
def test_any_size_and_the_same_for_the_same_numbers(kind, sides):
    one, other = masks(kind, 3, *sides), masks(kind, 3, *sides)
    assert np.array_equal(one, other)
    assert one.shape[1:] == sides


@pytest.mark.parametrize(
    ("height", "width", "options", "words"),
    [
        (1, 1, {}, ("1x1", "all of it", "data.hole.share")),
        (12, 16, {"overlap": 4}, ("16x12", "nothing of it", "data.hole.overlap (it is 4)")),
    ],
)
def test_what_would_be_no_hole_is_refused_in_a_line(height, width, options, words):
    with pytest.raises(UserError) as caught:
        made_hole(height, width, Hole(**options), np.random.default_rng(0))
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)


def test_the_task_s_overlap_is_about_centres_alone():
    assert resolve("inpaint", "l1", None, None, []).data.hole.overlap == 4
    options = resolve("inpaint", "l1", None, None, ["data.hole.kind=blocks"]).data.hole
    mask = made_hole(128, 128, options, np.random.default_rng(0))
    assert np.array_equal(mask, made_hole(128, 128, Hole(kind="blocks"), np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("level", "words"), [(0, "has no hole"), (255, "is all hole, nothing is left to fill it from")]
)
def test_masks_out_of_files_that_are_no_hole_or_all_of_it_are_refused_at_once(level, words, tmp_path):
    for number in range(3):
        save(tmp_path / f"photos/{number}.png", picture(number))
        mask = np.zeros((48, 64), np.uint8)
        mask[8:20, 8:20] = 255
        save(tmp_path / f"masks/{number}.png", mask if number else np.full_like(mask, level))
    config = DataConfig(
        path=str(tmp_path / "photos"), synthesis="hole", hole=Hole(masks=str(tmp_path / "masks")), validation=0.0
    )
    with pytest.raises(UserError, match=rf"masks/0.png: {words}; make the hole white"):
        open_data(config, 0)


@pytest.mark.parametrize("kind", HOLES)
def test_known_pixels_come_back_bit_for_bit_whatever_the_hole(kind):
    mask = torch.from_numpy(masks(kind, 4))[:, None].float()
    source = torch.rand(4, 3, 128, 128) * 2 - 1
    made = FLOWS["inpaint"]().images({"generator": lambda x: x * 0.5}, Batch(source=source, mask=mask))["fake"]
    known = (mask == 0).expand_as(source)
    assert torch.equal(made[known], source[known])
    assert not torch.equal(made, source)
