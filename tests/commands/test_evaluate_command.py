"""``img2img evaluate``: tables of results, what lies in the output, and what must be said beside the figures."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_run import header, make_pairs, save, train, tree

from conftest import picture
from img2img.commands import main
from img2img.evaluation import INPUT
from img2img.metrics import PROTOCOL
from img2img.metrics.paired import psnr, ssim

CHOSEN = "also chose the best weights of"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """pairs and the run on them; others that the run has never seen."""
    root = tmp_path_factory.mktemp("evaluate")
    assert train(make_pairs(root / "pairs"), root / "run") == 0
    make_pairs(root / "others", range(10, 13))
    return root


@pytest.fixture
def folders(tmp_path) -> Path:
    """Targets, the same pictures darker, and the targets again under another ending."""
    for number in range(3):
        save(tmp_path / f"targets/{number}.png", picture(number))
        save(tmp_path / f"dark/{number}.png", picture(number) // 2)
        save(tmp_path / f"same/{number}.bmp", picture(number))
    return tmp_path


def evaluate(*words: object) -> int:
    return main(["evaluate", *map(str, words)])


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_weights_are_run_and_their_written_results_scored(root, tmp_path, capsys):
    out = tmp_path / "out"
    assert evaluate("--weights", f"mine={root / 'run'}", "--data", root / "others", "--output", out,
                    "--format", "md,latex,csv,json", "--metrics", "psnr,ssim,mae") == 0  # fmt: skip
    captured = capsys.readouterr()
    for name in ("source", "target", "mine"):
        assert sorted(path.name for path in (out / name).iterdir()) == ["10.png", "11.png", "12.png"]
    assert sorted(path.name for path in out.iterdir() if path.is_file()) == [
        "comparison.png", "per_image.csv", "table.csv", "table.json", "table.md", "table.tex",
    ]  # fmt: skip
    for name in ("table.md", "table.tex", "per_image.csv", "comparison.png"):
        assert str(out / name) in captured.err
    assert captured.out == (out / "table.md").read_text()

    with (out / "per_image.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["method", "image", "metric", "value", "reason"]
    assert len(rows) == 2 * 3 * 3
    for row in rows:
        folder = "source" if row["method"] == INPUT else "mine"
        made, target = pixels(out / folder / f"{row['image']}.png"), pixels(out / "target" / f"{row['image']}.png")
        measure = {"psnr": psnr, "ssim": ssim, "mae": lambda a, b: np.abs(a.astype(float) - b).mean()}[row["metric"]]
        assert float(row["value"]) == measure(made, target)
        assert row["reason"] == ""
    assert np.array_equal(pixels(out / "target/10.png"), picture(10))
    assert np.array_equal(pixels(out / "source/10.png"), picture(10) // 2)

    means = {
        method: np.mean([float(row["value"]) for row in rows if (row["method"], row["metric"]) == (method, "psnr")])
        for method in (INPUT, "mine")
    }
    table = json.loads((out / "table.json").read_text())
    assert table["methods"]["mine"]["psnr"] == pytest.approx(means["mine"], rel=1e-12)
    assert (table["images"], table["protocol"], table["notes"]) == (3, PROTOCOL, [])
    lines = captured.out.splitlines()
    assert lines[2].startswith(f"| {INPUT} | ")
    assert f"{means['mine']:.2f}" in lines[3]
    assert PROTOCOL in lines[-1]


def test_without_output_the_table_goes_to_stdout_and_nothing_is_kept(root, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert evaluate("--weights", f"mine={root / 'run'}", "--data", root / "others", "--format", "csv") == 0
    table = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [(row["method"], row["metric"]) for row in table] == [
        (INPUT, "psnr"), (INPUT, "ssim"), ("mine", "psnr"), ("mine", "ssim"),
    ]  # fmt: skip
    assert all(row["images"] == "3" and row["left_out"] == "0" for row in table)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("gain", "status", "said"), [("-99", 0, "at least -99"), ("99", 1, "less than 99")])
def test_require_gain(gain, status, said, root, capsys):
    words = ["--weights", f"a={root / 'run'}", "--data", root / "others", "--require-gain", gain, "--format", "json"]
    assert evaluate(*words) == status
    captured = capsys.readouterr()
    means = {name: values["psnr"] for name, values in json.loads(captured.out)["methods"].items()}
    assert f"{means['a'] - means[INPUT]:+.2f} dB PSNR ({said})" in captured.err


def note(words: list, capsys: pytest.CaptureFixture[str]) -> str:
    """The caption of a table, and that its JSON says the same."""
    assert evaluate(*words, "--format", "md,json") == 0
    table, record = capsys.readouterr().out.split("\n\n{")
    caption = table.splitlines()[-1]
    notes = json.loads("{" + record)["notes"]
    assert all(text in caption for text in notes)
    assert len(notes) == caption.count(CHOSEN)
    return caption


def test_pictures_that_chose_the_best_weights_are_named_so(root, capsys):
    words = ["--weights", f"mine={root / 'run'}", "--data", root / "pairs"]
    assert f"1 images; mean over images of {PROTOCOL}; these pictures {CHOSEN} mine (by psnr)" in note(
        [*words, "--part", "validation"], capsys
    )
    # a set without parts is measured whole: the picture that was held out is one of six
    assert f"1 of these pictures {CHOSEN} mine" in note(words, capsys)
    # without --data the validation part of what was trained on is meant
    assert f"these pictures {CHOSEN} mine" in note(words[:2], capsys)


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
    assert f"3 images; mean over images of {PROTOCOL}; 2 of these pictures {CHOSEN} a" in caption


def test_a_validation_part_beside_the_training_part(root, tmp_path, capsys):
    shutil.copytree(root / "pairs", tmp_path / "set/train")
    shutil.copytree(root / "others", tmp_path / "set/val")
    assert train(tmp_path / "set", tmp_path / "run") == 0
    words = ["--weights", f"a={tmp_path / 'run'}", "--data", tmp_path / "set"]
    # no test part: val takes its place, and was looked at
    capsys.readouterr()
    assert f"3 images; mean over images of {PROTOCOL}; these pictures {CHOSEN} a" in note(words, capsys)
    make_pairs(tmp_path / "set/test", range(20, 22))
    caption = note(words, capsys)
    assert caption.startswith("2 images")
    assert CHOSEN not in caption


def test_folders_of_results(folders, capsys):
    words = ["--target", folders / "targets", "--results", f"dark={folders / 'dark'}"]
    assert evaluate(*words, "--results", f"same={folders / 'same'}", "--format", "json") == 0
    methods = json.loads(capsys.readouterr().out)["methods"]
    values = [psnr(picture(n) // 2, picture(n)) for n in range(3)]
    assert methods["dark"]["psnr"] == pytest.approx(np.mean(values), rel=1e-12)
    assert methods["same"] == {"psnr": "Infinity", "ssim": 1.0}


def test_a_name_is_escaped_in_latex(folders, capsys):
    words = ["--target", folders / "targets", "--results", f"l2_cgan & co={folders / 'dark'}", "--format", "latex"]
    assert evaluate(*words) == 0
    table = capsys.readouterr().out
    assert r"l2\_cgan \& co & " in table
    assert table.startswith(r"\begin{table}")


def test_values_that_are_undefined_or_infinite(tmp_path, capsys):
    for name, number, shape in (("small", 0, (8, 8)), ("large", 1, (24, 24))):
        save(tmp_path / f"targets/{name}.png", picture(number, *shape))
        save(tmp_path / f"results/{name}.png", picture(number, *shape) // (1 if name == "large" else 2))
    assert evaluate("--target", tmp_path / "targets", "--results", f"a={tmp_path / 'results'}",
                    "--output", tmp_path / "out") == 0  # fmt: skip
    with (tmp_path / "out/per_image.csv").open() as file:
        rows = {(row["image"], row["metric"]): (row["value"], row["reason"]) for row in csv.DictReader(file)}
    assert rows["large", "psnr"] == ("inf", "")
    assert rows["small", "ssim"] == ("nan", "picture smaller than the 11x11 window")
    expected = psnr(picture(0, 8, 8) // 2, picture(0, 8, 8))
    assert float(rows["small", "psnr"][0]) == expected
    line = capsys.readouterr().out.splitlines()[2]
    assert line == f"| a | **{expected:.2f} (1 left out)** | **1.0000 (1 left out)** |"


def test_names_that_differ_in_their_ending_only_stay_apart(root, tmp_path, capsys):
    for ending, number in (("jpg", 30), ("png", 31)):
        clean = picture(number)
        save(tmp_path / f"set/a.{ending}", np.concatenate([clean, clean // 2], 1))
    assert evaluate("--weights", f"m={root / 'run'}", "--data", tmp_path / "set", "--output", tmp_path / "out") == 0
    assert len(list((tmp_path / "out/m").iterdir())) == len(list((tmp_path / "out/target").iterdir())) == 2
    assert "2 images" in capsys.readouterr().out


def test_again_into_the_same_output(root, tmp_path):
    words = ["--weights", f"m={root / 'run'}", "--data", root / "others", "--output", tmp_path / "out"]
    assert evaluate(*words) == 0
    before = tree(tmp_path / "out")
    assert evaluate(*words) == 0
    assert tree(tmp_path / "out") == before


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
