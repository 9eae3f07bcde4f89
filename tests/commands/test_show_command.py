"""``img2img show``: what a run is and how far it is, while it goes on, after its end, and after a kill."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from small_run import lines, make_pairs, train

from img2img.commands import main
from img2img.config import dump_yaml, read_yaml


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A run of four steps, validated at steps 2 and 4."""
    root = tmp_path_factory.mktemp("finished")
    assert train(make_pairs(root / "pairs"), root / "run") == 0
    return root / "run"


@pytest.fixture
def run(finished, tmp_path) -> Path:
    """An own copy of it."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def shown(capsys, folder: Path) -> dict[str, str]:
    """What is said of a run."""
    capsys.readouterr()
    assert main(["show", str(folder), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def stop_at_two(run: Path, total: int = 4) -> None:
    """As if the run had been killed after its first validation, steps 1 and 2 three seconds apart, ten minutes ago."""
    for name in ("log.jsonl", "validation.jsonl"):
        kept = [record for record in lines(run / name) if record["step"] <= 2]
        for record in kept:
            record["time"] = 1000.0 + 3 * record["step"]
        (run / name).write_text("".join(json.dumps(record) + "\n" for record in kept))
        os.utime(run / name, (time.time() - 600,) * 2)
    shutil.rmtree(run / "weights")
    change(run, steps=total)


def change(run: Path, **values: object) -> None:
    config = read_yaml(run / "config.yaml")
    config["train"] |= values
    (run / "config.yaml").write_text(dump_yaml(config))


def test_a_finished_run_is_told_in_ten_lines(run, capsys):
    assert main(["show", str(run)]) == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) <= 10
    said = shown(capsys, run)
    assert [line.split(":")[0] for line in text.splitlines()] == list(said)
    assert said["run"].startswith(f"{run}: task derain, method l1, seed 0, begun ")
    assert "6 files; BtoA, crops of 32 px" in said["data"]
    assert said["networks"] == "generator {name: idcgan, width: 8}, critic null"
    assert said["losses"] == "generator {l1: 1}"
    assert said["progress"] == "step 4 of 4 (100%), finished"
    last = lines(run / "log.jsonl")[-1]
    assert said["last losses"] == f"generator/l1 {last['generator/l1']:.4g}"
    assert said["speed"].startswith(f"{last['images_per_s']:.1f} images/s, ")
    best = [record for record in lines(run / "validation.jsonl") if record["best"]][-1]
    assert f"psnr {best['psnr']:.4f}  ssim {best['ssim']:.4f} at step {best['step']}" in said["validation"]
    assert said["weights"].count(" of step ") == 2
    assert said["next"] == f"img2img infer --weights {run} --input photos --output results"


def test_a_run_on_its_way_says_how_far_and_how_long(run, capsys):
    stop_at_two(run, total=202)
    said = shown(capsys, run)
    # 200 steps of three seconds
    assert said["progress"] == "step 2 of 202 (1%), last heard of 10 min 00 s ago, about 10 min 00 s of training left"
    assert said["weights"] == "none yet"
    assert "next" not in said


def test_what_ended_by_patience_is_told(run, capsys):
    record = lines(run / "validation.jsonl")[-1]
    (run / "validation.jsonl").write_text(
        "".join(json.dumps({**record, "step": step, "best": step == 1}) + "\n" for step in range(1, 5))
    )
    change(run, steps=50, patience=3)
    assert shown(capsys, run)["progress"] == (
        "step 4 of 50 (8%), ended early: 3 validations in a row were no better (train.patience)"
    )


def test_a_run_by_the_clock_has_the_total_of_its_last_line(run, capsys):
    records = lines(run / "log.jsonl")
    (run / "log.jsonl").write_text("".join(json.dumps({**record, "total": 40}) + "\n" for record in records))
    change(run, steps=None, minutes=1.0)
    assert shown(capsys, run)["progress"].startswith("step 4 of 40 (10%)")


def test_a_run_of_which_nothing_is_written_but_its_configuration(run, tmp_path, capsys):
    (tmp_path / "new").mkdir()
    shutil.copy(run / "config.yaml", tmp_path / "new")
    said = shown(capsys, tmp_path / "new")
    assert said["progress"] == "no step logged yet"
    assert said["validation"] == "none yet"


def test_a_line_that_a_kill_cut_off_is_passed_over(run, capsys):
    before = shown(capsys, run)
    for name in ("log.jsonl", "validation.jsonl"):
        with (run / name).open("a") as file:
            file.write('{"step": 99, "psn')
    assert shown(capsys, run) == before


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("rum", "no such run directory; did you mean '"),
        ("pairs", "no run directory: config.yaml is missing"),
        ("run/config.yaml", "is a file; name the run directory"),
    ],
)
def test_what_is_no_run_is_one_line(finished, capsys, given, says):
    place = finished.parent / given
    assert main(["show", str(place)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"img2img: {place}: {says}")
    assert error.count("\n") == 1


@pytest.mark.parametrize("name", ["config.yaml", "environment.json", "data_manifest.json", "weights/last.safetensors"])
def test_a_damaged_file_is_named(run, capsys, name):
    (run / name).write_bytes(b"\xff{")
    assert main(["show", str(run)]) == 2
    error = capsys.readouterr().err
    assert str(run / name) in error
    assert error.count("\n") == 1
