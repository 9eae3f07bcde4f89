"""Learning-rate factors against numbers worked out by hand."""

from __future__ import annotations

import pytest

from img2img.config import choose
from img2img.engine.schedule import SCHEDULES


def factors(spec, steps, total):
    schedule = choose(SCHEDULES, spec, "schedule", "schedule")
    return [schedule.factor(step, total) for step in steps]


def test_constant():
    assert factors("constant", [0, 5, 10**6], 10) == [1, 1, 1]


def test_linear_holds_then_falls_to_zero():
    # 10 steps, the first 5 at 1; then 5/5, 4/5, ..., 1/5, and 0 after the last
    expected = [1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, 0]
    assert factors({"name": "linear", "hold": 0.5}, range(11), 10) == pytest.approx(expected)
    assert factors({"name": "linear", "hold": 0.0}, range(5), 4) == pytest.approx([1, 0.75, 0.5, 0.25, 0])
    assert factors({"name": "linear", "hold": 1.0}, range(4), 4) == [1, 1, 1, 1]


def test_cosine():
    # cos(0), cos(60), cos(90), cos(120), cos(180 degrees)
    expected = [1, 0.75, 0.5, 0.25, 0]
    assert factors("cosine", [0, 4, 6, 8, 12], 12) == pytest.approx(expected)
    lifted = [0.2 + 0.8 * value for value in expected]
    assert factors({"name": "cosine", "floor": 0.2}, [0, 4, 6, 8, 12], 12) == pytest.approx(lifted)


def test_warm_up_is_linear_and_never_zero():
    assert factors({"name": "constant", "warmup_steps": 4}, range(6), 100) == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])
    assert factors({"name": "linear", "hold": 0.0, "warmup_steps": 2}, range(4), 4) == pytest.approx(
        [0.5, 0.75, 0.5, 0.25]
    )
    # the cosine begins when the warm-up has ended
    assert factors({"name": "cosine", "warmup_steps": 2}, [0, 1, 2, 6, 10], 10) == pytest.approx([0.5, 1, 1, 0.5, 0])


def test_only_schedules_of_the_total_forbid_another_total():
    needs = {name: choose(SCHEDULES, name, "schedule", "schedule").needs_total for name in SCHEDULES}
    assert needs == {"constant": False, "linear": True, "cosine": True}
    for name, depends in needs.items():
        assert (factors(name, [9], 10) != factors(name, [9], 20)) == depends
