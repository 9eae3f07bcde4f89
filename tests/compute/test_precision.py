"""Autocast by name, and fp16's loss scale step by step."""

from __future__ import annotations

import pytest
import torch

from img2img.compute.precision import LossScale, Precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_autocast_and_its_exception(name, dtype):
    precision = Precision(name, CPU)
    a = torch.ones(2, 2)
    with precision.autocast():
        assert (a @ a).dtype == dtype
        with precision.exact():
            assert (a @ a).dtype == torch.float32
        assert (a @ a).dtype == dtype
    assert (a @ a).dtype == torch.float32


def test_good_gradients_are_divided_by_the_scale():
    scale = LossScale(CPU, start=8.0, interval=100)
    gradients = [torch.tensor([8.0, -16.0]), torch.tensor(2.0)]
    assert scale.unscale_(gradients) == 0
    assert gradients[0].tolist() == [1, -2]
    assert gradients[1].item() == 0.25
    assert (scale.scale, scale.good) == (8, 1)


@pytest.mark.parametrize("bad", [float("inf"), -float("inf"), float("nan")])
def test_a_bad_step_halves_and_starts_counting_again(bad):
    scale = LossScale(CPU, start=8.0, interval=3)
    scale.unscale_([torch.ones(2)])
    assert scale.unscale_([torch.ones(2), torch.tensor([1.0, bad])]) == 1
    assert (scale.scale, scale.good) == (4, 0)


def test_the_scale_doubles_after_enough_good_steps():
    scale = LossScale(CPU, start=8.0, interval=3)
    seen = []
    for _ in range(7):
        scale.unscale_([torch.ones(2)])
        seen.append(scale.scale.item())
    assert seen == [8, 8, 16, 16, 16, 32, 32]


def test_state():
    one, other = LossScale(CPU, start=8.0, interval=3), LossScale(CPU)
    other.interval = 3
    for _ in range(2):
        one.unscale_([torch.ones(1)])
    other.load_state_dict(one.state_dict())
    for scale in (one, other):
        scale.unscale_([torch.ones(1)])
        assert (scale.scale, scale.good) == (16, 0)
