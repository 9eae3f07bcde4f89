"""Holes of training photos out of files: masks called as their photo, NAME_mask, or by a pattern."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from small_run import save

from conftest import picture, small
from img2img.compute.distributed import World
from img2img.data import open_data
from img2img.doctor import examine
from img2img.errors import UserError
from img2img.recipes.settings import resolve
from img2img.training.train import train

FILL = (117, 104, 123)
NUMBERS = range(6)


def hole(number: int, top: int = 255) -> np.ndarray:
    """(48, 64) mask: as many columns as the picture's number says, and one more."""
    mask = np.zeros((48, 64), np.uint8)
    mask[:, : 8 * (number + 1)] = top
    return mask


def set_of(root: Path, masks: str, top: int = 255) -> Path:
    """Photos in ``photos``, and their masks under a name with ``{}``."""
    for number in NUMBERS:
        save(root / f"photos/{number}.png", picture(number))
        save(root / masks.format(number), hole(number, top))
    return root / "photos"


def config(photos: Path, *extra: str):
    words = ["data.load=null", "data.crop=32", "data.validation=0.0", "data.validation_crop=null", *extra]
    return resolve("inpaint", "l1", str(photos), None, words).data


WAYS = {
    "called alike": ("masks/{}.png", []),
    "NAME_mask": ("masks/{}_mask.png", []),
    "beside the photos": ("photos/{}_mask.png", []),
    "by a pattern": ("masks/hole-{}.png", ["data.hole.match=hole-{}"]),
    "by a pattern beside them": ("photos/{}_hole.png", ["data.hole.match={}_hole"]),
    "below the photos": ("photos/holes/{}.png", []),
}


@pytest.mark.parametrize("top", [255, 1], ids=["0 and 255", "0 and 1"])
@pytest.mark.parametrize("way", WAYS)
def test_each_photo_has_the_hole_of_its_mask(way, top, tmp_path):
    masks, extra = WAYS[way]
    photos = set_of(tmp_path, masks, top)
    words = [f"data.hole.masks={(tmp_path / masks).parent}", *extra]
    data = open_data(config(photos, *words), 0)
    assert list(data.train.names) == [f"{number}.png" for number in NUMBERS]
    for number in NUMBERS:
        whole = data.train.whole(number)
        assert np.array_equal(whole["target"], picture(number))
        inside = hole(number) > 0
        assert np.array_equal(whole["mask"][:, :, 0] > 0, inside)
        assert (whole["source"][inside] == FILL).all()
        assert np.array_equal(whole["source"][~inside], picture(number)[~inside])
        sample = data.train.sample(0, number, 0)
        assert set(sample["mask"].unique().tolist()) <= {0.0, 1.0}
        for channel, level in enumerate(FILL):
            filled = sample["source"][channel][sample["mask"][0] == 1]
            assert torch.allclose(filled, torch.tensor(level / 127.5 - 1))
    # the masks are part of what a run was trained on
    names = [entry["name"] for entry in data.manifest["files"]]
    assert len(names) == 2 * len(NUMBERS)
    # nor does the doctor take them for photos
    assert sum(part.pictures for part in examine(config(photos, *words), "inpaint").parts) == len(NUMBERS)


def test_the_pattern_that_would_fit_is_proposed_and_does(tmp_path):
    photos = set_of(tmp_path, "masks/{}_cut.png")
    masks = f"data.hole.masks={tmp_path / 'masks'}"
    with pytest.raises(UserError, match=r"no mask for 0\.png and 5 more \(called NAME or NAME_mask\)") as refused:
        open_data(config(photos, masks), 0)
    cure = shlex.split(re.search(r"; (.*) would match all", str(refused.value))[1])
    assert cure == ["data.hole.match={}_cut"]
    assert len(open_data(config(photos, masks, *cure), 0).train) == len(NUMBERS)


def test_masks_that_do_not_fit_are_refused(tmp_path):
    photos = set_of(tmp_path, "masks/{}.png")
    masks = f"data.hole.masks={tmp_path / 'masks'}"
    save(tmp_path / "masks/3.png", hole(3)[:40])
    with pytest.raises(UserError, match=r"3\.png: a mask and its picture have one size \(64x40 against 64x48\)"):
        open_data(config(photos, masks), 0)
    save(tmp_path / "masks/3.png", hole(3))
    save(tmp_path / "masks/3_mask.png", hole(3))
    with pytest.raises(UserError, match="are for the same picture; keep one"):
        open_data(config(photos, masks), 0)
    for words, says in (
        ([masks, "data.hole.match=hole"], "needs {} for the photo's name"),
        (["data.hole.match={}_hole"], "give their folder"),
        ([masks, "data.synthesis=rain"], "data.synthesis=hole is needed"),
        ([f"data.hole.masks={tmp_path / 'nowhere'}"], f"data.hole.masks={tmp_path / 'nowhere'}: no such folder"),
    ):
        with pytest.raises(UserError, match=re.escape(says)):
            open_data(config(photos, *words), 0)


def test_a_network_that_fills_holes_is_trained_on_them(tmp_path):
    photos = set_of(tmp_path, "masks/{}_mask.png")
    extra = {"data.hole.masks": tmp_path / "masks", "data.validation_load": "null", "train.batch": 2}
    done = train(small("pix2pix", "inpaint", **extra, **{"data.path": photos}), World(), tmp_path / "run")
    assert done.progress.step == 2


def test_pairs_with_masks_of_their_own(tmp_path):
    """Sources that have their holes already, as the flow that fills holes needs them."""
    for number in NUMBERS:
        holed = np.where(hole(number)[:, :, None] > 0, np.uint8(255), picture(number))
        for folder, pixels in (("input", holed), ("target", picture(number)), ("holes", hole(number))):
            save(tmp_path / f"{'data' if folder != 'holes' else '.'}/{folder}/{number}.png", pixels)
    data = open_data(config(tmp_path / "data", f"data.hole.masks={tmp_path / 'holes'}"), 0)
    whole = data.train.whole(2)
    assert (whole["source"][hole(2) > 0] == 255).all()
    assert np.array_equal(whole["mask"][:, :, 0], hole(2))
