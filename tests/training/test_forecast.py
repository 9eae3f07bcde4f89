"""The measurement before step 0: no trace of it, little of it where a step is slow, and never without a word."""

from __future__ import annotations

import copy
import math
import re

import pytest
import torch
from test_loop import trainer

from conftest import same, small
from img2img import progress
from img2img.errors import UserError
from img2img.recipes.build import rules
from img2img.recipes.train_config import TrainConfig
from img2img.training import forecast
from img2img.training.forecast import Forecast, Resolved, candidates, measure, resolve


def batches(one):
    stream = one.source.batches(0)
    return [next(stream) for _ in range(one.engine.batches)]


@pytest.mark.parametrize(("method", "side", "extra"), [("egan", None, {"parents": 2}), ("cyclegan", 32, {"pool": 2})])
def test_measuring_leaves_no_trace(method, side, extra):
    one = trainer(
        None, method, side=side, extra={**extra, **({"data.crop": 32, "generator.blocks": 1} if side else {})}
    )
    engine = one.engine
    for step in range(2):
        engine.step(step, [next(one.source.batches(step))])

    def everything():
        return engine.state_dict(), engine.local_state()["pools"], torch.get_rng_state()

    before = copy.deepcopy(everything())
    found = measure(engine, batches(one), ["fp32", "bf16"], rounds=2)
    assert same(everything(), before)
    assert engine.log.means() == {}
    assert not engine.log.bad
    assert engine.precision.name == "fp32"
    assert set(found.measured) == {"fp32", "bf16"}
    assert found.seconds_per_step == found.measured[found.precision]
    assert found.memory_bytes > 0


class Slow:
    """A clock that only the steps of a trainer move on; ``seconds`` by precision, the first one of each ``extra``."""

    def __init__(self, one, seconds: dict[str, float], extra: float = 0.0) -> None:
        self.now = 100.0
        self.steps: list[str] = []
        self.one = one

        def step(number, taken):
            name = one.engine.precision.name
            self.now += seconds[name] + (extra if name not in self.steps else 0)
            self.steps.append(name)

        one.engine.step = step

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({"fp32": 1.0, "bf16": 0.95}, "fp32"),
        ({"fp32": 1.0, "bf16": 0.85}, "bf16"),
        ({"fp32": 1.0, "bf16": 1.2}, "fp32"),
        ({"bf16": 1.0}, "bf16"),
    ],
)
def test_a_precision_must_be_worth_it(seconds, chosen):
    one = trainer(None)
    clock = Slow(one, seconds)
    found = measure(one.engine, batches(one), list(seconds), rounds=3, clock=clock)
    assert (found.precision, found.seconds_per_step) == (chosen, pytest.approx(seconds[chosen]))


