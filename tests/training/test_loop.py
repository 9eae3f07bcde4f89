"""The loop around the step: best weights, early stop, divergence, signals, what a log line says."""

from __future__ import annotations

import json
import math
import os
import signal
from pathlib import Path

import pytest
import torch

from conftest import same, small
from img2img.compute.distributed import World
from img2img.compute.precision import Precision
from img2img.config import choose
from img2img.engine.schedule import SCHEDULES
from img2img.errors import RunError, UserError
from img2img.inference import Shape
from img2img.recipes.train_config import TrainConfig
from img2img.training import forecast, loop
from img2img.training.build import build_engine
from img2img.training.loop import Trainer
from img2img.training.run_folder import Run
from img2img.training.stop import Stop
from img2img.training.train import train
from img2img.training.validation import Validation
from img2img.types import Batch
from img2img.weights.file import load_weights


class Endless:
    """Made vectors (pictures with ``side``); ``at`` is called with the position of each batch and may change it."""

    def __init__(self, batch: int, at=lambda position, batch: batch, side: int | None = None) -> None:
        self.batch = batch
        self.at = at
        self.side = side

    def batches(self, position: int):
        while True:
            generator = torch.Generator().manual_seed(position)
            shape = (self.batch, 2) if self.side is None else (self.batch, 3, self.side, self.side)
            source, target = (torch.rand(shape, generator=generator) * 2 - 1 for _ in "st")
            made = Batch(target=target, source=None if self.side is None else source, index=torch.arange(self.batch))
            yield self.at(position, made)
            position += self.batch


def trainer(
    folder: Path | None,
    method: str = "nsgan",
    *,
    total: int = 6,
    source: Endless | None = None,
    schedule: object = "constant",
    side: int | None = None,
    extra: dict | None = None,
    **train_keys: object,
) -> Trainer:
    keys = {"steps": total, "batch": 4, "log_every": 1, "checkpoint_every": 1, "validate_every": 1, **train_keys}
    world = World()
    settings = small(method, **{"train.batch": keys["batch"], **(extra or {})})
    shape = Shape(source=2, target=2, size=None) if side is None else Shape(source=3, target=3, size=side)
    engine = build_engine(settings.method, settings.train, shape, world, Precision("fp32", world.device))
    options = {name: keys.pop(name) for name in ("validate", "selection") if name in keys}
    if folder is not None:
        folder.mkdir(exist_ok=True)
    return Trainer(
        engine,
        source or Endless(4, side=side),
        choose(SCHEDULES, schedule, "schedule", "schedule"),
        TrainConfig(**keys),
        total,
        world=world,
        run=Run(folder) if folder else None,
        **options,
    )


def told(values, metric: str = "psnr"):
    """A validation that gives these values one after the other."""
    left = list(values)
    return lambda networks, step: Validation({metric: left.pop(0)})


def lines(folder: Path, name: str = "log.jsonl") -> list[dict]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


@pytest.mark.parametrize(
    ("metric", "values", "best", "end"),
    [
        # two validations without a new best end the run; an equal value is no new best
        ("psnr", [20, 21, 20.5, 21, 99], 2, 4),
        ("psnr", [20, 19, 21, 20, 20, 99], 3, 5),
        ("mae", [0.3, 0.2, 0.25, 0.2, 0.1], 2, 4),
        # nothing is better than identical pictures, and an undefined value is never the best
        ("psnr", [20, math.inf, math.inf, 30, 99], 2, 4),
        ("psnr", [20, math.nan, 21, math.nan, math.nan, 99], 3, 5),
    ],
)
def test_patience(tmp_path, metric, values, best, end):
    one = trainer(tmp_path, validate=told(values, metric), selection=metric, patience=2)
    progress = one.loop()
    assert progress.step == end
    assert progress.finished
    assert progress.best == values[best - 1]
    assert load_weights(tmp_path / "weights/best.safetensors")[0]["step"] == best
    header, last = load_weights(tmp_path / "weights/last.safetensors")
    assert header["step"] == end
    assert same(last, dict(one.engine.parents[0].networks.state_dict()))
    assert [line["step"] for line in lines(tmp_path, "validation.jsonl") if line["best"]][-1] == best


