"""Folders of photos and of drawings: the task says which is the source."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from img2img.data.config import DataConfig
from img2img.data.layouts import read_layout
from img2img.errors import UserError


def pairs(root, first: str, second: str) -> None:
    for folder in (first, second):
        for number in range(3):
            place = root / folder / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((8, 8, 3), 40 * number, np.uint8)).save(place)


SIDES = [("source", "labels", "photos"), ("target", "photos", "labels")]


@pytest.mark.parametrize(("drawn", "source", "target"), SIDES)
@pytest.mark.parametrize("part", ["", "train/"])
def test_the_task_says_which_of_photos_and_labels_goes_in(drawn, source, target, part, tmp_path):
    pairs(tmp_path, f"{part}photos", f"{part}labels")
    layout = read_layout(tmp_path, DataConfig(drawn=drawn))
    (folders,) = layout.parts.values()
    assert [folder.name for folder in folders] == [source, target]


def test_without_a_drawn_side_the_names_say_nothing(tmp_path):
    pairs(tmp_path, "photos", "labels")
    with pytest.raises(UserError, match=r"say which is the source: data\.source=labels data\.target=photos"):
        read_layout(tmp_path, DataConfig())


def test_two_folders_of_drawings_leave_doubt(tmp_path):
    pairs(tmp_path, "photos", "labels")
    pairs(tmp_path, "photos", "edges")
    with pytest.raises(UserError, match="say which is the source"):
        read_layout(tmp_path, DataConfig(drawn="target"))