@pytest.mark.parametrize(
    ("method", "expected"),
    [("nsgan", ["fp32", "bf16"]), ("wgan_gp", ["fp32"]), ("egan", ["fp32"]), ("pix2pix", ["fp32", "bf16"])],
)
def test_fitness_and_wasserstein_are_trained_in_fp32(method, expected):
    assert candidates(rules(small(method).method), torch.device("cpu")) == expected


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), ["fp32"]), ((8, 0), ["fp32", "bf16"])])
def test_auto_does_not_try_what_a_gpu_emulates(capability, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert candidates(rules(small("pix2pix").method), torch.device("cuda", 0)) == expected


@pytest.mark.parametrize(
    ("seconds", "rounds", "warm_up", "expected"),
    [
        # one step to warm up and one to measure, however slow
        ({"fp32": 10.0, "bf16": 12.0}, 50, 0.0, 1),
        ({"fp32": 400.0}, 50, 0.0, 1),
        # rounds of 2 s: three fill 6 s
        ({"fp32": 1.0, "bf16": 1.0}, 50, 0.0, 3),
        # of 2.5 s two fit, the third would end after 7.5 s; what warming up takes is no part of it
        ({"fp32": 1.0, "bf16": 1.5}, 50, 60.0, 2),
        ({"fp32": 0.01}, 50, 0.0, 50),
        ({"fp32": 0.01}, 2, 0.0, 2),
        ({"fp32": 4.0}, 2, 0.0, 1),
    ],
)
def test_a_slow_step_is_measured_less(seconds, rounds, warm_up, expected):
    one = trainer(None)
    clock = Slow(one, seconds, warm_up)
    found = measure(one.engine, batches(one), list(seconds), rounds=rounds, clock=clock)
    assert clock.steps == list(seconds) * (1 + expected)
    assert found.measured == pytest.approx(seconds)
    assert found.precision == min(seconds, key=seconds.get)


@pytest.fixture
def words(capsys):
    """Lines on stderr without their time."""

    def lines() -> list[str]:
        return [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in capsys.readouterr().err.splitlines()]

    return lines


def test_a_long_measurement_says_what_goes_on_and_how_far_it_is(words, monkeypatch):
    one = trainer(None)
    clock = Slow(one, {"fp32": 10.0, "bf16": 20.0})
    monkeypatch.setattr(progress.time, "monotonic", clock)
    waits = []

    class Timer:
        """Its time is up at once."""

        def __init__(self, seconds, call, arguments):
            waits.append(seconds)
            self.start = lambda: call(*arguments)

        def cancel(self):
            pass

    monkeypatch.setattr(progress.threading, "Timer", Timer)

    def rehearse(networks, budget_s):
        assert networks is one.engine.parents[0].networks
        assert budget_s == forecast.BUDGET_S
        clock.now += 7
        return 35.0

    found = measure(one.engine, batches(one), ["fp32", "bf16"], rounds=50, rehearse=rehearse, clock=clock)
    assert found.seconds_per_validation == 35.0
    assert words() == [
        "measuring before the start: precision, time and memory of a step ...",
        "measurement 1/5, 40 s left",
        "measurement 2/5, 45 s left",
        "measurement 3/5, 27 s left",
        "measurement 4/5, 15 s left",
    ]
    assert waits == [3.0]


def test_a_short_measurement_says_nothing(words):
    one = trainer(None)
    clock = Slow(one, {"fp32": 0.01})
    measure(one.engine, batches(one), ["fp32"], rounds=2, clock=clock)
    assert words() == []


@pytest.mark.parametrize(
    ("plan", "precisions", "rounds", "budget_s", "steps"),
    [
        # 2 s a step and every 10 steps a validation of 20 s: 4 s a step; a thirtieth of the clock to measure
        ({"minutes": 2}, ["fp32", "bf16"], 1000, 4.0, 30),
        ({"minutes": 12, "precision": "bf16"}, ["bf16"], 1000, 6.0, 180),
        ({"steps": 7}, ["fp32", "bf16"], 50, 6.0, 7),
        # nothing to decide
        ({"steps": 7, "precision": "fp32"}, ["fp32"], 2, 6.0, 7),
        ({"epochs": 3, "precision": "fp32"}, ["fp32"], 2, 6.0, 15),
    ],
)
def test_precision_and_steps_are_resolved(plan, precisions, rounds, budget_s, steps, monkeypatch, words):
    one = trainer(None)
    found = Forecast(precision="bf16", seconds_per_step=2.0, seconds_per_validation=20.0, measured={"bf16": 2.0})
    asked = []

    def measured(engine, taken, names, *, rounds, rehearse, budget_s):
        asked.append((len(taken), names, rounds, budget_s))
        return found

    monkeypatch.setattr(forecast, "measure", measured)
    resolved = resolve(TrainConfig(batch=4, validate_every=10, **plan), one.engine, one.source, 20, None)
    assert asked == [(1, precisions, rounds, budget_s)]
    assert resolved == Resolved(steps=steps, **vars(found))
    said = words()
    assert said[-1].startswith(f"{steps} steps of 4 images ({steps * 4 / 20:.1f} passes), about ")
    assert any("precision bf16 (a step takes bf16 2000 ms)" in line for line in said) == (len(precisions) == 2)


def test_steps_of_a_run_may_grow_but_not_below_what_is_done():
    resolved = Resolved(steps=10, precision="fp32")
    assert resolved.for_steps(None, 10).steps == 10
    # more steps may have fitted into a clock than were resolved at first; the checkpoint knows how many
    assert resolved.for_steps(None, 12).steps == 10
    assert resolved.for_steps(12, 10) == Resolved(steps=12, precision="fp32")
    with pytest.raises(UserError, match=r"train\.steps=9.*already done 10"):
        resolved.for_steps(9, 10)
    assert math.isfinite(resolved.seconds_per_step)