def test_without_patience_the_run_goes_to_its_end(tmp_path):
    progress = trainer(tmp_path, validate=told([5, 4, 3, 2, 1, 0]), selection="psnr").loop()
    assert (progress.step, progress.finished) == (6, True)


def test_without_a_selection_best_is_last(tmp_path):
    trainer(tmp_path).loop()
    best, last = (load_weights(tmp_path / f"weights/{which}.safetensors") for which in ("best", "last"))
    assert best[0]["step"] == last[0]["step"] == 6
    assert same(best[1], last[1])


def spoilt(at_step: int):
    """A source whose batch for this step (counted from 0) is not finite."""

    def at(position: int, batch: Batch) -> Batch:
        return batch.map(lambda t: t * math.nan if t.is_floating_point() else t) if position == 4 * at_step else batch

    return Endless(4, at)


@pytest.mark.parametrize(("log_every", "validate_every", "checkpoint_every"), [(1, 9, 9), (9, 1, 9), (9, 9, 1)])
def test_a_diverged_run_stops_and_keeps_its_last_good_checkpoint(tmp_path, log_every, validate_every, checkpoint_every):
    keys = {"log_every": log_every, "validate_every": validate_every, "total": 9}
    good = trainer(tmp_path, checkpoint_every=1, **{**keys, "total": 3})
    good.loop()
    kept = {path: (tmp_path / path).read_bytes() for path in ("checkpoint.pt", "weights/last.safetensors")}
    one = trainer(tmp_path, source=spoilt(4), checkpoint_every=checkpoint_every, validate=told([1.0] * 9), **keys)
    one.resume(torch.load(tmp_path / "checkpoint.pt", weights_only=True))
    with pytest.raises(RunError, match=r"not finite.*step 5.*last good checkpoint is .*checkpoint\.pt") as error:
        one.loop()
    assert error.value.exit_status == 1
    if checkpoint_every == 9:
        assert {path: (tmp_path / path).read_bytes() for path in kept} == kept
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert saved["progress"]["step"] == (3 if checkpoint_every == 9 else 4)
    tensors = saved["engine"]["parents"][0]["networks"].values()
    assert all(torch.isfinite(value).all() for value in tensors)


def test_divergence_is_noticed_even_if_later_losses_are_finite():
    one = trainer(None)
    one.check_finite()
    one.engine.log.check(torch.tensor(math.inf))
    one.engine.log.check(torch.tensor(1.0))
    with pytest.raises(RunError, match="nothing is kept"):
        one.check_finite()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_after_the_step_with_everything_saved(tmp_path, number):
    before = signal.getsignal(number)
    one = trainer(tmp_path, checkpoint_every=100)
    step = one.engine.step

    def stopping(number_of_step: int, *args: object) -> None:
        step(number_of_step, *args)
        if number_of_step == 2:
            os.kill(os.getpid(), number)

    one.engine.step = stopping
    progress = one.loop()
    assert (progress.step, progress.finished, one.stop.signal) == (3, False, number)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["progress"]["step"] == 3
    assert signal.getsignal(number) is before


def test_a_signal_in_the_last_step_leaves_a_finished_run(tmp_path):
    one = trainer(tmp_path, total=2)
    one.stop.signal = signal.SIGTERM
    one.progress.step = 1
    progress = one.loop()
    assert (progress.step, progress.finished) == (2, True)


def test_a_signal_while_the_run_is_still_measuring_is_not_lost(tmp_path, monkeypatch):
    measure = forecast.measure

    def told_to_stop(*args, **options):
        os.kill(os.getpid(), signal.SIGTERM)
        return measure(*args, **options)

    monkeypatch.setattr(forecast, "measure", told_to_stop)
    outcome = train(small("nsgan", **{"train.steps": 9}), World(), tmp_path / "run")
    assert (outcome.progress.step, outcome.signal) == (1, signal.SIGTERM)
    assert torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)["progress"]["step"] == 1


