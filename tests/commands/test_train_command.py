"""``img2img train`` from the arguments to what lies in the run directory."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from small_run import SMALL, header, lines, train, tree

from conftest import METHODS, TASKS
from img2img.commands import main
from img2img.config import config_files
from img2img.metrics import read_protocol
from img2img.recipes.settings import resolve


def bits(run: Path) -> bytes:
    return (run / "weights/last.safetensors").read_bytes()


def test_everything_lies_in_the_run_directory(pairs, tmp_path, capsys):
    run = tmp_path / "run"
    assert train(pairs, run) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    for said in ("side_by_side, BtoA", "pairs.png", "memory about", "step 4/4", "validation at step 2", str(run)):
        assert said in captured.err
    assert sorted(tree(run)) == [
        "checkpoint.pt", "config.yaml", "curves.png", "data_manifest.json", "environment.json", "log.jsonl",
        "pairs.png", "report.html", "samples/step-2.png", "samples/step-4.png", "validation.jsonl",
        "validation/step-2.csv", "validation/step-4.csv", "weights/best.safetensors", "weights/last.safetensors",
    ]  # fmt: skip

    config = yaml.safe_load((run / "config.yaml").read_text())
    assert (config["task"], config["method"], config["data"]["path"]) == ("derain", "l1", str(pairs))
    environment = json.loads((run / "environment.json").read_text())
    assert environment["torch"] == torch.__version__
    assert environment["threads"] == torch.get_num_threads()
    assert environment["seed"] == 0
    assert environment["device"] == "cpu"
    assert environment["command"] == sys.argv
    assert environment["resolved"]["steps"] == 4
    manifest = json.loads((run / "data_manifest.json").read_text())
    assert [file["name"] for file in manifest["files"]] == [f"{n}.png" for n in range(6)]
    assert [file["bytes"] for file in manifest["files"]] == [(pairs / f"{n}.png").stat().st_size for n in range(6)]
    assert len(manifest["hash"]) == 64

    log = lines(run / "log.jsonl")
    assert [(line["step"], line["images"]) for line in log] == [(1, 2), (2, 4), (3, 6), (4, 8)]
    for line in log:
        assert line["generator/l1"] > 0
        assert line["lr"] == {"generator": 2e-4}
        assert line["images_per_s"] > 0
        assert 0 <= line["waiting_for_data"] <= 1
        assert line["critic_forwards"] == 0
        assert line["time"] > 1.6e9

    validations = lines(run / "validation.jsonl")
    assert [line["step"] for line in validations] == [2, 4]
    assert validations[0]["best"]
    for line in validations:
        assert line["protocol"] == read_protocol("rgb").line(("psnr", "ssim"))
        with (run / f"validation/step-{line['step']}.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert {row["image"] for row in rows} == set(manifest["validation"])
        for metric in ("psnr", "ssim"):
            values = [float(row["value"]) for row in rows if row["metric"] == metric]
            assert line[metric] == pytest.approx(np.mean(values), rel=1e-12)

    state = torch.load(run / "checkpoint.pt", weights_only=True)
    assert state["progress"]["step"] == 4
    assert state["progress"]["best"] == max(line["psnr"] for line in validations)
    assert state["logs"] == {name: (run / name).stat().st_size for name in ("log.jsonl", "validation.jsonl")}


def test_weights_say_what_they_are(pairs, tmp_path):
    run = tmp_path / "run"
    assert train(pairs, run) == 0
    last, best = header(run / "weights/last.safetensors"), header(run / "weights/best.safetensors")
    assert last["config"] == yaml.safe_load((run / "config.yaml").read_text())
    assert (last["task"], last["name"], last["step"], last["which"]) == ("derain", "l1", 4, "last")
    assert last["shape"] == {"source": 3, "target": 3, "size": 32}
    assert last["metrics"] == {key: lines(run / "validation.jsonl")[-1][key] for key in ("psnr", "ssim")}
    assert (last["chosen_by"], last["chosen_on"]) == (None, [])
    chosen = [line for line in lines(run / "validation.jsonl") if line["best"]][-1]
    assert (best["which"], best["step"], best["metrics"]["psnr"]) == ("best", chosen["step"], chosen["psnr"])
    assert best["chosen_by"] == "psnr"
    assert len(best["chosen_on"]) == 1


def test_best_is_last_where_nothing_selects(tmp_path):
    assert main(["train", "--task", "toy", "--output", str(tmp_path / "run"), "generator.width=8", "critic.width=8",
                 "data.samples=64", "train.steps=2", "selection=none"]) == 0  # fmt: skip
    best, last = (header(tmp_path / f"run/weights/{name}.safetensors") for name in ("best", "last"))
    assert best["chosen_by"] is None
    assert best["step"] == last["step"] == 2
    assert not (tmp_path / "run/pairs.png").exists()


def test_the_sheet_shows_source_and_target_apart(pairs, tmp_path):
    assert train(pairs, tmp_path / "run", "data.flip=false") == 0
    sheet = np.asarray(Image.open(tmp_path / "run/pairs.png")).astype(float)
    left, right = sheet[40:, : sheet.shape[1] // 2], sheet[40:, sheet.shape[1] // 2 :]
    dark, light = (part[part.min(2) < 250].mean() for part in (left, right))
    # BtoA: the darker right half of each file is the source, shown on the left
    assert dark < 0.7 * light


def test_its_own_config_repeats_a_run_bit_for_bit(pairs, tmp_path):
    assert train(pairs, tmp_path / "one", "train.seed=3") == 0
    assert main(["train", "--config", str(tmp_path / "one/config.yaml"), "--output", str(tmp_path / "two")]) == 0
    one, two = tree(tmp_path / "one"), tree(tmp_path / "two")
    same = [name for name in one if name not in ("environment.json", "log.jsonl", "checkpoint.pt", "report.html")]
    assert {name: one[name] for name in same} == {name: two[name] for name in same}
    losses = [[line["generator/l1"] for line in lines(tmp_path / f"{name}/log.jsonl")] for name in ("one", "two")]
    assert losses[0] == losses[1]
    assert train(pairs, tmp_path / "three", "train.seed=4") == 0
    assert bits(tmp_path / "three") != bits(tmp_path / "one")


def test_the_same_command_again_says_that_it_is_finished(pairs, tmp_path, capsys):
    assert train(pairs, tmp_path / "run") == 0
    before = tree(tmp_path / "run")
    capsys.readouterr()
    assert train(pairs, tmp_path / "run") == 0
    assert "finished (4 steps)" in capsys.readouterr().err
    # more workers are no other run
    assert train(pairs, tmp_path / "run", "train.workers=2", "data.cache_mb=1") == 0
    assert tree(tmp_path / "run") == before


def test_what_may_change_on_the_way(pairs, tmp_path, capsys):
    assert train(pairs, tmp_path / "whole", "train.steps=6") == 0
    assert train(pairs, tmp_path / "run") == 0
    moved = tmp_path / "elsewhere"
    shutil.move(pairs, moved)
    capsys.readouterr()
    more = ["train.steps=6", "train.log_every=2", "train.checkpoint_every=3", "train.samples=1", "data.cache_mb=1"]
    assert train(moved, tmp_path / "run", *more) == 0
    assert "going on from step 4 of 6" in capsys.readouterr().err
    whole, run = (torch.load(tmp_path / f"{name}/checkpoint.pt", weights_only=True) for name in ("whole", "run"))
    for one, two in zip(whole["engine"]["parents"], run["engine"]["parents"], strict=True):
        assert one["networks"].keys() == two["networks"].keys()
        for key, value in one["networks"].items():
            assert torch.equal(value, two["networks"][key]), key
    assert [line["step"] for line in lines(tmp_path / "run/log.jsonl")] == [1, 2, 3, 4, 6]
    # the run's config is that of its end: it repeats the whole
    config = yaml.safe_load((tmp_path / "run/config.yaml").read_text())
    assert (config["train"]["steps"], config["data"]["path"]) == (6, str(moved))


def test_more_steps_are_refused_where_the_schedule_depends_on_them(pairs, tmp_path, capsys):
    words = ["schedule={name: linear, hold: 0.5}"]
    assert train(pairs, tmp_path / "run", *words) == 0
    before = tree(tmp_path / "run")
    capsys.readouterr()
    assert train(pairs, tmp_path / "run", *words, "train.steps=6") == 2
    assert "the schedule depends on the total" in capsys.readouterr().err
    assert tree(tmp_path / "run") == before


def test_patience_stops_early_and_stays_stopped(pairs, tmp_path, capsys):
    # at this rate nothing gets better than the first validation
    more = ["train.steps=40", "train.patience=2", "optimizers.generator.lr=1e-12"]
    assert train(pairs, tmp_path / "run", *more) == 0
    validations = lines(tmp_path / "run/validation.jsonl")
    assert [line["best"] for line in validations][-3:] == [True, False, False]
    assert validations[-1]["step"] < 40
    assert f"no better psnr in 2 validations: stopped at step {validations[-1]['step']}" in capsys.readouterr().err
    before = bits(tmp_path / "run")
    assert train(pairs, tmp_path / "run", *more) == 0
    assert "finished" in capsys.readouterr().err
    assert bits(tmp_path / "run") == before


def test_a_start_that_was_cut_before_its_first_checkpoint_leaves_no_lines_in_the_logs(pairs, tmp_path):
    assert train(pairs, tmp_path / "run") == 0
    (tmp_path / "run/checkpoint.pt").unlink()
    assert train(pairs, tmp_path / "run") == 0
    assert [line["step"] for line in lines(tmp_path / "run/log.jsonl")] == [1, 2, 3, 4]
    assert [line["step"] for line in lines(tmp_path / "run/validation.jsonl")] == [2, 4]


def test_epochs_become_steps(pairs, tmp_path):
    assert train(pairs, tmp_path / "run", "train.steps=null", "train.epochs=3") == 0
    # 5 of the 6 pictures are trained on, in batches of 2, three times
    assert lines(tmp_path / "run/log.jsonl")[-1]["step"] == 8


def test_without_output_a_run_lies_in_runs(pairs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--task", "derain", "--method", "l1", "--data", "pairs", *SMALL, "train.steps=1"]) == 0
    assert (tmp_path / "runs/derain-l1/config.yaml").is_file()


def test_missing_tensorboard_is_said_before_anything_is_written(pairs, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert train(pairs, tmp_path / "run", "train.tensorboard=true") == 2
    assert "pip install 'img2img[tensorboard]'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("method", METHODS)
def test_a_printed_config_gives_the_same_settings(method, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task = TASKS.get(method, "derain")
    over = ["train.seed=7", "train.minutes=2.5", "generator.width=16", "optimizers.generator.lr=1e-3"]
    assert main(["train", "--task", task, "--method", method, *over, "--print-config"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    Path("shown.yaml").write_text(shown.out)
    assert main(["train", "--config", "shown.yaml", "--print-config"]) == 0
    assert capsys.readouterr().out == shown.out
    assert resolve(None, None, None, Path("shown.yaml")) == resolve(task, method, None, None, over)
    assert [path.name for path in tmp_path.iterdir()] == ["shown.yaml"]


@pytest.mark.parametrize("task", sorted(config_files("tasks")))
def test_every_task_prints_a_complete_config(task, capsys):
    assert main(["train", "--task", task, "--print-config"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["method"] == resolve(task).task.default_method
    assert {"task", "method", "metrics", "selection", "flow", "generator", "critic", "data", "train"} <= shown.keys()
    assert sum(shown["train"][key] is not None for key in ("steps", "epochs", "minutes")) == 1


@pytest.mark.parametrize("words", [[], ["--help"], ["train", "--help"], ["infer", "--help"], ["evaluate", "--help"]])
def test_help_goes_to_stdout_and_shows_examples(words, capsys):
    if len(words) == 2:
        with pytest.raises(SystemExit, match="0"):
            main(words)
    else:
        assert main(words) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "img2img" in captured.out
    if len(words) == 2:
        assert f"examples:\n  img2img {words[0]}" in captured.out
