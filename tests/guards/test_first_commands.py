"""The commands of docs/index.md, in their order, on small data: each takes what the one before has left."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from planted import scene, side_by_side
from small_run import SMALL, save, tree

from img2img.commands import main
from img2img.data import DataConfig
from img2img.data.synthesis import SYNTHESES

ROOT = Path(__file__).resolve().parents[2]


def own_pictures() -> list[list[str]]:
    """The words of each command under "Your own pictures"."""
    text = (ROOT / "docs/index.md").read_text(encoding="utf-8").partition("## Your own pictures")[2]
    block = re.search(r"```sh\n(.*?)```", text, re.DOTALL)[1]
    return [shlex.split(line, comments=True) for line in block.splitlines() if line.strip()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the commands name: pairs to train on; photos, and what they should look like."""
    monkeypatch.chdir(tmp_path)
    side_by_side(tmp_path / "datasets/rain800/train", range(8))
    for number in range(20, 23):
        rain = SYNTHESES["rain"](scene(number), DataConfig(), np.random.default_rng(number), 96)["source"]
        save(tmp_path / f"FOLDER/{number}.png", rain)
        save(tmp_path / f"CLEAN/{number}.png", scene(number))
    return tmp_path


def test_the_commands_of_your_own_pictures_follow_one_another(folder, capsys):
    commands = own_pictures()
    names = ("check_data", "train", "infer", "evaluate")
    assert [words[:2] for words in commands] == [["img2img", name] for name in names]
    before = {name: tree(folder / name) for name in ("datasets", "FOLDER", "CLEAN")}
    for words in commands:
        # as it stands there, but for the length of the training
        small = SMALL if words[1] == "train" else []
        assert main([*words[1:], *small]) == 0, (words, capsys.readouterr().err)
    assert {"20.png", "21.png", "22.png"} <= set(tree(folder / "ANOTHER"))
    table = capsys.readouterr().out.splitlines()
    assert any(line.startswith("| mine |") for line in table)
    assert (folder / "REPORT/report.html").is_file()
    # and once more: training goes on, results are kept, the report is made anew
    shutil.rmtree(folder / "REPORT")
    for words in commands:
        assert main([*words[1:], *(SMALL if words[1] == "train" else [])]) == 0
    assert {name: tree(folder / name) for name in before} == before