def test_a_second_interrupt_does_not_wait():
    stop = Stop()
    with stop.watching():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.signal == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_log_line(tmp_path):
    one = trainer(
        tmp_path, "pan", side=32, total=4, log_every=2, schedule={"name": "linear", "hold": 0.0},
        extra={"data.crop": 32},
    )  # fmt: skip
    one.validate = None
    one.loop()
    first, second = lines(tmp_path)
    assert [line["step"] for line in (first, second)] == [2, 4]
    assert [line["images"] for line in (first, second)] == [8, 16]
    # the rates of the steps 1 and 3 counted from 0, of 4
    assert [line["lr"]["generator"] for line in (first, second)] == pytest.approx([2e-4 * 0.75, 2e-4 * 0.25])
    assert first["lr"].keys() == {"generator", "critic"}
    assert first["critic_forwards"] == 4
    assert 0 <= first["waiting_for_data"] <= 1
    shares = [first[f"generator/P/layer{number}"] for number in (1, 4, 6, 8)]
    assert sum(shares) == pytest.approx(first["generator/P"], rel=1e-5)
    assert first["generator/P"] == pytest.approx(first["generator/perceptual_adversarial"], rel=1e-5)
    assert 0 <= first["critic/hinge_active"] <= 1


@pytest.mark.parametrize(("critic_steps", "images"), [(1, 4), (3, 12)])
def test_images_a_second_are_all_that_a_step_takes(tmp_path, monkeypatch, critic_steps, images):
    monkeypatch.setattr(loop.Interval, "seconds", 0.5)
    trainer(tmp_path, total=2, log_every=2, extra={"critic_steps": critic_steps}).loop()
    (line,) = lines(tmp_path)
    assert (line["images"], line["images_per_s"]) == (2 * images, 2 * images / 0.5)


RESIDUAL = {
    "generator": "{name: residual, width: 8}",
    # the weights do not move, so that no validation is better than the first
    "optimizers.generator": "{name: sgd, lr: 1e-30}",
    "train.validate_every": 1,
}


def test_a_run_that_stopped_early_is_finished(tmp_path, capsys):
    settings = small("l1", **RESIDUAL, **{"train.steps": 9, "train.patience": 2, "data.crop": 16})
    outcome = train(settings, World(), tmp_path / "run")
    assert outcome.progress.step == 3
    capsys.readouterr()
    assert train(settings, World(), tmp_path / "run").progress.step == 3
    assert "this run is finished (stopped early at step 3 of 9" in capsys.readouterr().err
    # with more patience it goes on
    more = small("l1", **RESIDUAL, **{"train.steps": 9, "train.patience": 3, "data.crop": 16})
    assert train(more, World(), tmp_path / "run").progress.step == 4


def test_a_run_killed_before_its_first_checkpoint_logs_nothing_twice(tmp_path, monkeypatch):
    settings = small("nsgan", **{"train.steps": 4, "train.log_every": 1, "train.checkpoint_every": 4})
    step = Trainer._log

    def killed(self, reporter):
        step(self, reporter)
        if self.progress.step == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_log", killed)
        with pytest.raises(KeyboardInterrupt):
            train(settings, World(), tmp_path / "run")
    assert [line["step"] for line in lines(tmp_path / "run")] == [1, 2]
    train(settings, World(), tmp_path / "run")
    assert [line["step"] for line in lines(tmp_path / "run")] == [1, 2, 3, 4]


def test_a_start_that_was_killed_early_is_taken_up_and_strangers_are_refused(tmp_path):
    settings = small("nsgan")
    run = tmp_path / "run"
    run.mkdir()
    for name in ("data_manifest.json", ".environment.json.123.tmp"):
        (run / name).write_text("{")
    train(settings, World(), run)
    assert not (run / ".environment.json.123.tmp").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match="holds other files"):
        train(settings, World(), other)
    assert [path.name for path in other.iterdir()] == ["thesis.tex"]
