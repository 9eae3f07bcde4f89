"""`train.minutes` holds its clock on a machine whose load changes, and a run that is resumed is the one that was not.

Time is a number that only steps, validations and checkpoints move on.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Callable

import pytest
import torch
from test_loop import trainer

from conftest import same, small
from img2img.compute.distributed import World
from img2img.engine.step import Engine
from img2img.training import train as train_module
from img2img.training.time_budget import MOMENTS, TimeBudget
from img2img.training.train import train
from img2img.training.validation import Validation

CLOCK = 720.0


class Machine:
    """Fake time: a step takes ``step_s(now)``, a validation 6 s, a checkpoint 2 s; both are due every 500 steps."""

    def __init__(self, step_s: Callable[[float], float], validation_s: float = 6.0, checkpoint_s: float = 2.0) -> None:
        self.now = 0.0
        self.step_s, self.validation_s, self.checkpoint_s = step_s, validation_s, checkpoint_s

    def run(self, planned: int, clock_s: float = CLOCK, every: int = 500) -> tuple[float, int, list[int]]:
        """Share of the clock that a run took which was ``planned`` with so many steps; its steps; its totals."""
        budget = TimeBudget(
            clock_s, planned, validate_every=every, checkpoint_every=every, validation_s=5.0, clock=lambda: self.now
        )
        budget.start()
        step, totals = 0, [planned]
        while step < totals[-1]:
            self.now += self.step_s(self.now)
            step += 1
            if budget.due(step):
                totals.append(budget.resolve(step, totals[-1]))
            if step == totals[-1] or step % every == 0:
                with budget.validating():
                    self.now += self.validation_s
                with budget.saving():
                    self.now += self.checkpoint_s
        return self.now / clock_s, step, totals


@pytest.mark.parametrize("factor", [3.0, 1 / 3])
@pytest.mark.parametrize("change_at", [0.0, 0.02, 0.1, 0.25, 0.4, 0.5, 0.51, 0.6, 0.75, 0.9, 0.97])
# as planned; by a probe that took a loaded machine for a slow one; by one that was too quick
@pytest.mark.parametrize("planned", [3600, 50, 40000])
def test_a_machine_that_changes_ends_within_five_percent(planned, change_at, factor):
    machine = Machine(lambda now: 0.2 * (factor if now >= change_at * CLOCK else 1.0))
    share, _, _ = machine.run(planned)
    assert 0.95 <= share <= 1.05


def test_a_steady_machine_gets_the_steps_that_fit():
    share, step, totals = Machine(lambda now: 0.2).run(3600)
    # validations and checkpoints after 500, 1000, ... 3000 steps and at the end: (720 s - 7 * 8 s) / 0.2 s
    assert step == 3320
    assert share == pytest.approx(1.0, abs=1e-6)
    # once what they take is known, the schedule is left in peace
    changes = [abs(after / before - 1) for before, after in itertools.pairwise(totals)]
    assert sum(change > 0.001 for change in changes) <= 3
    assert max(changes[4:]) < 0.001


@pytest.mark.parametrize("steps", [3, 7, 30])
def test_few_long_steps_end_as_near_to_the_clock_as_a_step_allows(steps):
    share, done, _ = Machine(lambda now: CLOCK / steps, 0.0, 0.0).run(1)
    assert (done, share) == (steps, pytest.approx(1.0))


def test_a_clock_shorter_than_a_step_is_one_step():
    assert Machine(lambda now: 50.0, 0.0, 0.0).run(1, clock_s=30.0)[1] == 1


def test_a_sudden_load_near_the_end_costs_one_step_and_the_validation_at_most():
    machine = Machine(lambda now: 0.2 if now < 700 else 30.0)
    share, _, _ = machine.run(3320)
    assert share * CLOCK <= CLOCK + 30.0 + machine.validation_s


def test_the_total_is_resolved_at_the_stated_moments():
    times: list[float] = []

    class Watched(TimeBudget):
        def resolve(self, step: int, total: int) -> int:
            times.append(self.elapsed() / self.seconds)
            return super().resolve(step, total)

    machine = Machine(lambda now: 0.125, 0.0, 0.0)
    budget = Watched(128.0, 1024, validate_every=9999, checkpoint_every=9999, clock=lambda: machine.now)
    budget.start()
    for step in range(1, 961):
        machine.now += 0.125
        if budget.due(step):
            assert budget.resolve(step, 1024) == 1024
    assert times == list(MOMENTS)
    assert MOMENTS[:5] == (1 / 16, 1 / 8, 1 / 4, 1 / 2, 9 / 16)


# a run of 64 s on a machine that becomes slower, then faster, in fractions that add up without rounding
def seconds_of_step(step: int) -> float:
    return 0.25 if step < 20 else 1.0 if step < 50 else 0.125


def clocked(folder, stop_after: int | None = None, **keys):
    """A trainer of 64 s planned as 400 steps, a fake clock that steps and validations move, and the stop."""
    now = [1000.0]

    def validate(networks, step):
        now[0] += 0.5
        return Validation({"psnr": float(step)})

    run = trainer(folder, total=400, schedule="linear", validate=validate, selection="psnr",
                  **{"validate_every": 32, "checkpoint_every": 7, "log_every": 1, **keys})  # fmt: skip
    run.budget = TimeBudget(64.0, 400, validate_every=32, checkpoint_every=7, validation_s=0.5, clock=lambda: now[0])
    step = run.engine.step

    def slow(number: int, *arguments: object) -> None:
        step(number, *arguments)
        now[0] += seconds_of_step(number)
        if stop_after == number + 1:
            run.stop.signal = 15

    run.engine.step = slow
    return run, now


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was not stopped."""
    folder = tmp_path_factory.mktemp("whole")
    run, now = clocked(folder)
    run.loop()
    assert now[0] - 1000 == pytest.approx(64.0, rel=0.05)
    return run, folder


