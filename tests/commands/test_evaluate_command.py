"""``img2img evaluate``: tables of results, what lies in the output, and what must be said beside the figures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from small_run import evaluate, make_folders, make_pairs, pixels, taken, train, tree

from conftest import picture
from img2img.commands.evaluate import run
from img2img.errors import UserError
from img2img.evaluation.entries import INPUT
from img2img.metrics import read_protocol


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pairs and the run on them; others that the run has never seen."""
    root = tmp_path_factory.mktemp("evaluate")
    assert train(make_pairs(root / "pairs"), root / "run") == 0
    make_pairs(root / "others", range(10, 13))
    return root


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Targets, the same pictures darker, and the targets again under another ending."""
    return make_folders(tmp_path)


def test_weights_are_run_and_their_written_results_scored(root, tmp_path, capsys):
    out = tmp_path / "out"
    assert evaluate("--weights", f"mine={root / 'run'}", "--data", root / "others", "--output", out,
                    "--format", "md,latex,csv,json", "--metrics", "psnr,ssim,mae") == 0  # fmt: skip
    captured = capsys.readouterr()
    for name in ("source", "target", "mine"):
        assert sorted(path.name for path in (out / name).iterdir()) == ["10.png", "11.png", "12.png"]
    assert sorted(path.name for path in out.iterdir() if path.is_file()) == [
        "card.json", "comparison.png", "per_image.csv", "plot_mae.png", "plot_psnr.png", "plot_ssim.png", "report.html",
        "report.json", "table.csv", "table.json", "table.md", "table.tex",
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


def test_a_name_is_escaped_in_latex(folders, capsys):
    words = ["--target", folders / "targets", "--results", f"l2_cgan & co={folders / 'dark'}", "--format", "latex"]
    assert evaluate(*words) == 0
    table = capsys.readouterr().out
    assert r"l2\_cgan \& co & " in table
    assert r"\begin{table}" in table


def test_again_into_the_same_output(root, tmp_path):
    words = ["--weights", f"m={root / 'run'}", "--data", root / "others", "--output", tmp_path / "out"]
    assert evaluate(*words) == 0
    # when it was made is told by the card and the page alone, whose sums the record holds
    dated = ("card.json", "report.html")

    def undated() -> dict[str, object]:
        files: dict[str, object] = {k: v for k, v in tree(tmp_path / "out").items() if k not in dated}
        record = json.loads((tmp_path / "out/report.json").read_text())
        record["files"] = {name: known for name, known in record["files"].items() if name not in dated}
        return {**files, "report.json": record}

    before = undated()
    assert evaluate(*words) == 0
    assert undated() == before


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


def test_quoted_rows_stand_apart(folders, tmp_path, capsys):
    words = ["--target", folders / "targets", "--results", f"dark={folders / 'dark'}"]
    assert evaluate(*words, "--published", "idcgan_rain800_rerun") == 0
    out = capsys.readouterr().out
    assert "(quoted)" in out
    assert "not measured here" in out
    with pytest.raises(UserError, match="did you mean 'idcgan_rain800_rerun'"):
        run([*map(str, [*words, "--published", "idcgan_rain80_rerun"])])
