"""Pixel losses by hand."""

from __future__ import annotations

import math

import pytest
import torch
from fake_view import FakeView

from img2img.errors import UserError
from img2img.losses import GENERATOR_LOSSES
from img2img.types import Batch

FAKE = torch.tensor([[[[0.5, -1.0], [0.0, 0.25]]], [[[1.0, 1.0], [-0.5, 0.25]]]])
TARGET = torch.tensor([[[[0.0, 1.0], [0.0, 0.25]]], [[[1.0, -1.0], [0.5, 0.25]]]])


def value(name: str, fake: torch.Tensor, target: torch.Tensor, **extra: float) -> torch.Tensor:
    return GENERATOR_LOSSES[name](**extra)(FakeView("generator", images={"fake": fake}, batch=Batch(target=target)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("l1", 5.5 / 8),
        # a mean of squares, not its root
        ("l2", 9.25 / 8),
        ("charbonnier", sum(math.sqrt(d * d + 1e-6) for d in (0.5, 2, 0, 0, 0, 2, 1, 0)) / 8),
    ],
)
def test_values(name, expected):
    assert value(name, FAKE, TARGET).item() == pytest.approx(expected, abs=1e-6)


def test_differences_of_opposite_sign_do_not_cancel():
    fake = torch.tensor([[1.0, -1.0]])
    assert value("l1", fake, torch.zeros(1, 2)).item() == 1


def test_charbonnier_is_smooth_at_zero():
    fake = torch.zeros(1, 3).requires_grad_()
    loss = value("charbonnier", fake, torch.zeros(1, 3), eps=0.01)
    assert loss.item() == pytest.approx(0.01)
    assert torch.equal(torch.autograd.grad(loss, fake)[0], torch.zeros(1, 3))


@pytest.mark.parametrize("name", ["l1", "l2", "charbonnier"])
def test_precision_and_gradients(name):
    assert value(name, FAKE.bfloat16(), TARGET).dtype == torch.float32
    fake = FAKE.double().requires_grad_()
    target = TARGET.double() + 0.1
    assert torch.autograd.gradcheck(lambda f: value(name, f, target), fake)


@pytest.mark.parametrize("name", ["l1", "l2", "charbonnier"])
def test_data_without_target(name):
    with pytest.raises(UserError, match="target"):
        GENERATOR_LOSSES[name]()(FakeView("generator", images={"fake": FAKE}, batch=Batch()))
