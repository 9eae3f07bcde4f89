"""Weights that are run and scored: seeds, what they cost, and whether the pictures chose them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_run import evaluate, header, make_pairs, pixels, save, train

from conftest import picture
from img2img.commands import main
from img2img.commands.evaluate import run
from img2img.errors import UserError
from img2img.images import Picture, write
from img2img.inference import load
from img2img.metrics import read_protocol

CHOSEN = "also chose the best weights of"
LINE = read_protocol("rgb").line(("psnr", "ssim"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pairs and the run on them; others that the run has never seen."""
    root = tmp_path_factory.mktemp("evaluate")
    assert train(make_pairs(root / "pairs"), root / "run") == 0
    make_pairs(root / "others", range(10, 13))
    return root


def note(words: list, capsys: pytest.CaptureFixture[str]) -> str:
    """The caption of a table, and that its JSON says the same."""
    assert evaluate(*words, "--format", "md,json") == 0
    table, record = capsys.readouterr().out.split("\n\n{")
    caption = table.splitlines()[-1]
    notes = json.loads("{" + record)["notes"]
    assert all(text[0].upper() + text[1:] in caption for text in notes)
    assert sum(CHOSEN in text for text in notes) == caption.count(CHOSEN)
    return caption


def test_pictures_that_chose_the_best_weights_are_named_so(root, capsys):
    words = ["--weights", f"mine={root / 'run'}", "--data", root / "pairs"]
    caption = note([*words, "--part", "validation"], capsys)
    assert caption.startswith(f"Means over 1 image of 1 scene. Protocol {LINE}.")
    assert f"These pictures {CHOSEN} mine (by psnr)" in caption
    # a set without parts is measured whole: the picture that was held out is one of six
    assert f"1 of these pictures {CHOSEN} mine" in note(words, capsys)
    # without --data the validation part of what was trained on is meant
    assert f"These pictures {CHOSEN} mine" in note(words[:2], capsys)


def test_last_weights_were_chosen_by_nothing(root, capsys):
    last = root / "run/weights/last.safetensors"
    assert CHOSEN not in note(["--weights", f"mine={last}", "--data", root / "pairs", "--part", "validation"], capsys)
    both = ["--weights", f"last={last}", "--weights", f"best={root / 'run'}", "--data", root / "pairs"]
    caption = note(both, capsys)
    assert caption.count(CHOSEN) == 1
    assert f"{CHOSEN} best" in caption


def test_other_pictures_are_a_test(root, capsys):
    assert CHOSEN not in note(["--weights", f"mine={root / 'run'}", "--data", root / "others"], capsys)


def test_the_chosen_pictures_are_known_wherever_they_lie(root, tmp_path, capsys):
    (held,) = json.loads((root / "run/data_manifest.json").read_text())["validation"]
    shutil.copytree(root / "others", tmp_path / "set/test")
    words = ["--weights", f"a={root / 'run'}", "--data", tmp_path / "set"]
    assert CHOSEN not in note(words, capsys)
    shutil.copy(root / "pairs" / held, tmp_path / "set/test/renamed.png")
    assert f"1 of these pictures {CHOSEN} a" in note(
        ["--weights", f"a={root / 'run'}", "--data", tmp_path / "set"], capsys
    )


def test_built_in_pictures_chose_too(tmp_path, capsys):
    words = ["--task", "derain", "--method", "l1", "--output", tmp_path / "run", "generator.width=8", "data.crop=32",
             "train.steps=1", "train.batch=1", "train.precision=fp32", "data.validation_crop=32",
             "train.validation_images=2"]  # fmt: skip
    assert main(["train", *map(str, words)]) == 0
    assert len(header(tmp_path / "run/weights/best.safetensors")["chosen_on"]) == 2
    capsys.readouterr()
    caption = note(["--weights", f"a={tmp_path / 'run'}", "--metrics", "psnr"], capsys)
    assert caption.startswith("Means over 3 images")
    assert f"2 of these pictures {CHOSEN} a" in caption
    # measured as validated, and it says so; all of them when asked for
    assert "cut to their centre of at most 32x32 px" in caption
    whole = note(["--weights", f"a={tmp_path / 'run'}", "--metrics", "psnr", "--crop", "none"], capsys)
    assert "cut to their centre" not in whole
    assert f"2 of these pictures {CHOSEN} a" in whole
    assert evaluate("--weights", f"a={tmp_path / 'run'}", "--crop", "0") == 2
    assert "--crop 0: must be a side" in capsys.readouterr().err


def test_a_validation_part_beside_the_training_part(root, tmp_path, capsys):
    shutil.copytree(root / "pairs", tmp_path / "set/train")
    shutil.copytree(root / "others", tmp_path / "set/val")
    assert train(tmp_path / "set", tmp_path / "run") == 0
    words = ["--weights", f"a={tmp_path / 'run'}", "--data", tmp_path / "set"]
    # no test part: val takes its place, and was looked at
    capsys.readouterr()
    assert f"These pictures {CHOSEN} a" in note(words, capsys)
    make_pairs(tmp_path / "set/test", range(20, 22))
    caption = note(words, capsys)
    assert caption.startswith("Means over 2 images")
    assert CHOSEN not in caption


