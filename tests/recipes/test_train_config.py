"""How long a training is."""

from __future__ import annotations

import pytest

from img2img.config import build
from img2img.errors import UserError
from img2img.recipes.train_config import TrainConfig


@pytest.mark.parametrize(
    ("keys", "samples", "batches_per_step", "steps"),
    [
        # PAN's release: 400 pictures, batch 4, one batch for D and the next for T: 50 steps a pass, 1001 passes
        ({"epochs": 1001, "batch": 4}, 400, 2, 50050),
        ({"epochs": 200, "batch": 1}, 400, 1, 80000),
        # what is left over is one more step, never a shorter batch
        ({"epochs": 1, "batch": 4}, 9, 1, 3),
        ({"epochs": 2, "batch": 4}, 9, 1, 5),
        ({"epochs": 1, "batch": 64}, 9, 5, 1),
        ({"steps": 7, "batch": 4}, 400, 5, 7),
    ],
)
def test_steps_and_epochs(keys, samples, batches_per_step, steps):
    assert TrainConfig(**keys).total_steps(samples, batches_per_step, None) == steps


def test_minutes_use_the_measured_step():
    plan = TrainConfig(minutes=3)
    assert plan.total_steps(100, 1, 0.5) == 360
    assert plan.total_steps(100, 1, 10**6) == 1
    with pytest.raises(UserError, match="measured"):
        plan.total_steps(100, 1, None)


@pytest.mark.parametrize("keys", [{}, {"steps": 1, "epochs": 1}, {"steps": 1, "minutes": 1.0}])
def test_exactly_one_length(keys):
    with pytest.raises(UserError, match=r"exactly one of train\.steps, train\.epochs, train\.minutes"):
        build(TrainConfig, keys, "x.yaml")


def test_micro_batches_are_of_one_size():
    with pytest.raises(UserError, match=r"train\.batch=6 is not a multiple of train\.accumulate=4"):
        build(TrainConfig, {"steps": 1, "batch": 6, "accumulate": 4}, "x.yaml")


@pytest.mark.parametrize(("key", "value"), [("steps", 0), ("batch", 0), ("minutes", 0), ("seed", -1), ("workers", -1)])
def test_values_out_of_range(key, value):
    with pytest.raises(UserError, match=key):
        build(TrainConfig, {"steps": 1, key: value} if key != "minutes" else {key: value}, "x.yaml")
