"""``img2img evaluate``: tables of results, what lies in the output, and what must be said beside the figures."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_run import header, make_pairs, save, train, tree

from conftest import picture
from img2img.commands import main
from img2img.commands.evaluate import run
from img2img.errors import UserError
from img2img.evaluation.entries import INPUT
from img2img.images import Picture, write
from img2img.inference import load
from img2img.metrics import measure, read_protocol

CHOSEN = "also chose the best weights of"
LINE = read_protocol("rgb").line(("psnr", "ssim"))


def taken(name: str, made: np.ndarray, target: np.ndarray, protocol: str = "rgb") -> float:
    return measure(read_protocol(protocol), [name], made, target)[name].value


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
        "card.json", "comparison.png", "per_image.csv", "plot_mae.png", "plot_psnr.png", "plot_ssim.png", "report.html",
        "table.csv", "table.json", "table.md", "table.tex",
    ]  # fmt: skip
    for name in ("table.md", "table.tex", "per_image.csv", "comparison.png", "report.html", "card.json"):
        assert str(out / name) in captured.err
    assert captured.out == (out / "table.md").read_text()

    with (out / "per_image.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["method", "image", "metric", "value", "reason"]
    assert len(rows) == 2 * 3 * 3
    for row in rows:
        folder = "source" if row["method"] == INPUT else "mine"
        made, target = pixels(out / folder / f"{row['image']}.png"), pixels(out / "target" / f"{row['image']}.png")
        assert float(row["value"]) == taken(row["metric"], made, target)
        assert row["reason"] == ""
    assert np.array_equal(pixels(out / "target/10.png"), picture(10))
    assert np.array_equal(pixels(out / "source/10.png"), picture(10) // 2)

    means = {
        method: np.mean([float(row["value"]) for row in rows if (row["method"], row["metric"]) == (method, "psnr")])
        for method in (INPUT, "mine")
    }
    table = json.loads((out / "table.json").read_text())
    assert table["methods"]["mine"]["psnr"]["mean"] == pytest.approx(means["mine"], rel=1e-12)
    line = read_protocol("rgb").line(("psnr", "ssim", "mae"))
    assert (table["images"], table["protocol"], table["notes"]) == (3, line, [])
    card = json.loads((out / "card.json").read_text())
    assert card["results"]["mine"]["config"]["method"] == "l1"
    assert (card["pairs"], card["protocol"], card["metrics"]) == (3, "rgb", ["psnr", "ssim", "mae"])
    assert {"python", "torch", "numpy", "img2img"} <= set(card["versions"])
    assert card["seconds"] > 0
    # apart from when it was made the card stands in the table too
    assert table["card"] == {key: card[key] for key in table["card"]}
    lines = captured.out.splitlines()
    assert lines[2].startswith(f"| {INPUT} | ")
    assert f"{means['mine']:.2f}" in lines[3]
    assert line in lines[-1]
    assert f"Data set {card['data_hash'][:12]} (3 pairs)" in lines[-1]


def test_without_output_the_table_goes_to_stdout_and_nothing_is_kept(root, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert evaluate("--weights", f"mine={root / 'run'}", "--data", root / "others", "--format", "csv") == 0
    table = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [(row["method"], row["metric"]) for row in table] == [
        (INPUT, "psnr"), (INPUT, "ssim"), ("mine", "psnr"), ("mine", "ssim"),
    ]  # fmt: skip
    assert all((row["images"], row["infinite"], row["undefined"]) == ("3", "0", "0") for row in table)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("gain", "status", "said"), [("-99", 0, "at least -99"), ("99", 1, "less than 99")])
def test_require_gain(gain, status, said, root, capsys):
    words = ["--weights", f"a={root / 'run'}", "--data", root / "others", "--require-gain", gain, "--format", "json"]
    assert evaluate(*words) == status
    captured = capsys.readouterr()
    means = {name: values["psnr"]["mean"] for name, values in json.loads(captured.out)["methods"].items()}
    assert f"{means['a'] - means[INPUT]:+.2f} dB PSNR ({said})" in captured.err


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


def test_folders_of_results(folders, capsys):
    words = ["--target", folders / "targets", "--results", f"dark={folders / 'dark'}"]
    assert evaluate(*words, "--results", f"same={folders / 'same'}", "--format", "json") == 0
    methods = json.loads(capsys.readouterr().out)["methods"]
    values = [taken("psnr", picture(n) // 2, picture(n)) for n in range(3)]
    assert methods["dark"]["psnr"]["mean"] == pytest.approx(np.mean(values), rel=1e-12)
    assert (methods["same"]["psnr"]["mean"], methods["same"]["psnr"]["infinite"]) == ("Infinity", 3)
    assert methods["same"]["ssim"]["mean"] == 1.0


def test_a_name_is_escaped_in_latex(folders, capsys):
    words = ["--target", folders / "targets", "--results", f"l2_cgan & co={folders / 'dark'}", "--format", "latex"]
    assert evaluate(*words) == 0
    table = capsys.readouterr().out
    assert r"l2\_cgan \& co & " in table
    assert r"\begin{table}" in table


def test_values_that_are_undefined_or_infinite(tmp_path, capsys):
    for name, number, shape in (("small", 0, (8, 8)), ("large", 1, (24, 24))):
        save(tmp_path / f"targets/{name}.png", picture(number, *shape))
        save(tmp_path / f"results/{name}.png", picture(number, *shape) // (1 if name == "large" else 2))
    assert evaluate("--target", tmp_path / "targets", "--results", f"a={tmp_path / 'results'}",
                    "--output", tmp_path / "out") == 0  # fmt: skip
    with (tmp_path / "out/per_image.csv").open() as file:
        rows = {(row["image"], row["metric"]): (row["value"], row["reason"]) for row in csv.DictReader(file)}
    assert rows["large", "psnr"] == ("inf", "identical")
    value, why = rows["small", "ssim"]
    assert value == "nan"
    assert why == "ssim needs sides of at least 11 px (the 11x11 window); these are 8x8"
    expected = taken("psnr", picture(0, 8, 8) // 2, picture(0, 8, 8))
    assert float(rows["small", "psnr"][0]) == expected
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == f"| a | **{expected:.2f}** (1 left out) | **1.0000** (1 left out) |"
    assert "PSNR of a: 1 infinite; SSIM of a: 1 undefined" in lines[-1]


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
    # when it was made is told by the card and the page alone
    dated = ("card.json", "report.html")
    before = tree(tmp_path / "out")
    assert evaluate(*words) == 0
    after = tree(tmp_path / "out")
    assert {k: v for k, v in after.items() if k not in dated} == {k: v for k, v in before.items() if k not in dated}


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


def test_a_protocol_decides_the_numbers_and_is_named(folders, capsys):
    words = ["--target", folders / "targets", "--results", f"dark={folders / 'dark'}", "--format", "json"]
    found = {}
    for protocol in ("rgb", "matlab_y", "rgb,crop=4", "y_full,resize=32x24"):
        assert evaluate(*words, "--protocol", protocol) == 0
        record = json.loads(capsys.readouterr().out)
        assert record["protocol"].startswith(f"{protocol}: ")
        assert record["card"]["protocol"] == protocol
        values = [taken("psnr", picture(n) // 2, picture(n), protocol) for n in range(3)]
        assert record["methods"]["dark"]["psnr"]["mean"] == pytest.approx(np.mean(values), rel=1e-12)
        found[protocol] = record["methods"]["dark"]["psnr"]["mean"]
    assert len(set(found.values())) == 4
    assert evaluate(*words, "--protocol", "prenet_y") == 0
    # what the protocol means by SSIM is another measure, and is called so
    assert list(json.loads(capsys.readouterr().out)["methods"]["dark"]) == ["psnr", "ssim_auto"]


def test_explain_shows_the_same_files_under_every_protocol(folders, tmp_path, capsys):
    words = ["--target", folders / "targets", "--results", f"dark={folders / 'dark'}", "--metrics", "psnr"]
    assert evaluate(*words, "--explain", "--output", tmp_path / "out") == 0
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if line.startswith("  dark: ")]
    for shown in line.removeprefix("  dark: ").split(" · "):
        names, value = shown.rsplit(" ", 1)
        for name in names.split(" = "):
            values = [taken("psnr", picture(n) // 2, picture(n), name) for n in range(3)]
            assert value == f"{np.mean(values):.2f}", name
    for name in ("rgb", "gray", "y", "y_uint8", "y_full", "matlab_y", "prenet_y", "basicsr_y", "rgb,psnr=channels"):
        assert f" {name} " in line
    assert "1.32 dB" in out
    assert (tmp_path / "out/explain.txt").read_text() in out
    # the table itself stays that of the chosen protocol
    assert out.startswith((tmp_path / "out/table.md").read_text())


def test_the_untouched_inputs_are_a_row_and_a_column(folders, tmp_path, capsys):
    words = ["--target", folders / "targets", "--results", f"same={folders / 'same'}", "--source", folders / "dark"]
    assert evaluate(*words, "--against", INPUT, "--output", tmp_path / "out", "--format", "json,md") == 0
    record = json.loads((tmp_path / "out/table.json").read_text())
    assert list(record["methods"]) == [INPUT, "same"]
    (one,) = [one for one in record["comparisons"] if one["metric"] == "ssim"]
    assert (one["method"], one["against"], one["images"], one["effect"], one["p"]) == ("same", INPUT, 3, 1.0, 0.25)
    page = (tmp_path / "out/report.html").read_text()
    assert "http" not in page.replace("http-equiv", "").split("<script", 1)[0]
    with pytest.raises(UserError, match="did you mean 'same'"):
        run([*map(str, [*words, "--against", "sane"])])


def test_scenes_are_what_intervals_and_tests_go_over(folders, tmp_path, capsys):
    (tmp_path / "scenes.csv").write_text("file,scene\n0.png,a\n1.png,a\n2.png,b\n")
    words = ["--target", folders / "targets", "--results", f"dark={folders / 'dark'}", "--format", "json"]
    assert evaluate(*words, "--scenes", tmp_path / "scenes.csv") == 0
    assert json.loads(capsys.readouterr().out)["scenes"] == 2
    (tmp_path / "scenes.csv").write_text("file,scene\n0.png,a\n")
    with pytest.raises(UserError, match=r"no scene for 1\.png and 1 more"):
        run([*map(str, [*words, "--scenes", tmp_path / "scenes.csv"])])


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


def test_depths_must_agree_with_each_other_and_with_the_protocol(tmp_path, capsys):
    deep = picture(1).astype(np.uint16) * 257
    for folder, pixels in (("t", deep), ("r", deep // 2), ("t8", picture(1)), ("r8", picture(1) // 2)):
        write(tmp_path / folder / "a.png", Picture(pixels))
    words = ["--target", tmp_path / "t", "--results", f"r={tmp_path / 'r'}"]
    with pytest.raises(UserError, match=r"r/a\.png: has 16 bits a sample; protocol rgb is of 8"):
        run([*map(str, words)])
    assert evaluate(*words, "--protocol", "rgb,depth=16", "--format", "json") == 0
    value = json.loads(capsys.readouterr().out)["methods"]["r"]["psnr"]["mean"]
    difference = deep.astype(float) - deep // 2
    assert value == pytest.approx(10 * np.log10(65535**2 / np.mean(difference**2)), rel=1e-12)
    with pytest.raises(UserError, match=r"r/a\.png has 16 bits a sample, its target .*t8/a\.png has 8"):
        run([*map(str, ["--target", tmp_path / "t8", *words[2:]])])


def test_grey_counts_as_equal_channels_and_alpha_is_left_out_and_said(tmp_path, capsys):
    grey = picture(3)[:, :, :1]
    write(tmp_path / "t/a.png", Picture(np.repeat(grey, 3, 2)))
    write(tmp_path / "r/a.png", Picture(grey, alpha=grey[:, :, 0]))
    assert evaluate("--target", tmp_path / "t", "--results", f"r={tmp_path / 'r'}") == 0
    out = capsys.readouterr().out
    assert "∞" in out
    assert "The alpha of r's pictures is left out." in out


def test_results_and_targets_must_be_the_same_pictures(folders, capsys):
    words = ["--target", folders / "targets", "--results", f"dark={folders / 'dark'}"]
    save(folders / "dark/9.png", picture(9))
    with pytest.raises(UserError, match=r"--results dark=.*: no target for .*dark/9\.png"):
        run([*map(str, words)])
    (folders / "dark/9.png").unlink()
    (folders / "dark/0.png").unlink()
    with pytest.raises(UserError, match=r"--results dark=.*: no result for .*targets/0\.png"):
        run([*map(str, words)])


def test_quoted_rows_stand_apart(folders, tmp_path, capsys):
    words = ["--target", folders / "targets", "--results", f"dark={folders / 'dark'}"]
    assert evaluate(*words, "--published", "idcgan_rain800_rerun") == 0
    out = capsys.readouterr().out
    assert "(quoted)" in out
    assert "not measured here" in out
    with pytest.raises(UserError, match="did you mean 'idcgan_rain800_rerun'"):
        run([*map(str, [*words, "--published", "idcgan_rain80_rerun"])])
