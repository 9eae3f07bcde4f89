"""A report is checked by its own files: whole it holds, and each kind of tampering is found."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_run import evaluate, make_folders, make_pairs, pixels, save, train

from img2img.commands import main


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on a run's own pairs, another on folders."""
    root = tmp_path_factory.mktemp("verify")
    assert train(make_pairs(root / "pairs"), root / "run") == 0
    words = ["--data", root / "pairs", "--format", "md,csv,json,latex", "--explain"]
    both = [f"mine={root / 'run'}", f"last={root / 'run/weights/last.safetensors'}"]
    assert evaluate("--weights", *both, *words, "--output", root / "report", "--against", "mine") == 0
    folders = make_folders(root / "folders")
    rows = ["--results", f"dark={folders / 'dark'}", "--source", folders / "same", "--target", folders / "targets"]
    assert evaluate(*rows, "--output", root / "of_folders", "--spread", "interval") == 0
    return root


@pytest.fixture
def report(root: Path, tmp_path: Path) -> Path:
    """A copy of the report, to be tampered with."""
    return Path(shutil.copytree(root / "report", tmp_path / "report"))


def verify(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    capsys.readouterr()
    status = main(["verify", *map(str, words)])
    return status, capsys.readouterr().out


def edit(path: Path, pattern: str, text: str) -> None:
    """Change the first occurrence."""
    before = path.read_text()
    after = re.sub(pattern, text, before, count=1)
    assert after != before
    path.write_text(after)


def sealed(report: Path) -> None:
    """Bring the recorded sums up to date, as a forger would."""
    record = json.loads((report / "report.json").read_text())
    record["files"] = {name: hashlib.sha256((report / name).read_bytes()).hexdigest() for name in record["files"]}
    for files in record["pictures"].values():
        for known in files.values():
            known["sha256"] = hashlib.sha256((report / known["file"]).read_bytes()).hexdigest()
    (report / "report.json").write_text(json.dumps(record))


def test_a_whole_report_holds_with_its_weights_and_data(root, capsys):
    words = ["--weights", f"mine={root / 'run'}", "--data", root / "pairs"]
    status, said = verify(capsys, root / "report", *words)
    assert status == 0, said
    assert all(line.startswith("holds ") for line in said.splitlines())
    for name in ("table.md", "table.tex", "table.csv", "table.json", "report.html"):
        assert re.search(rf"{name}: \d+ figures follow from per_image.csv, to every digit", said)
    assert "per_image.csv: 36 values follow from the pictures, to every digit" in said
    assert "mine: 6 of 6 results are those of the weights to the last bit" in said
    assert "6 targets, hash" in said


def test_a_moved_report_still_holds(report, capsys):
    assert verify(capsys, report)[0] == 0


def test_a_report_on_folders_holds_and_says_what_cannot_be_checked(root, tmp_path, capsys):
    status, said = verify(capsys, root / "of_folders", "--data", root / "folders/targets")
    assert (status, "DIFFERS" in said, "\nopen " in said) == (0, False, False), said
    shutil.copytree(root / "folders", tmp_path / "folders")
    rows = ["--results", f"dark={tmp_path / 'folders/dark'}", "--target", tmp_path / "folders/targets"]
    assert evaluate(*rows, "--output", tmp_path / "out") == 0
    shutil.rmtree(tmp_path / "folders/dark")
    status, said = verify(capsys, tmp_path / "out")
    assert status == 0
    assert re.search(r"open +values of per_image.csv are not measured again: dark/0", said)


@pytest.mark.parametrize("forged", [False, True])
@pytest.mark.parametrize(
    ("name", "pattern", "text", "found"),
    [
        ("table.md", r"(<u>|\*\*)\d(\d\.\d)", r"\g<1>9\2", r"table.md, line \d+: 9.* is written, .* follows"),
        ("table.tex", r"& (\\\w+\{)\d(\d\.\d)", r"& \g<1>9\2", r"table.tex, line \d+: 9.* is written, .* follows"),
        ("table.csv", r"psnr,\d", "psnr,9", r"table.csv, line 2: 9.* is written, .* follows"),
        ("table.csv", r"(last,ssim,.*),measured", r"\g<1>1,measured", r"table.csv, line \d"),
        ("table.json", r'"p_holm": ', '"p_holm": 1', r"table.json, line \d+: "),
        ("report.html", r"<td>(<b>)?\d", r"<td>9", r"report.html: \['input"),
        ("report.html", r'"values":\[\[\d', '"values":[[9', r"report.html: the values of single pictures"),
        ("card.json", r'"protocol": "rgb"', '"protocol": "gray"', "card.json: the card says"),
        ("card.json", r'"data_hash": "..', '"data_hash": "zz', r"card.json: 'data set"),
        ("card.json", r'"pairs": 6', '"pairs": 7', r"card.json: 'data set"),
        ("per_image.csv", r"mine,(.*),psnr,\d", r"mine,\1,psnr,9", r"per_image.csv: mine, .* is written"),
    ],
)  # fmt: skip
def test_a_changed_figure_is_found(report, name, pattern, text, found, forged, capsys):
    edit(report / name, pattern, text)
    if forged:
        sealed(report)
    status, said = verify(capsys, report)
    assert status == 1
    assert re.search(rf"DIFFERS +{found}", said), said
    assert (f"{name}: was changed" in said) != forged


def test_a_changed_explanation_is_found_by_its_sum(report, capsys):
    edit(report / "explain.txt", r"\d\d\.", "99.")
    status, said = verify(capsys, report)
    assert (status, "explain.txt: was changed since it was written" in said) == (1, True)


@pytest.mark.parametrize("side", ["target", "source", "mine"])
def test_a_changed_picture_is_found(report, side, capsys):
    file = report / side / "2.png"
    changed = pixels(file).copy()
    changed[5, 5] ^= 64
    save(file, changed)
    status, said = verify(capsys, report)
    assert status == 1
    assert f"{side}/2.png: this picture was changed since it was measured" in said
    sealed(report)
    status, said = verify(capsys, report)
    assert status == 1
    row = {"source": r"input \(untouched\)"}.get(side, "mine")
    assert re.search(rf"per_image.csv: {row}, 2, psnr: \S+ is written, \S+ is measured", said)
    assert ("data hash" in said.partition("DIFFERS")[2] and "the card has another" in said) == (side == "target")


def test_a_missing_picture_is_found(report, capsys):
    (report / "mine/2.png").unlink()
    status, said = verify(capsys, report)
    assert (status, "DIFFERS mine/2.png: is missing" in said) == (1, True)


def test_a_protocol_that_is_changed_everywhere_is_found_by_the_pictures(report, capsys):
    from img2img.metrics import read_protocol

    metrics = ("psnr", "ssim")
    before, after = (read_protocol(name).line(metrics) for name in ("rgb", "y"))
    for path in (report / "card.json", report / "report.json", *report.glob("table.*"), report / "report.html"):
        text = path.read_text().replace(before, after).replace("protocol rgb", "protocol y")
        path.write_text(text.replace('"protocol": "rgb"', '"protocol": "y"'))
    sealed(report)
    status, said = verify(capsys, report)
    assert status == 1
    assert "is written" in said
    assert re.search(r"DIFFERS per_image.csv: ", said)


def test_other_weights_and_other_data_are_found(root, report, tmp_path, capsys):
    assert train(root / "pairs", tmp_path / "other", "train.seed=5", "optimizers.generator.lr=0.02") == 0
    status, said = verify(capsys, report, "--weights", f"mine={tmp_path / 'other'}")
    assert status == 1
    assert "are not the file that made mine" in said
    assert re.search(r"DIFFERS mine: \d of 6 results are those of the weights .* differs by up to \d+ levels", said)
    make_pairs(tmp_path / "set", range(1, 7))
    status, said = verify(capsys, report, "--data", tmp_path / "set")
    assert (status, "the card has" in said) == (1, True)


def test_what_is_no_report_is_one_line(root, report, capsys):
    assert main(["verify", str(root / "pairs")]) == 2
    assert "holds no report.json" in capsys.readouterr().err
    assert main(["verify", str(report), "--weights", f"theirs={root / 'run'}"]) == 2
    assert "no row of the report (its rows: mine, last)" in capsys.readouterr().err
    (report / "report.json").write_text("{}")
    assert main(["verify", str(report)]) == 2
    assert "not the record of a report" in capsys.readouterr().err
    shutil.copy(root / "report/report.json", report / "report.json")
    (report / "per_image.csv").write_text("method\n")
    assert main(["verify", str(report)]) == 2
    assert "do not make a table" in capsys.readouterr().err


def test_figures_of_the_hole_are_measured_again_with_their_masks(tmp_path, capsys):
    folders = make_folders(tmp_path)
    hole = np.zeros(pixels(folders / "targets/0.png").shape[:2], np.uint8)
    hole[4:20, 6:20] = 255
    for number in range(3):
        save(folders / f"holes/{number}.png", hole)
    # rows may have any name, that of a side too
    rows = ["--results", f"target={folders / 'dark'}", "--target", folders / "targets"]
    assert evaluate(*rows, "--region", "hole", "--masks", folders / "holes", "--output", tmp_path / "out") == 0
    status, said = verify(capsys, tmp_path / "out")
    assert (status, "6 values follow from the pictures, to every digit" in said) == (0, True), said
    hole[4:20, 6:12] = 0
    save(folders / "holes/1.png", hole)
    sealed(tmp_path / "out")
    status, said = verify(capsys, tmp_path / "out")
    assert (status, "per_image.csv: target, 1, psnr: " in said) == (1, True), said


def test_targets_out_of_pairs_are_open_and_not_called_others(root, tmp_path, capsys):
    rows = ["--results", f"mine={root / 'report/mine'}", "--target", root / "pairs", "--direction", "BtoA"]
    assert evaluate(*rows, "--output", tmp_path / "out") == 0
    status, said = verify(capsys, tmp_path / "out", "--data", root / "pairs")
    assert (status, "DIFFERS" in said) == (0, False), said
    assert "targets were cut out of pairs side by side" in said
