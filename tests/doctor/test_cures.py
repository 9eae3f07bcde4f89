"""Each cure that the doctor prints is done as it is printed: the fault is gone, and the set can be opened."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from planted import save, side_by_side
from test_examine import CLEAN, FAULTS, PAIRS, TRAIN, clean, look

from img2img.commands import main
from img2img.data import open_data
from img2img.doctor import as_text, quick
from img2img.doctor.findings import Finding
from img2img.recipes.settings import resolve

__all__ = ["clean"]
OVERRIDE = re.compile(r"\b(?:data|train)\.\w+=[^\s,;)]+")
COMMAND = re.compile(r"img2img check_data [^,;]+")
# the finding is about a file that has no partner, or one too many: it alone goes
ALONE = ("no_partner", "double_name")


def follow(finding: Finding, root: Path) -> list[str]:
    """Do what a fix says: its command, or remove what it names; the overrides that it adds."""
    for line in COMMAND.findall(finding.fix):
        assert main(shlex.split(line)[1:]) in (0, 1)
    added = OVERRIDE.findall(finding.fix)
    if finding.kind == "empty":
        (folder,) = [folder for folder in root.rglob("*") if folder.is_dir() and not any(folder.iterdir())]
        folder.rmdir()
    elif finding.kind == "some_swapped":
        for spot in finding.spots:
            pixels = np.asarray(Image.open(spot.files[0]))
            save(spot.files[0], np.roll(pixels, pixels.shape[1] // 2, 1))
    elif not added and re.search(r"remove|keep one", finding.fix):
        for spot in finding.spots:
            # a pair in two folders is removed on both sides
            (file, *_) = spot.files
            sides = () if finding.kind in ALONE else (file.parent.parent / side for side in ("source", "target"))
            for path in (file, *(side / file.name for side in sides)):
                path.unlink(missing_ok=True)
    return added


def cured(root: Path, *extra: str) -> None:
    """Follow each fix of a set, and look again."""
    # what was removed may have been the last of its folder
    for _ in range(2):
        for finding in look(root, *extra).findings:
            extra = (*extra, *follow(finding, root))
    after = look(root, *extra)
    # scenes that are fixed in a file are still as many
    assert {finding.kind for finding in after.findings} <= {"scenes"}, after.findings
    assert after.status == 0
    data = open_data(resolve("derain", None, str(root), None, ["data.load=null", *extra]).data, 0)
    assert len(data.train) > 0


# what must be made anew by hand, or be put beside, cannot be done here
BY_HAND = {"stray", "lying"}


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in BY_HAND])
def test_cures_of_pairs_side_by_side(clean, tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(clean / "rain", tmp_path / "set")
    FAULTS[name][0](tmp_path / "set")
    cured(tmp_path / "set", "data.layout=side_by_side")


@pytest.mark.parametrize("name", [name for name in PAIRS if name != "empty side"])
def test_cures_of_two_folders(clean, tmp_path, name):
    shutil.copytree(clean / "two", tmp_path / "set")
    PAIRS[name][0](tmp_path / "set")
    cured(tmp_path / "set")


@pytest.mark.parametrize("name", CLEAN)
def test_commands_that_name_a_set_take_it_as_it_was(clean, tmp_path, name, monkeypatch, capsys):
    """Also where the name of the folder has a space, and the layout had to be said."""
    monkeypatch.chdir(tmp_path)
    task, folder, extra = CLEAN[name]
    root = tmp_path / "my set"
    shutil.copytree(clean / folder, root)
    config = resolve(task, None, str(root), None, ["data.load=null", "data.crop=64", *extra]).data
    lines = [*quick(config, task)[-1:], as_text(look(root, *extra, task=task, quick=True)).splitlines()[-1]]
    for line in lines:
        (command,) = COMMAND.findall(line)
        words = shlex.split(command)[1:]
        # the direction is the task's own: it is what the doctor looks at, and needs no layout
        turned = [word for word in extra if word.startswith("data.direction=")]
        assert main([*words, *turned]) == 0, capsys.readouterr().err


def test_scenes_that_are_written_are_trained_with(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    side_by_side(tmp_path / "set", TRAIN)
    assert main(["check_data", "--task", "derain", "--data", "set", "--scenes", "my scenes.csv"]) == 0
    line = next(line for line in capsys.readouterr().err.splitlines() if "train with" in line)
    added = shlex.split(line.partition("; ")[2])[-1]
    assert added == "data.scenes=my scenes.csv"
    assert open_data(resolve("derain", None, "set", None, [added]).data, 0).scenes