def test_names_that_differ_in_their_ending_only_stay_apart(root, tmp_path, capsys):
    for ending, number in (("jpg", 30), ("png", 31)):
        clean = picture(number)
        save(tmp_path / f"set/a.{ending}", np.concatenate([clean, clean // 2], 1))
    assert evaluate("--weights", f"m={root / 'run'}", "--data", tmp_path / "set", "--output", tmp_path / "out") == 0
    assert len(list((tmp_path / "out/m").iterdir())) == len(list((tmp_path / "out/target").iterdir())) == 2
    assert "2 images" in capsys.readouterr().out


def test_holes_are_filled_with_the_masks_of_the_data(tmp_path, capsys):
    for number in range(4):
        save(tmp_path / f"photos/{number}.png", picture(number, 64, 64))
    words = ["--task", "inpaint", "--method", "l1", "--data", tmp_path / "photos", "--output", tmp_path / "run",
             "flow=inpaint", "generator=idcgan", "generator.width=8", "data.crop=32", "data.load=null",
             "train.steps=1", "train.batch=2", "train.precision=fp32"]  # fmt: skip
    assert main(["train", *map(str, words)]) == 0
    assert evaluate("--weights", f"m={tmp_path / 'run'}", "--data", tmp_path / "photos",
                    "--output", tmp_path / "out") == 0  # fmt: skip
    hole = np.asarray(Image.open(tmp_path / "out/mask/0.png")) > 0
    assert 0.1 < hole.mean() < 0.5
    made, target = pixels(tmp_path / "out/m/0.png"), pixels(tmp_path / "out/target/0.png")
    assert np.array_equal(made[~hole], target[~hole])
    assert not np.array_equal(made[hole], target[hole])


def test_runs_of_one_name_are_seeds(root, tmp_path, capsys):
    assert train(root / "pairs", tmp_path / "other", "train.seed=7") == 0
    both = ["--weights", f"mine={root / 'run'}", f"mine={tmp_path / 'other'}", "--data", root / "others"]
    capsys.readouterr()
    assert evaluate(*both, "--spread", "std", "--output", tmp_path / "out", "--format", "md,json") == 0
    out = capsys.readouterr().out
    assert "† is over 2 seeds (mine): the standard deviation of the seeds' means" in out
    assert (tmp_path / "out/mine-seed0/10.png").is_file()
    assert (tmp_path / "out/mine-seed7/10.png").is_file()
    with (tmp_path / "out/per_image.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == "mine" and row["metric"] == "psnr"]
    assert {row["seed"] for row in rows} == {"0", "7"}
    means = [np.mean([float(row["value"]) for row in rows if row["seed"] == seed]) for seed in ("0", "7")]
    mine = json.loads((tmp_path / "out/table.json").read_text())["methods"]["mine"]["psnr"]
    assert mine["mean"] == pytest.approx(np.mean(means), rel=1e-12)
    assert mine["std_over_seeds"] == pytest.approx(np.std(means, ddof=1), rel=1e-9)
    assert mine["seeds"] == 2

    with pytest.raises(UserError, match="same seed"):
        run([*map(str, ["--weights", f"m={root / 'run'}", f"m={root / 'run'}", "--data", root / "others"])])
    assert train(root / "pairs", tmp_path / "third", "train.seed=8", "generator.width=4") == 0
    with pytest.raises(UserError, match=r"differ in generator\.width; runs of one name may differ in their seed alone"):
        run([*map(str, [*both[:2], f"mine={tmp_path / 'third'}", *both[3:]])])


def test_parameters_flops_and_time_are_columns(root, capsys):
    words = ["--weights", f"mine={root / 'run'}", "--data", root / "others", "--format", "json"]
    assert evaluate(*words, "--columns", "params,flops,time", "--column-size", "32x48") == 0
    columns = json.loads(capsys.readouterr().out)["columns"]
    network = load(root / "run", "cpu").network
    count = sum(parameter.numel() for parameter in network.parameters())
    assert columns["parameters (M)"] == {"mine": f"{count / 1e6:.3f}"}
    (flops,) = [float(values["mine"]) for head, values in columns.items() if head.startswith("GFLOPs at 32x48")]
    seen = []
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            module.register_forward_hook(lambda m, given, made: seen.append((m, given[0], made)))
    with torch.inference_mode():
        network(torch.zeros(1, 3, 48, 32))
    total = 0
    for module, given, made in seen:
        # a transposed convolution multiplies at every input, an ordinary one at every output
        places = given if isinstance(module, torch.nn.ConvTranspose2d) else made
        total += 2 * places.shape[-1] * places.shape[-2] * module.weight.numel()
    assert flops == pytest.approx(total / 1e9, abs=0.005)
    with pytest.raises(UserError, match="known of --weights alone"):
        run(["--target", "a", "--results", "b=c", "--columns", "params"])


def test_files_of_16_bits_measured_as_8_are_said(root, tmp_path, capsys):
    for number in range(2):
        source, target = picture(number).astype(np.uint16) * 257, picture(number + 9).astype(np.uint16) * 257
        write(tmp_path / f"deep/source/{number}.png", Picture(source))
        write(tmp_path / f"deep/target/{number}.png", Picture(target))
    words = ("--weights", f"ours={root / 'run'}", "--data", tmp_path / "deep")
    assert evaluate(*words) == 0
    shown = capsys.readouterr()
    said = "4 of 4 files of the pairs have 16 bits a sample and were cut to 8"
    assert f"note: {said}" in shown.err
    assert said in shown.out
    assert evaluate(*words[:3], root / "others") == 0
    assert "16 bits" not in "".join(capsys.readouterr())


def test_a_method_that_was_trained_at_another_scale_is_named(root, tmp_path, capsys):
    assert train(root / "pairs", tmp_path / "large", "data.load=48") == 0
    words = ["--weights", f"mine={root / 'run'}", "--data", root / "others"]
    caption = note([*words, "--weights", f"large={tmp_path / 'large'}"], capsys)
    assert (
        "Scales differ: large was trained on pictures with a short side of 48 px, mine on pictures as they are"
        in caption
    )
    assert "Scales differ" not in note([*words, "--weights", f"same={root / 'run'}"], capsys)
