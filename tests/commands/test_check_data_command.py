"""``img2img check_data``: exit status, what goes where, scenes for training, and training's own quick look."""

from __future__ import annotations

import csv
import json
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from planted import made, save, scene, side_by_side, two_folders
from small_run import SMALL, tree

from img2img.commands import check_data, main
from img2img.data import open_data
from img2img.errors import RunError
from img2img.recipes.settings import resolve


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Path:
    return side_by_side(tmp_path_factory.mktemp("checked") / "pairs", range(8))


def check(data: Path, *more: object) -> int:
    return main(["check_data", "--task", "derain", "--data", str(data), "data.crop=64", *map(str, more)])


def twins(folder: Path) -> Path:
    """Eight scenes, four of them twice: the second time in other rain."""
    side_by_side(folder, range(8))
    for number in range(4):
        pixels = np.concatenate([scene(number), made("rain", scene(number), 90 + number)], 1)
        save(folder / f"again, {number}.png", pixels)
    return folder


def test_clean_data_are_0_and_nothing_is_written(clean, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = tree(clean)
    assert check(clean) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0] == "nothing stands against training on these data; 0 notes"
    assert f"{clean}: side_by_side, right half to left half (BtoA); 8 pairs of 8 scenes, each once" in shown.out
    assert "picture 8/8" in shown.err
    assert tree(clean) == before
    assert not list(tmp_path.iterdir())


