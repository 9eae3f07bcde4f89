"""Source and target that are the same folder, or copies of the same files, are found at a quick look too."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from planted import photos, save, scene, two_folders

from img2img.doctor import Diagnosis, as_text, examine, quick
from img2img.recipes.settings import resolve


def look(root: Path, *extra: str, task: str = "derain", hasty: bool = False) -> Diagnosis:
    config = resolve(task, None, str(root), None, ["data.crop=64", "data.load=null", *extra]).data
    return examine(config, task, threads=2, quick=hasty)


hasty = pytest.mark.parametrize("hasty", [False, True], ids=["whole", "quick"])


@hasty
def test_a_link_to_the_other_side(tmp_path, hasty):
    two_folders(tmp_path / "set", range(6))
    shutil.rmtree(tmp_path / "set/source")
    (tmp_path / "set/source").symlink_to("target")
    report = look(tmp_path / "set", hasty=hasty)
    assert [(finding.kind, finding.weight) for finding in report.findings] == [("same_folder", "wrong")]
    assert report.status == 1
    text = as_text(report)
    assert "source and target are the same folder (source and target)" in text
    assert f"source leads to {(tmp_path / 'set/target').resolve()}" in text


@hasty
def test_one_name_for_both_sides(tmp_path, hasty):
    two_folders(tmp_path / "set", range(6))
    report = look(tmp_path / "set", "data.source=target", "data.target=target", hasty=hasty)
    assert [finding.kind for finding in report.findings] == ["same_folder"]


@hasty
def test_unpaired_sides_of_one_folder(tmp_path, hasty):
    for part, numbers in (("trainA", range(6)), ("testA", range(40, 43)), ("testB", range(20, 24))):
        photos(tmp_path / part, numbers)
    (tmp_path / "trainB").symlink_to("trainA")
    report = look(tmp_path, task="unpaired", hasty=hasty)
    assert ("same_folder", "wrong") in [(finding.kind, finding.weight) for finding in report.findings]
    assert report.status == 1


@hasty
def test_a_copied_folder(tmp_path, hasty):
    two_folders(tmp_path / "set", range(6))
    shutil.rmtree(tmp_path / "set/source")
    shutil.copytree(tmp_path / "set/target", tmp_path / "set/source")
    (finding,) = look(tmp_path / "set", hasty=hasty).findings
    assert (finding.kind, finding.weight, len(finding.spots)) == ("same_sides", "wrong", 6)
    assert finding.text.startswith("in 6 of 6 pairs source and target")


@hasty
def test_one_copied_file_of_many(tmp_path, hasty):
    two_folders(tmp_path / "set", range(12))
    shutil.copy(tmp_path / "set/target/3.png", tmp_path / "set/source/3.png")
    (finding,) = look(tmp_path / "set", hasty=hasty).findings
    assert (finding.kind, finding.weight) == ("same_sides", "note")
    assert [spot.text for spot in finding.spots] == ["source/3.png"]


def test_files_of_the_same_length_are_read(tmp_path):
    # uncompressed, so that all files are of one length
    for number in range(5):
        for side in ("source", "target"):
            save(tmp_path / f"{side}/{number}.bmp", scene(number if side == "target" else 20 + number))
    shutil.copy(tmp_path / "target/2.bmp", tmp_path / "source/2.bmp")
    (finding,) = [finding for finding in look(tmp_path, hasty=True).findings if finding.kind == "same_sides"]
    assert [spot.text for spot in finding.spots] == ["source/2.bmp"]


def test_training_says_so(tmp_path):
    two_folders(tmp_path / "set", range(6))
    shutil.rmtree(tmp_path / "set/source")
    (tmp_path / "set/source").symlink_to("target")
    config = resolve("derain", None, str(tmp_path / "set"), None, ["data.crop=64", "data.load=null"]).data
    assert any("source and target are the same folder" in line for line in quick(config, "derain"))
