"""``img2img reproduce``: arms under one clock and one precision, interrupted anywhere, measured alike."""

from __future__ import annotations

import csv
import json
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from small_run import header, make_pairs, save

from conftest import picture
from img2img.commands import main
from img2img.evaluation import compare
from img2img.experiments import reproduce as module
from img2img.training import loop

TABLE = """\
title: A small table
protocol: rgb
metrics: [psnr, ssim]
sets:
  derain: {title: rainy to clean photos, task: derain, published: pan_table3}
arms:
  L2: {method: l2}
  cGAN: {method: cgan, overrides: [critic.width=8]}
missing:
  ID-CGAN: there is no such method
"""
SMALL = ["generator.width=8", "data.crop=32", "train.batch=2", "train.checkpoint_every=1", "train.precision=fp32"]


@pytest.fixture
def table(tmp_path) -> Path:
    file = tmp_path / "own.yaml"
    file.write_text(TABLE)
    return file


def reproduce(
    table: object, data: object, output: object, *more: str, length: tuple[str, ...] = ("--steps", "3")
) -> int:
    words = [str(table), *SMALL, "--data", str(data), "--output", str(output), *length, *more]
    return main(["reproduce", *words])


def results(output: Path) -> dict[str, bytes]:
    """What an interruption must not change: tables, values of each picture, weights."""
    names = ["table.md", "table.tex", "evaluation/per_image.csv", "curves.png"]
    weights = sorted(output.glob("runs/*/*/weights/*.safetensors"))
    return {str(path.relative_to(output)): path.read_bytes() for path in [*(output / name for name in names), *weights]}


class CutError(Exception):
    pass


def test_cut_after_every_checkpoint_and_while_measuring_it_gives_the_same_table(
    table, pairs, tmp_path, monkeypatch, capsys
):
    more = {"length": ("--steps", "2", "--seeds", "2")}
    assert reproduce(table, pairs, tmp_path / "whole", **more) == 0
    save_checkpoint, translate, cuts = loop.Trainer.save, compare.translate_run, []

    def save_and_die(self):
        save_checkpoint(self)
        raise CutError

    def translate_and_die(run, translator, names, output, world):
        translate(run, translator, names, output, world)
        (output / run.folder / ".half.png.1.tmp").write_bytes(b"what a kill leaves")
        cuts.append(run.folder)
        raise CutError

    monkeypatch.setattr(loop.Trainer, "save", save_and_die)
    # 2 arms x 2 seeds x 2 steps, each cut once it is saved
    for _ in range(8):
        assert reproduce(table, pairs, tmp_path / "cut", **more) == 1
    monkeypatch.setattr(loop.Trainer, "save", save_checkpoint)
    monkeypatch.setattr(compare, "translate_run", translate_and_die)
    assert reproduce(table, pairs, tmp_path / "cut", **more) == 1
    assert cuts == ["L2-seed0"]
    monkeypatch.setattr(compare, "translate_run", translate)
    capsys.readouterr()
    assert reproduce(table, pairs, tmp_path / "cut", **more) == 0
    assert results(tmp_path / "cut") == results(tmp_path / "whole")
    assert len(results(tmp_path / "cut")) == 4 + 2 * 2 * 2
    # nothing of the measurement and of the finished arms was done again
    assert "runs/" not in capsys.readouterr().err


def test_a_finished_set_has_its_table_while_the_next_is_trained(table, pairs, tmp_path, monkeypatch, capsys):
    table.write_text(TABLE.replace("arms:", "  again: {title: the same once more, task: derain}\narms:"))
    sets, more = (f"derain={pairs}", f"again={pairs}"), ("--arms", "L2")
    words = [str(table), *SMALL, "--data", *sets, "--output", str(tmp_path / "out"), "--steps", "1", *more]
    train, done = module.train, []

    def train_once(*given, **named):
        if done:
            raise CutError
        done.append(given)
        return train(*given, **named)

    monkeypatch.setattr(module, "train", train_once)
    assert main(["reproduce", *words]) == 1
    first = (tmp_path / "out/table.md").read_text()
    assert "## derain: rainy to clean photos" in first
    assert "again:" not in first
    assert "table.md (1 data set to come)" in capsys.readouterr().err
    monkeypatch.setattr(module, "train", train)
    assert main(["reproduce", *words]) == 0
    whole = (tmp_path / "out/table.md").read_text()
    assert whole.startswith(first.rstrip())
    assert "## again: the same once more" in whole


