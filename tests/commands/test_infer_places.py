"""``infer IN OUT``: the same as the flags, and never beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_run import save, tree
from translators import weights_file

from conftest import picture
from img2img.commands import main
from img2img.commands.infer import arguments


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        save(tmp_path / f"photos/{number}.png", picture(number))
    return str(weights_file(tmp_path / "w.safetensors"))


@pytest.mark.parametrize(
    "words",
    [
        ["--input", "photos", "--output", "dry"],
        ["photos", "dry"],
        ["photos", "--output", "dry"],
        ["photos", "--tile", "off", "dry"],
        ["--overwrite", "photos", "dry"],
    ],
)
def test_both_forms_are_one(words, weights):
    assert main(["infer", "--weights", weights, *words]) == 0
    assert set(tree(Path("dry"))) == {"0.png", "1.png"}


def test_one_picture_to_one_file(weights):
    assert main(["infer", "--weights", weights, "photos/1.png", "one.jpg"]) == 0
    assert Path("one.jpg").is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["photos", "dry", "--input", "photos"], "photos beside --input photos: give one of them"),
        (["photos", "dry", "--output", "wet"], "dry beside --output wet: give one of them"),
        (["photos", "--input", "others", "--output", "wet"], "photos beside --input others: give one of them"),
        (["photos/0.png", "photos/1.png", "dry"], "dry: one input and one output are taken; name a folder"),
        (["photos"], "--output is needed"),
        (["--input", "photos"], "--output is needed"),
        (["--output", "dry"], "--input is needed"),
    ],
)
def test_contradictions_are_refused(words, says, weights, capsys):
    before = tree(Path())
    assert main(["infer", "--weights", weights, *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert tree(Path()) == before


def test_help_shows_both_forms():
    text = arguments().format_help()
    assert "infer --weights runs/derain --input photos --output dry\n" in text
    assert "infer --weights runs/derain photos dry " in text
