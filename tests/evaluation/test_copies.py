"""Results that are no results: the targets, the sources, or the same folder twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_run import evaluate, make_folders, make_pairs, save
from translators import weights_file

import img2img
from conftest import picture
from img2img.errors import UserError


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    return make_folders(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *words: object) -> list[str]:
    """The notes of the table, which stand on stderr too where they are warnings."""
    assert evaluate(*words, "--format", "json") == 0
    captured = capsys.readouterr()
    notes = json.loads(captured.out)["notes"]
    assert [line.removeprefix("note: ") for line in captured.err.splitlines() if line.startswith("note: ")] == notes
    return notes


def test_the_targets_own_folder_is_refused_as_results(folders, capsys):
    (folders / "link").symlink_to(folders / "targets")
    for results in ("targets", "link", "dark/../targets"):
        words = ["--target", folders / "targets", "--results", f"a={folders / results}"]
        assert evaluate(*words, "--output", folders / "out") == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"--results a={folders / results}: is the folder of the targets" in line
        assert "name the folder of the results" in line
    words = ["--target", folders / "link", "--source", folders / "targets", "--results", f"a={folders / 'dark'}"]
    assert evaluate(*words) == 2
    assert "--source" in (line := capsys.readouterr().err)
    assert "name the folder of the untouched inputs" in line
    assert not (folders / "out").exists()
    with pytest.raises(UserError, match="is the folder of the targets"):
        img2img.evaluate(folders / "link", folders / "targets")


def test_results_that_are_the_sources_are_said(folders, capsys):
    words = ["--target", folders / "targets", "--source", folders / "dark"]
    all_of_a = ["all 3 results of a are byte-identical to their sources: were they translated at all?"]
    assert said(capsys, *words, "--results", f"a={folders / 'dark'}") == all_of_a
    shutil.copytree(folders / "dark", folders / "copy")
    assert said(capsys, *words, "--results", f"a={folders / 'copy'}") == all_of_a
    for number in (0, 1):
        save(folders / f"copy/{number}.png", picture(number) // 3)
    one = ["1 of 3 results of a is byte-identical to its source: were they translated at all?"]
    assert said(capsys, *words, "--results", f"a={folders / 'copy'}") == one
    # written anew as another format: the same pixels, other bytes
    (folders / "copy/2.png").unlink()
    save(folders / "copy/2.bmp", picture(2) // 2)
    one = ["1 of 3 results of a has the very pixels of its source: were they translated at all?"]
    assert said(capsys, *words, "--results", f"a={folders / 'copy'}") == one


def test_results_that_are_the_targets_are_said(folders, capsys):
    for number in (0, 2):
        shutil.copy(folders / f"targets/{number}.png", folders / "dark")
    words = ["--target", folders / "targets", "--results", f"a={folders / 'dark'}"]
    assert said(capsys, *words) == [
        "2 of 3 results of a are byte-identical to their targets: do the results lie there, or the targets?"
    ]
    assert evaluate(*words) == 0
    assert "do the results lie there, or the targets? Data set" in capsys.readouterr().out
    assert img2img.evaluate(folders / "same", folders / "targets").notes == (
        "all 3 results of results have the very pixels of their targets: do the results lie there, or the targets?",
    )


def test_sources_that_are_the_targets_are_said(folders, capsys):
    shutil.copytree(folders / "targets", folders / "copy")
    words = ["--target", folders / "targets", "--source", folders / "copy", "--results", f"a={folders / 'dark'}"]
    assert said(capsys, *words) == [
        "all 3 untouched inputs are byte-identical to their targets: are the inputs the degraded pictures?"
    ]


def test_a_folder_under_two_names_is_said(folders, capsys):
    (folders / "link").symlink_to(folders / "dark")
    words = ["--target", folders / "targets", "--results", f"a={folders / 'dark'}", f"b={folders / 'link'}"]
    assert said(capsys, *words) == ["a and b are the same folder"]


def test_ordinary_results_need_no_word(folders, capsys):
    for number in range(3):
        save(folders / f"dry/{number}.png", np.roll(picture(number), 1, 0))
    words = ["--target", folders / "targets", "--source", folders / "dark", "--results", f"a={folders / 'dry'}"]
    assert said(capsys, *words) == []


@pytest.mark.parametrize("holder", ["results", "target"])
def test_a_folder_that_holds_another_is_named(folders, holder):
    outer, inner = ("dark", "targets") if holder == "results" else ("targets", "dark")
    shutil.move(folders / inner, folders / outer / inner)
    places = {outer: folders / outer, inner: folders / outer / inner}
    flag = "--results ours" if holder == "results" else "--target"
    with pytest.raises(
        UserError, match=rf"no (target|result) for .*{inner}/0\.png and 2 more .*; {flag}.* holds the folder"
    ):
        img2img.evaluate({"ours": places["dark"]}, places["targets"])


def test_weights_that_change_nothing_are_said(tmp_path, capsys):
    identity = weights_file(tmp_path / "quick.safetensors")
    make_pairs(tmp_path / "pairs", range(3))
    notes = said(capsys, "--weights", f"a={identity}", "--data", tmp_path / "pairs", "--load", "none", "--crop", "none")
    assert [note for note in notes if "results of a" in note] == [
        "all 3 results of a are byte-identical to their sources: were they translated at all?"
    ]