def test_an_arm_is_what_train_makes(table, pairs, tmp_path):
    assert reproduce(table, pairs, tmp_path / "out", "--arms", "cGAN", "--seeds", "2") == 0
    run = tmp_path / "out/runs/cGAN/seed-1"
    assert main(["train", "--config", str(run / "config.yaml"), "--output", str(tmp_path / "alone")]) == 0
    assert (tmp_path / "alone/weights/last.safetensors").read_bytes() == (run / "weights/last.safetensors").read_bytes()
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert (config["train"]["seed"], config["train"]["steps"], config["method"]) == (1, 3, "cgan")


def test_the_table_says_what_is_in_it_and_what_is_not(table, pairs, tmp_path, capsys):
    assert reproduce(table, pairs, tmp_path / "out", "--arms", "L2") == 0
    captured = capsys.readouterr()
    text = (tmp_path / "out/table.md").read_text()
    assert captured.out == text
    assert "plan of" in captured.err
    assert "precision fp32 for all" in captured.err
    assert [line.split(" |")[0] for line in text.splitlines() if line.startswith("| ")] == [
        "| method", "| input (untouched)", "| L2", "| *published*", "| L2 (quoted)", "| cGAN (quoted)",
        "| L2+cGAN (quoted)", "| ID-CGAN (quoted)", "| PAN (quoted)", "| PA Loss+cGAN (quoted)",
    ]  # fmt: skip
    for said in ("steps L2 3", "1 seed, fp32", "generator.width=8", "ID-CGAN is not trained here: there is no such",
                 "left out by --arms: cGAN", "unknown: not stated", "held out, last weights"):  # fmt: skip
        assert said in text.replace("\\", "")
    assert "\\begin{tabular}" in (tmp_path / "out/table.tex").read_text()
    for name in ("curves.png", "evaluation/report.html", "evaluation/comparison.png", "plan.yaml"):
        assert (tmp_path / "out" / name).stat().st_size > 0


def test_all_seeds_hold_out_the_same_scenes(table, tmp_path):
    pairs = make_pairs(tmp_path / "many", range(30))
    assert reproduce(table, pairs, tmp_path / "out", "--arms", "L2", "--seeds", "3", length=("--steps", "1")) == 0
    runs = sorted((tmp_path / "out/runs/L2").iterdir())
    held = [json.loads((run / "data_manifest.json").read_text())["validation"] for run in runs]
    assert len(held) == 3
    assert held[0] == held[1] == held[2]
    with (tmp_path / "out/evaluation/per_image.csv").open() as file:
        measured = {row["image"] for row in csv.DictReader(file)}
    assert {f"{name}.png" for name in measured} == set(held[0])


