"""The data doctor on real sets: it finds by itself what their README says, and raises no false alarm."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from img2img.doctor import Diagnosis, examine
from img2img.recipes.settings import resolve


def look(task: str, folder: Path, *extra: str, **options: object) -> Diagnosis:
    return examine(resolve(task, None, str(folder), None, list(extra)).data, task, **options)


def groups(scenes: Mapping[str, str]) -> set[frozenset[str]]:
    together = defaultdict(set)
    for file, scene in scenes.items():
        together[scene].add(file)
    return {frozenset(files) for files in together.values()}


def kinds(diagnosis: Diagnosis) -> list[str]:
    return [finding.kind for finding in diagnosis.findings]


def test_rain800_is_as_its_readme_says_and_shares_nothing_with_rain100l(shared):
    data = shared / "data"
    diagnosis = look("derain", data / "rain800/train", "data.crop=256", against=data / "rain100L")
    assert diagnosis.parts[0].pictures == 614
    assert diagnosis.parts[0].scenes == {1: 178, 2: 110, 3: 54, 4: 11, 5: 2}
    assert sum(diagnosis.parts[0].scenes.values()) == 355
    # no exact copies, no shift, halves not swapped, nothing in common with the other set
    assert kinds(diagnosis) == ["small", "scenes"]
    small, scenes = diagnosis.findings
    assert [spot.files[0].stem for spot in small.spots] == ["43", "106", "114", "138", "159", "306", "307", "446"]
    assert len(scenes.spots) == 177
    assert sum(len(spot.files) for spot in scenes.spots) == 436
    assert diagnosis.status == 0
    with (data / "rain800/scenes.csv").open(newline="") as file:
        listed = {row["file"]: row["scene"] for row in csv.DictReader(file)}
    assert groups(diagnosis.scenes) == groups(listed)


def test_rain100l_has_26_scenes_and_nothing_of_rain800s_small_ones(shared):
    diagnosis = look("derain", shared / "data/rain100L")
    assert diagnosis.findings == ()
    assert (diagnosis.layout, diagnosis.parts[0].pictures, diagnosis.parts[0].scenes) == ("two_folders", 26, {1: 26})


def test_facades_have_blurred_label_colours_and_no_common_scene(shared):
    diagnosis = look("edges", shared / "data/facades")
    assert kinds(diagnosis) == ["blurred_labels", "blurred_labels"]
    assert all("colours of the source" in finding.text for finding in diagnosis.findings)
    assert [part.scenes for part in diagnosis.parts] == [{1: 200}, {1: 60}]
    assert diagnosis.status == 0


def test_camvid_has_twins_in_its_test_part_alone(shared):
    diagnosis = look("edges", shared / "data/camvid", "data.source=label", "data.target=photo")
    assert kinds(diagnosis) == ["scenes"]
    assert " of test show the same scene" in diagnosis.findings[0].text
    assert [part.pictures for part in diagnosis.parts] == [123, 43]


@pytest.mark.parametrize(
    ("task", "folder"),
    [("edges", "edges2shoes"), ("inpaint", "paris"), ("images", "utkface_200"), ("images", "celeba_89x109")],
)
def test_nothing_is_said_of_these(shared, task, folder):
    assert look(task, shared / "data" / folder).findings == ()


def test_real_rain_photos_are_one_grey_and_none_like_those_of_training(shared):
    diagnosis = look("derain", shared / "data/rain800/real", "data.layout=photos")
    assert kinds(diagnosis) == ["modes"]
    assert [spot.text for spot in diagnosis.findings[0].spots] == ["20.jpg: grey, 8 bits"]


@pytest.mark.parametrize(
    ("task", "folder", "wrong", "fix"),
    [
        ("derain", "rain800/train", ["data.direction=AtoB"], "data.direction=BtoA"),
        ("derain", "rain100L", ["data.source=target", "data.target=input"], "data.source=input data.target=target"),
        ("edges", "facades", ["data.direction=AtoB"], "data.direction=BtoA"),
        ("edges", "edges2shoes", ["data.direction=AtoB"], "data.direction=BtoA"),
        ("edges", "camvid", ["data.source=photo", "data.target=label"], "data.source=label data.target=photo"),
    ],
)
def test_a_quick_look_tells_the_wrong_direction_of_real_sets(shared, task, folder, wrong, fix):
    diagnosis = look(task, shared / "data" / folder, *wrong, quick=True)
    assert set(kinds(diagnosis)) == {"direction"}
    assert all(fix in finding.fix for finding in diagnosis.findings)
    right = [] if "direction" in wrong[0] else fix.split()
    assert look(task, shared / "data" / folder, *right, quick=True).findings == ()