def test_notes_are_0_and_faults_1(clean, tmp_path, capsys):
    shutil.copytree(clean, tmp_path / "set")
    assert check(tmp_path / "set", "--crop", 100) == 0
    assert "note: 8 of 8 pictures are smaller than the crop of 100 px" in capsys.readouterr().out
    assert check(tmp_path / "set", "data.direction=AtoB") == 1
    assert "wrong: likely the wrong direction" in capsys.readouterr().out
    (tmp_path / "set/0.png").write_bytes(b"")
    assert check(tmp_path / "set", "--quick") == 1
    assert "stops: 1 file cannot be read\n    0.png: empty file" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--data", "nowhere"], "--data nowhere: no such folder"),
        (["--quick", "--scenes", "s.csv"], "--scenes needs every picture: leave --quick out"),
        (["--quick", "--against", "pairs"], "--against needs every picture: leave --quick out"),
        (["--against", "nowhere"], "--against nowhere: no such folder"),
        (["--against", "empty"], "--against empty: no pictures in it"),
        (["--report", "pairs/page"], "--report pairs/page: lies inside the data"),
        (["--report", "file"], "file is a file, a folder is needed"),
        (["--scenes", "file"], "--scenes file: holds something else"),
        (["--scenes", "empty"], "--scenes empty: is a folder"),
        (["--scenes", "file/s.csv"], "file is a file, a folder is needed"),
        (["--crop", "0"], "0 is less than 1"),
        (["--tusk", "derain"], "unrecognized arguments: --tusk"),
        (["data.crop=none"], "data: crop"),
        (["data.kropp=3"], "kropp"),
        (["data.layout=arrays"], "data.layout=arrays"),
        (["--task", "derian"], "did you mean 'derain'"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_2(clean, tmp_path, capsys, monkeypatch, more, says):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(clean, "pairs")
    Path("empty").mkdir()
    Path("file").write_text("mine")
    before = tree(tmp_path)
    words = [] if "--data" in more else ["--data", "pairs"]
    task = [] if "--task" in more else ["--task", "derain"]
    assert main(["check_data", *task, *words, *more]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("img2img: ")
    assert says in shown.err
    assert shown.err.count("\n") == 1
    assert tree(tmp_path) == before


def test_a_folder_is_needed(capsys):
    assert main(["check_data", "--task", "derain"]) == 2
    assert "--data is needed" in capsys.readouterr().err
    assert main(["check_data", "--data", "x"]) == 2
    assert "--task" in capsys.readouterr().err


def test_json_is_all_of_stdout(clean, tmp_path, capsys):
    shutil.copytree(clean, tmp_path / "set")
    (tmp_path / "set/7.png").write_bytes(b"")
    assert check(tmp_path / "set", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == 1
    assert [(finding["kind"], finding["weight"]) for finding in told["findings"]] == [("unreadable", "stops")]
    assert told["findings"][0]["spots"] == [
        {"text": "7.png: empty file", "files": [str(tmp_path / "set/7.png")]}]  # fmt: skip


def test_scenes_go_round_into_trainings_split(tmp_path, capsys):
    data, table = twins(tmp_path / "set"), tmp_path / "scenes.csv"
    assert check(data, "--scenes", table) == 0
    assert f"{table}: 8 scenes of 12 pictures; train with data.scenes={table}" in capsys.readouterr().err
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    scenes = {row["file"]: row["scene"] for row in rows}
    assert len(rows) == 12
    assert all(scenes[f"again, {number}.png"] == scenes[f"{number}.png"] for number in range(4))
    assert len(set(scenes.values())) == 8
    settings = [f"data.scenes={table}", "data.validation=0.3", "data.crop=64"]
    for seed in range(4):
        split = open_data(resolve("derain", None, str(data), None, settings).data, seed)
        held, kept = ({scenes[name] for name in part.names} for part in (split.validation, split.train))
        assert held
        assert not held & kept
        assert split.scenes == scenes
    # by another table training splits otherwise: it is the table that decides
    table.write_text("file,scene\n" + "".join(f'"{name}",one\n' for name in scenes))
    assert not open_data(resolve("derain", None, str(data), None, settings).data, 0).validation


def test_scenes_of_two_folders_and_of_the_training_part(tmp_path):
    two_folders(tmp_path / "set/train", range(5))
    two_folders(tmp_path / "set/test", range(20, 23))
    table = tmp_path / "scenes.csv"
    assert check(tmp_path / "set", "--scenes", table) == 0
    assert len(table.read_text().splitlines()) == 6
    assert check(tmp_path / "set", "--scenes", table) == 0, "it may be written again"
    assert check(tmp_path / "set", f"data.scenes={table}") == 0


def test_a_page_is_written_beside_the_text(clean, tmp_path, capsys):
    assert check(clean, "--report", tmp_path / "page") == 0
    shown = capsys.readouterr()
    assert f"page: {tmp_path / 'page/index.html'}" in shown.err
    assert shown.out.startswith("nothing stands against")
    assert list(tree(tmp_path / "page")) == ["index.html"]


def test_what_was_found_is_told_where_the_page_cannot_be_written(clean, tmp_path, capsys, monkeypatch):
    def full(*_: object) -> None:
        raise RunError("page: no space left")

    monkeypatch.setattr("img2img.reports.pages.doctor.write_page", full)
    assert check(clean, "--report", tmp_path / "page") == 1
    shown = capsys.readouterr()
    assert shown.out.startswith("nothing stands against")
    assert "no space left" in shown.err


def test_the_methods_data_settings_can_be_asked_for(clean, capsys):
    assert main(["check_data", "--task", "edges", "--method", "pix2pix", "--data", str(clean), "--quick"]) == 0
    assert "smaller than the crop" not in capsys.readouterr().out, "pix2pix enlarges to 286"
    assert main(["check_data", "--task", "edges", "--data", str(clean), "--quick", "data.load=null"]) == 0
    assert "smaller than the crop of 256 px" in capsys.readouterr().out


def test_the_tool_is_the_command(clean, capsys, monkeypatch):
    tool = Path(__file__).resolve().parents[2] / "tools/check_data.py"
    monkeypatch.setattr(sys, "argv", [str(tool), "--task", "derain", "--data", str(clean), "--quick", "data.crop=64"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(tool), run_name="__main__")
    assert stop.value.code == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "nothing stands against training on these data at a quick look; 0 notes"


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["check_data", "--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert all(flag in shown for flag in check_data.arguments()._option_string_actions)
    assert main(["--help"]) == 0
    assert "  check_data  say what" in capsys.readouterr().out


def test_training_looks_quickly_by_itself(clean, tmp_path, capsys):
    words = ["train", "--task", "derain", "--method", "l1", "--data", str(clean), *SMALL, "train.steps=2"]
    assert main([*words, "--output", str(tmp_path / "run"), "data.direction=AtoB"]) == 0
    err = capsys.readouterr().err
    assert "data doctor: likely the wrong direction" in err
    assert "data doctor: the whole look" in err
    assert f"img2img check_data --task derain --data {clean}\n" in err