def test_a_test_part_is_measured_with_the_best_weights(table, tmp_path):
    for number in range(6):
        clean = picture(number)
        for side, pixels in (("rain", clean // 2), ("norain", clean)):
            save(tmp_path / f"set/{'test' if number < 2 else 'train'}/{side}/{number}.png", pixels)
    assert reproduce(table, tmp_path / "set", tmp_path / "out", "--arms", "L2") == 0
    assert "Measured on the part test, best weights" in (tmp_path / "out/table.md").read_text()
    card = json.loads((tmp_path / "out/evaluation/card.json").read_text())
    assert (card["pairs"], card["results"]["L2"]["which"]) == (2, "best")


def test_seeds_may_be_added_later_but_not_taken_away(table, pairs, tmp_path, capsys):
    assert reproduce(table, pairs, tmp_path / "out", "--arms", "L2") == 0
    first = (tmp_path / "out/runs/L2/seed-0/checkpoint.pt").stat().st_mtime_ns
    assert reproduce(table, pairs, tmp_path / "out", "--arms", "L2", "--seeds", "2") == 0
    assert (tmp_path / "out/runs/L2/seed-0/checkpoint.pt").stat().st_mtime_ns == first
    assert header(tmp_path / "out/runs/L2/seed-1/weights/last.safetensors")["step"] == 3
    assert reproduce(table, pairs, tmp_path / "out", "--arms", "L2") == 2
    assert "--seeds 1" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("more", "length", "said"),
    [
        (("--arms", "L2"), ("--steps", "3"), "arms L2, cGAN, now L2"),
        ((), ("--steps", "4"), "length steps=3, now steps=4"),
        (("train.log_every=1",), ("--steps", "3"), "overrides"),
    ],
)
def test_another_plan_in_the_same_output_is_refused(table, pairs, tmp_path, capsys, more, length, said, monkeypatch):
    monkeypatch.setattr(module, "train", lambda *_, **__: SimpleNamespace(signal=signal.SIGTERM))
    assert reproduce(table, pairs, tmp_path / "out") == 0
    before = (tmp_path / "out/plan.yaml").read_bytes()
    assert reproduce(table, pairs, tmp_path / "out", *more, length=length) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert said in line
    assert "name another --output" in line
    assert (tmp_path / "out/plan.yaml").read_bytes() == before


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_without_a_table(table, pairs, tmp_path, monkeypatch, capsys, number, status):
    monkeypatch.setattr(module, "train", lambda *_, **__: SimpleNamespace(signal=number))
    assert reproduce(table, pairs, tmp_path / "out") == status
    assert capsys.readouterr().out == ""
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["plan.yaml"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--arms", "l2", "--steps", "3"], "did you mean 'L2'"),
        (["--arms", "ID-CGAN", "--steps", "3"], "cannot be trained here: there is no such method"),
        (["--steps", "3", "train.steps=4"], "train.steps=4: is planned for all arms alike: give --minutes, --steps"),
        (["--steps", "3", "train.seed=4"], "give --seeds"),
        (["--steps", "3", "derain.train.minutes=4"], "give --minutes"),
        (["--steps", "3", "generator.widht=8"], "widht"),
        (["--minutes", "0"], "--minutes"),
        (["--minutes", "1", "--steps", "3"], "not allowed with"),
        ([], "how long? give --minutes, --steps or --as-published"),
        (["--steps", "3", "data.validation=0"], "nothing is held out"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_line(table, pairs, tmp_path, capsys, words, said):
    assert reproduce(table, pairs, tmp_path / "out", *words, length=()) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert said in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("table3", ["nowhere"], "no such folder nowhere"),
        ("table3", [], "--data is needed: derain=DIR"),
        ("table5", ["."], "has several data sets; give NAME=DIR"),
        ("table5", ["shoes=."], "did you mean 'edges2shoes'"),
        ("table5", ["edges2shoes=.", "edges2shoes=."], "given twice"),
        ("table6", ["."], "unknown table 'table6'; did you mean 'table"),
    ],
)
def test_data_that_are_not_there(tmp_path, capsys, name, data, said):
    words = ["--data", *data] if data else []
    assert main(["reproduce", name, *words, "--output", str(tmp_path / "out"), "--steps", "1"]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_other_files_and_the_data_themselves_are_no_output(table, pairs, tmp_path, capsys):
    save(tmp_path / "full/other.png", picture(0))
    assert reproduce(table, pairs, tmp_path / "full") == 2
    assert "holds other files" in capsys.readouterr().err
    assert reproduce(table, pairs, pairs / "out") == 2
    assert "lies inside the data" in capsys.readouterr().err


def test_a_table_of_several_sets(tmp_path, pairs, capsys):
    table = tmp_path / "several.yaml"
    table.write_text("""\
title: Both ways
protocol: rgb
metrics: [psnr]
sets:
  there: {title: dark to light, task: paired, overrides: [data.direction=BtoA]}
  back: {title: light to dark, task: paired, overrides: [data.direction=AtoB]}
  away: {title: not here, task: paired}
arms:
  L2: {method: l2, overrides: [generator=idcgan, data.load=null]}
""")
    words = [str(table), *SMALL, "back.train.validation_images=1", "--output", str(tmp_path / "out"), "--steps", "1"]
    assert main(["reproduce", *words, "--data", f"there={pairs}", f"back={pairs}"]) == 0
    text = (tmp_path / "out/table.md").read_text()
    assert "## there: dark to light" in text
    assert "## back: light to dark" in text
    assert text.count("Data sets left out, since no --data names them: away") == 2
    for name, direction in (("there", "BtoA"), ("back", "AtoB")):
        config = yaml.safe_load((tmp_path / f"out/{name}/runs/L2/seed-0/config.yaml").read_text())
        assert config["data"]["direction"] == direction
        assert config["train"]["validation_images"] == (1 if name == "back" else 16)
        assert (tmp_path / f"out/{name}/curves.png").exists()
