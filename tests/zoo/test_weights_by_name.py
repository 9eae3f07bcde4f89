"""Weights by name: which file a word means, and one line where it means none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from small_run import save
from translators import weights_file

from conftest import picture
from img2img.commands import main
from img2img.config import dump_yaml
from img2img.errors import UserError
from img2img.weights.file import _say_once, weights_path
from img2img.weights.release import to_fp16
from img2img.zoo import names, read_entry, shelf, shipped_file

FIGURE = {"data": "two made pairs", "metric": "psnr", "value": 21.5, "interval": [21.0, 22.0]}
ENTRY = {
    "description": "Rain off toys.",
    "task": "derain",
    "data": "toys",
    "licence": "CC0",
    "figures": [FIGURE],
    "fails": ["On everything else."],
    "sample": {"data": "toys", "metrics": {"psnr": 21.5}},
}


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Path:
    """The file of the only weights that are shipped here, called toy; an empty folder to work in."""
    shop, work = tmp_path / "shop", tmp_path / "work"
    shop.mkdir()
    work.mkdir()
    (shop / "toy.yaml").write_text(dump_yaml(ENTRY))
    file = shop / "toy.safetensors"
    to_fp16(weights_file(tmp_path / "run.safetensors"), file, read_entry(shop / "toy.yaml"))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    (shop / "toy.yaml").write_text(dump_yaml({**ENTRY, "sha256": digest}))
    monkeypatch.setattr(shelf, "folder", lambda: shop)
    monkeypatch.chdir(work)
    _say_once.cache_clear()
    return file


def test_a_shipped_name_is_its_file(toy):
    assert names() == ["toy"]
    assert weights_path("toy") == shipped_file("toy") == toy


def test_what_is_there_goes_first_and_is_said_once(toy, capsys):
    weights_file(Path("toy"))
    assert weights_path("toy") == weights_path("toy") == Path("toy")
    assert capsys.readouterr().err == "--weights toy: toy is taken, not the shipped weights called toy\n"


def test_so_does_a_run(toy, capsys):
    weights_file(Path("toy/weights/best.safetensors"))
    assert weights_path("toy") == Path("toy/weights/best.safetensors")
    assert "toy/weights/best.safetensors is taken, not the shipped" in capsys.readouterr().err


def test_but_no_folder_of_anything_else(toy, capsys):
    Path("toy").mkdir()
    assert weights_path("toy") == toy
    assert capsys.readouterr().err == ""


def test_a_run_without_weights_yet_is_not_passed_over(toy):
    Path("toy").mkdir()
    Path("toy/config.yaml").touch()
    with pytest.raises(UserError, match="no weights in this directory yet"):
        weights_path("toy")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("tory", "no shipped weights of that name; did you mean 'toy'? (known: toy)"),
        ("toy.safetensors", "no such run directory or file\n"),
        ("runs/toy", "no such run directory or file\n"),
    ],
)
def test_an_unknown_name_is_one_line(toy, capsys, given, says):
    save(Path("in/a.png"), picture(0))
    assert main(["infer", "--weights", given, "--input", "in", "--output", "out"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"img2img: --weights {given}: no such run directory or file")
    assert says in error
    assert error.count("\n") == 1
    assert not Path("out").exists()


def test_infer_and_evaluate_take_a_name(toy, capsys):
    for side in ("rainy", "clean"):
        save(Path(f"pairs/{side}/a.png"), picture(0))
    assert main(["infer", "--weights", "toy", "--input", "pairs/rainy", "--output", "out"]) == 0
    assert Path("out/a.png").is_file()
    assert main(["evaluate", "--weights", "toy", "--data", "pairs", "--metrics", "psnr"]) == 0
    assert "| toy |" in capsys.readouterr().out


def test_a_damaged_file_is_refused_by_its_checksum(toy, capsys):
    data = bytearray(toy.read_bytes())
    data[-1] ^= 1
    toy.write_bytes(data)
    save(Path("in/a.png"), picture(0))
    assert main(["infer", "--weights", "toy", "--input", "in", "--output", "out"]) == 2
    error = capsys.readouterr().err
    assert "toy.safetensors is damaged" in error
    assert "install img2img again" in error
    assert error.count("\n") == 1
    assert not Path("out").exists()
    # by its path, the checksum of the tensors in its header tells
    assert main(["infer", "--weights", str(toy), "--input", "in", "--output", "out"]) == 2
    assert "its tensors are not those of the checksum in its header" in capsys.readouterr().err


def test_a_missing_file_is_one_line(toy):
    toy.unlink()
    with pytest.raises(UserError, match=r"toy\.safetensors is missing; install img2img again"):
        weights_path("toy")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"licens": "CC0"}, "unknown key 'licens'; did you mean 'licence'"),
        ({"figures": [{**FIGURE, "value": 25.0}]}, "value 25.0 lies outside of its interval"),
        ({"fails": []}, "fails: tuple should have at least 1 item"),
        ({"sha256": "abc"}, "sha256: string should match pattern"),
    ],
)
def test_an_entry_says_what_it_must(tmp_path, change, says):
    (tmp_path / "toy.yaml").write_text(dump_yaml({**ENTRY, **change}))
    with pytest.raises(UserError, match=says.replace("(", r"\(")):
        read_entry(tmp_path / "toy.yaml")