@pytest.mark.parametrize("stop_after", [1, 15, 16, 17, 31, 32, 33, 120])
def test_a_run_resumed_around_a_new_total_is_the_run_that_was_not(tmp_path, whole, stop_after):
    whole, folder = whole
    totals = [json.loads(line)["total"] for line in (folder / "log.jsonl").read_text().splitlines()]
    changes = {step for step in range(1, len(totals)) if totals[step] != totals[step - 1]}
    # 4 s are 16 steps of 0.25 s; and there was more than one new total
    assert 15 in changes
    assert len(changes) >= 3

    first, _ = clocked(tmp_path / "cut", stop_after)
    assert first.loop().step == stop_after
    second, _ = clocked(tmp_path / "cut")
    second.resume(torch.load(tmp_path / "cut/checkpoint.pt", weights_only=True))
    assert second.total == first.total
    second.loop()
    assert (second.progress, second.total) == (whole.progress, whole.total)
    assert same(second.engine.state_dict(), whole.engine.state_dict())
    assert second.budget.elapsed() == whole.budget.elapsed()


def test_what_was_planned_and_what_was_done_is_said(tmp_path, capsys):
    run, _ = clocked(tmp_path)
    run.loop()
    said = [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in capsys.readouterr().err.splitlines()]
    assert said[0] == "planned 1 min 04 s, took 4 s so far, 16 steps: 240 in all instead of 400"
    assert re.fullmatch(rf"planned 1 min 04 s, took 1 min 0\d s, {run.total} steps", said[-1])


def test_a_fixed_number_of_steps_knows_no_clock(tmp_path):
    trainer(tmp_path).loop()
    assert "clock" not in torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert "total" not in json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])


def test_a_checkpoint_without_its_clock_keeps_the_total_that_was_resolved(tmp_path):
    run, _ = clocked(tmp_path, stop_after=16)
    run.loop()
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    del state["clock"]
    older, _ = clocked(tmp_path)
    older.resume(state)
    assert (older.budget, older.total) == (None, 400)


def test_another_process_does_not_read_its_own_clock():
    class Second(World):
        """The second of two processes; the first one, which is not there, would say when to look."""

        is_main = False

    run, now = clocked(None)
    run.world = Second()
    assert run.loop().step == run.total == 400
    assert now[0] - 1000 > 64 * 1.05


def test_minutes_end_with_their_clock_from_end_to_end(tmp_path, monkeypatch, capsys):
    """A probe on a loaded machine says 0.5 s a step; the training then takes 0.0625 s a step."""
    now = [0.0]
    step, resolve = Engine.step, train_module.resolve

    def slow(self, *arguments):
        step(self, *arguments)
        now[0] += 0.0625

    def loaded(*arguments):
        return dataclasses.replace(resolve(*arguments), steps=12)

    class Faked(TimeBudget):
        def __init__(self, *arguments, **keys):
            super().__init__(*arguments, **keys, clock=lambda: now[0])

    monkeypatch.setattr(train_module, "resolve", loaded)
    monkeypatch.setattr(train_module, "TimeBudget", Faked)
    monkeypatch.setattr(Engine, "step", slow)
    settings = small("nsgan", **{"train.steps": "null", "train.minutes": 0.1, "train.precision": "fp32"})
    outcome = train(settings, World(), tmp_path / "run")
    assert (outcome.progress.step, outcome.total) == (96, 96)
    assert json.loads((tmp_path / "run/environment.json").read_text())["resolved"]["steps"] == 12
    # more steps than were resolved at first are no reason to refuse the finished run
    capsys.readouterr()
    assert train(settings, World(), tmp_path / "run").progress.step == 96
    assert "this run is finished (96 steps); nothing to do" in capsys.readouterr().err
