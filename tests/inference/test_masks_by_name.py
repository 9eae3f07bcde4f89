"""Masks where people have them: one file for one picture, NAME_mask in their folder or beside the pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from translators import translator

from conftest import picture
from img2img.errors import UserError
from img2img.inference import list_jobs


@pytest.fixture(scope="module")
def filler():
    return translator({"name": "residual", "width": 4}, flow="inpaint")


def save(path: Path, number: int | None = None) -> Path:
    """A picture, or a mask whose left half is a hole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hole = np.zeros((48, 64), np.uint8)
    hole[:, :32] = 255
    Image.fromarray(hole if number is None else picture(number)).save(path)
    return path


def jobs(filler, given: Path, masks: Path | None) -> dict[str, str]:
    return {job.source.name: job.mask.name for job in list_jobs(filler, given, given.parent / "out", masks, None, 1)}


def test_one_file_is_the_mask_of_one_picture(filler, tmp_path):
    one, mask = save(tmp_path / "in/a.png", 0), save(tmp_path / "hole.png")
    assert jobs(filler, one, mask) == {"a.png": "hole.png"}
    with pytest.raises(UserError, match=r"is one mask, but --input .*in is a folder; name a folder of masks"):
        jobs(filler, tmp_path / "in", mask)


def test_a_result_does_not_replace_its_mask(filler, tmp_path):
    one, mask = save(tmp_path / "in/a.png", 0), save(tmp_path / "hole.png")
    with pytest.raises(UserError, match="would replace its mask"):
        list_jobs(filler, one, mask, mask, None, 1)


def test_masks_in_their_folder_may_be_called_name_mask(filler, tmp_path):
    for number, name in enumerate(("a.jpg", "b.png", "sub/c.png")):
        save(tmp_path / "in" / name, number)
    for name in ("a_mask.png", "b.png", "sub/c_mask.png"):
        save(tmp_path / "masks" / name)
    assert jobs(filler, tmp_path / "in", tmp_path / "masks") == {
        "a.jpg": "a_mask.png", "b.png": "b.png", "c.png": "c_mask.png"
    }  # fmt: skip
    save(tmp_path / "masks/b_mask.png")
    with pytest.raises(UserError, match="are for the same picture; keep one"):
        jobs(filler, tmp_path / "in", tmp_path / "masks")


def test_a_picture_may_itself_be_called_so(filler, tmp_path):
    for number, name in enumerate(("a.png", "a_mask.png")):
        save(tmp_path / "in" / name, number)
        save(tmp_path / "masks" / name)
    assert jobs(filler, tmp_path / "in", tmp_path / "masks") == {"a.png": "a.png", "a_mask.png": "a_mask.png"}


@pytest.mark.parametrize("said", [False, True])
def test_masks_beside_the_pictures_are_no_pictures(said, filler, tmp_path):
    for number, name in enumerate(("a.jpg", "sub/b.png")):
        save(tmp_path / "in" / name, number)
    for name in ("a_mask.png", "sub/b_mask.png"):
        save(tmp_path / "in" / name)
    masks = tmp_path / "in" if said else None
    assert jobs(filler, tmp_path / "in", masks) == {"a.jpg": "a_mask.png", "b.png": "b_mask.png"}
    assert jobs(filler, tmp_path / "in/a.jpg", None) == {"a.jpg": "a_mask.png"}
    (tmp_path / "in/a_mask.png").unlink()
    with pytest.raises(UserError, match=r"no mask for .*a\.jpg \(white = hole"):
        jobs(filler, tmp_path / "in", masks)


@pytest.mark.parametrize("beside", [False, True])
def test_masks_of_other_names_are_found_by_a_pattern(beside, filler, tmp_path):
    for number, name in enumerate(("a.jpg", "sub/b.png")):
        save(tmp_path / "in" / name, number)
    folder = tmp_path / ("in" if beside else "masks")
    for name in ("a_hole.png", "sub/b_hole.png"):
        save(folder / name)
    given = (tmp_path / "in", tmp_path / "out", None if beside else folder, None, 1)
    found = {job.source.name: job.mask.name for job in list_jobs(filler, *given, "{}_hole")}
    assert found == {"a.jpg": "a_hole.png", "b.png": "b_hole.png"}
    with pytest.raises(UserError, match="no mask for"):
        list_jobs(filler, *given)
    with pytest.raises(UserError, match=r"--match hole: needs \{\} for the picture's name"):
        list_jobs(filler, *given, "hole")


def test_the_pattern_of_masks_is_proposed(filler, tmp_path):
    save(tmp_path / "in/a.png", 0)
    save(tmp_path / "masks/hole-a.png")
    with pytest.raises(UserError, match=r"; '--match=hole-\{\}' would match all"):
        list_jobs(filler, tmp_path / "in", tmp_path / "out", tmp_path / "masks", None, 1)
