"""Names as file systems have them: bytes that are no UTF-8, accents as one character or two, CSV with its mark."""

from __future__ import annotations

import csv
import io
import json
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_run import evaluate, train, tree
from translators import translator

from conftest import picture
from img2img.commands import main
from img2img.config import build, dump_yaml, parse_yaml, plain
from img2img.data.config import DataConfig
from img2img.data.matching import by_stem, checked_pairs
from img2img.data.patterns import PLAIN
from img2img.data.split import read_scenes, scene_table
from img2img.errors import UserError
from img2img.inference import list_jobs

ODD = os.fsdecode(b"caf\xe9")  # Latin-1
COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "caf\xe9") for form in ("NFC", "NFD"))


def save(path: Path, pixels: np.ndarray) -> None:
    """Through a buffer: Pillow itself opens what the system can name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Six pairs in two folders below a folder, whose names are all no UTF-8."""
    for number in range(6):
        save(tmp_path / ODD / f"source/{number}{ODD}.png", picture(number) // 2)
        save(tmp_path / ODD / f"target/{number}{ODD}.png", picture(number))
    return tmp_path / ODD


def test_training_and_evaluation_of_names_that_are_no_utf8(odd, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    before = tree(odd)
    assert (
        main(["check_data", "--task", "derain", "--data", str(odd), "--scenes", "scenes.csv", "--report", "page"]) == 0
    )
    assert train(odd, f"run{ODD}", "data.scenes=scenes.csv") == 0
    # the same command goes on: what was written is read to the same names
    assert train(odd, f"run{ODD}", "data.scenes=scenes.csv") == 0
    assert "nothing to do" in capsys.readouterr().err
    manifest = json.loads(Path(f"run{ODD}/data_manifest.json").read_text(encoding="utf-8"))
    names = {entry["name"] for entry in manifest["files"]}
    assert {f"source/{number}{ODD}.png" for number in range(6)} < names
    held_out = Path(f"run{ODD}/validation/step-4.csv").read_bytes()
    assert b"caf\xe9.png" in held_out

    assert main(["infer", "--weights", f"run{ODD}", str(odd / "source"), f"dry{ODD}"]) == 0
    assert set(os.listdir(f"dry{ODD}")) == {f"{number}{ODD}.png" for number in range(6)}
    assert evaluate("--target", odd / "target", "--results", f"ours=dry{ODD}", "--source", odd / "source",
                    "--scenes", "scenes.csv", "--output", "report", "--format", "md,csv,json,latex") == 0  # fmt: skip
    assert evaluate("--weights", f"ours=run{ODD}", "--data", odd, "--output", "again") == 0
    for report in ("report", "again"):
        with open(f"{report}/per_image.csv", encoding="utf-8", errors="surrogateescape", newline="") as file:
            assert {row["image"] for row in csv.DictReader(file)} == {f"{number}{ODD}" for number in range(6)}
        Path(f"{report}/report.html").read_bytes().decode("utf-8")
        json.loads(Path(f"{report}/card.json").read_text(encoding="utf-8"))
    assert tree(odd) == before


def test_a_path_that_is_no_utf8_comes_back_from_a_configuration():
    config = build(DataConfig, {"path": f"{ODD}/\U0001f600", "hole": {"share": 0.25}}, "here")
    assert (config.path, config.hole.share) == (f"{ODD}/\U0001f600", 0.25)
    text = dump_yaml(plain(config))
    text.encode("utf-8")
    assert build(DataConfig, parse_yaml(text, "there"), "there") == config


def test_an_accent_is_one_letter_whether_it_is_one_character_or_two(tmp_path):
    save(tmp_path / f"a/{COMPOSED}.png", picture(0))
    save(tmp_path / f"b/{DECOMPOSED}.png", picture(0))
    ((one, other, size),), _ = checked_pairs(tmp_path / "a", tmp_path / "b", PLAIN)
    assert (one.name, other.name, size) == (f"{COMPOSED}.png", f"{DECOMPOSED}.png", (64, 48))
    assert evaluate("--target", tmp_path / "a", "--results", f"ours={tmp_path / 'b'}") == 0
    filler = translator({"name": "residual", "width": 4}, flow="inpaint")
    (job,) = list_jobs(filler, tmp_path / "a", tmp_path / "out", tmp_path / "b", None, 1)
    assert job.mask == tmp_path / f"b/{DECOMPOSED}.png"

    save(tmp_path / f"a/{DECOMPOSED}.png", picture(1))
    with pytest.raises(UserError, match="the same name but for the Unicode form"):
        by_stem(tmp_path / "a")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_scenes_are_read_with_a_byte_order_mark_and_in_any_form(mark, tmp_path):
    file = tmp_path / "scenes.csv"
    file.write_bytes(mark + b"file,scene\n" + f"{DECOMPOSED}.png,one\n".encode() + b"caf\xe9.png,two\n")
    assert scene_table(file) == {f"{COMPOSED}.png": "one", f"{ODD}.png": "two"}
    assert read_scenes(file, [f"{COMPOSED}.png", f"{DECOMPOSED}.png", f"{ODD}.png"]) == ["one", "one", "two"]

    for side in ("a", "b"):
        save(tmp_path / f"{side}/{COMPOSED}.png", picture(0))
        save(tmp_path / f"{side}/{ODD}.png", picture(1))
    assert evaluate("--target", tmp_path / "a", "--results", f"ours={tmp_path / 'b'}", "--scenes", file) == 0
