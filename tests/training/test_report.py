"""What a run shows of itself: whole, small, cheap, and never a reason to stop."""

from __future__ import annotations

import base64
import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from small_run import lines, make_pairs, train

from img2img.reports.figures import save_png
from img2img.training import report as report_module
from img2img.training.report import SHARE, SHEETS, RunReport, seconds_a_step
from img2img.training.run_folder import Run
from img2img.training.tensorboard import add_sheet


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    assert train(make_pairs(folder / "pairs"), folder / "run") == 0
    return folder / "run"


@pytest.fixture
def run(finished, tmp_path):
    return Run(shutil.copytree(finished, tmp_path / "run"))


def reporter(run: Run, **more) -> RunReport:
    return RunReport(run, yaml.safe_load(run.config.read_text()), ["12 <odd> pictures"], 2, **more)


def test_a_finished_run_has_its_page_and_curves(finished):
    html = (finished / "report.html").read_text()
    for said in ("finished: 4 steps", "validation psnr", "generator/l1", "learning rate", "6 pictures of 6 scenes",
                 "generator:", "torch", "best weights", "training pairs"):  # fmt: skip
        assert said in html, said
    best = [line for line in lines(finished / "validation.jsonl") if line["best"]][-1]
    assert f"step {best['step']}: psnr {best['psnr']:.4f}" in html
    assert 'alt="step 2"' in html
    assert "time left" not in html
    assert Image.open(finished / "curves.png").format == "PNG"


def test_a_run_that_goes_on_says_how_long(run):
    reporter(run).write(3, 1003)
    html = run.report.read_text()
    assert "running: step 3 of 1003" in html
    assert "<dt>time left</dt>" in html
    assert "12 &lt;odd&gt; pictures" in html


def test_seconds_a_step_are_those_of_the_last_lines():
    log = [{"step": 100 * n, "time": 1000.0 + (n if n < 20 else 20 + 5 * (n - 20))} for n in range(40)]
    assert seconds_a_step(log) == pytest.approx(0.05)
    assert seconds_a_step(log[:1]) is None
    assert seconds_a_step([]) is None


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_writing_takes_at_most_its_share_of_the_time(run, monkeypatch):
    clock = Clock()
    show = reporter(run, clock=clock)
    written = []

    def write(self, step, total, ended=""):
        clock.now += 1.0
        written.append(step)

    monkeypatch.setattr(RunReport, "write", write)
    for step in range(10_000):
        clock.now += 1.0
        show(step, 10_000)
    # 1 s each, 1 / SHARE seconds apart
    assert 100 < len(written) <= 10_000 * SHARE
    assert min(np.diff(written)) >= 1 / SHARE - 1
    show(10_000, 10_000, "finished")
    assert written[-1] == 10_000


def test_failing_is_a_line(run, monkeypatch):
    def refuse(*_):
        raise OSError("the disk is gone")

    monkeypatch.setattr(report_module, "write_page", refuse)
    line = reporter(run)(4, 4, "finished")
    assert line == f"{run.report}: not written (OSError: the disk is gone); training goes on"


def test_a_training_goes_on_without_its_page(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise ValueError("no curves today")

    monkeypatch.setattr(report_module, "panels_plot", refuse)
    assert train(make_pairs(tmp_path / "pairs"), tmp_path / "run") == 0
    assert "no curves today" in capsys.readouterr().err
    assert lines(tmp_path / "run/log.jsonl")[-1]["step"] == 4


def test_it_can_be_left_out(tmp_path):
    assert train(make_pairs(tmp_path / "pairs"), tmp_path / "run", "train.report=false") == 0
    assert not (tmp_path / "run/report.html").exists()
    assert not (tmp_path / "run/curves.png").exists()


def sheets_in(html: str) -> dict[int, tuple[int, int]]:
    found = re.findall(r'<img alt="step (\d+)" src="data:image/jpeg;base64,([^"]+)"', html)
    return {int(step): Image.open(io.BytesIO(base64.b64decode(data))).size for step, data in found}


def test_the_history_of_samples_stays_small(run):
    noise = np.random.default_rng(0).integers(0, 256, (60, 1500, 3), dtype=np.uint8)
    for step in range(10, 1010, 10):
        save_png(run.sample_sheet(step), noise)
    reporter(run).write(1000, 1000)
    shown = sheets_in(run.report.read_text())
    # the two of the run itself, and a hundred
    assert SHEETS / 2 <= len(shown) <= SHEETS
    assert list(shown) == sorted(shown)
    assert max(shown) == 1000
    assert set(shown.values()) <= {(1000, 40), (1000, 41)} | {sheets_in((run.report).read_text())[2]}
    assert f"{102 - len(shown)} further sheets" in run.report.read_text()


def test_large_sheets_are_fewer(run, monkeypatch):
    monkeypatch.setattr(report_module, "BUDGET", 100_000)
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    for step in range(10, 210, 10):
        save_png(run.sample_sheet(step), noise)
    reporter(run).write(200, 200)
    shown = sheets_in(run.report.read_text())
    assert 2 <= len(shown) < 8
    assert max(shown) == 200


def test_each_sheet_is_read_once(run, monkeypatch):
    read = []
    real = report_module.reduced_jpeg
    monkeypatch.setattr(report_module, "reduced_jpeg", lambda path, *more: read.append(path.name) or real(path, *more))
    show = reporter(run)
    for step in range(5, 15):
        save_png(run.sample_sheet(step), np.zeros((8, 8, 3), np.uint8))
        show.write(step, 100)
    assert all(read.count(name) == 1 for name in set(read) - {"pairs.png"})


def test_tensorboard_gets_rates_and_samples(tmp_path, monkeypatch):
    class Events:
        def __init__(self) -> None:
            self.scalars: dict[str, list[tuple[int, float]]] = {}
            self.images: dict[int, np.ndarray] = {}

        def add_scalar(self, tag, value, step):
            self.scalars.setdefault(tag, []).append((step, value))

        def add_image(self, tag, pixels, step, *, dataformats):
            assert (tag, dataformats) == ("samples", "HWC")
            self.images[step] = pixels

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    events = Events()
    monkeypatch.setattr("img2img.training.loop.event_writer", lambda folder: events)
    assert train(make_pairs(tmp_path / "pairs"), tmp_path / "run") == 0
    assert events.scalars["lr/generator"] == [(step, 2e-4) for step in (1, 2, 3, 4)]
    assert sorted(events.images) == [2, 4]
    for step, pixels in events.images.items():
        assert np.array_equal(pixels, np.asarray(Image.open(tmp_path / f"run/samples/step-{step}.png")))
    add_sheet(events, Path("nowhere.png"), 9)
    assert 9 not in events.images
