"""Reflection put together of strips: torch's own values bit for bit, its gradients, and their derivatives."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from img2img.compute.precision import kernels
from img2img.networks import GENERATORS
from img2img.networks.padding import ReflectionPad, mirrored

SIZES = [(1, 2, 2), (3, 4, 4), (3, 5, 9), (1, 8, 3)]


@pytest.mark.parametrize(("width", "height", "across"), SIZES)
def test_values_and_gradients_are_torchs(width, height, across):
    # small whole numbers: their sums are exact in any order
    x = torch.randint(-8, 8, (2, 3, height, across)).float().requires_grad_()
    theirs = nn.ReflectionPad2d(width)(x)
    weight = torch.randint(-8, 8, theirs.shape).float()
    with kernels(deterministic=True):
        ours = ReflectionPad(width)(x)
        (gradient,) = torch.autograd.grad((ours * weight).sum(), x)
    assert torch.equal(ours, theirs)
    assert torch.equal(gradient, torch.autograd.grad((theirs * weight).sum(), x)[0])
    assert torch.equal(ReflectionPad(width)(x), theirs)


def test_only_bit_exact_runs_pay_for_it(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "img2img.networks.padding.mirrored", lambda x, width, axis: asked.append(axis) or mirrored(x, width, axis)
    )
    x = torch.rand(1, 1, 4, 4)
    ReflectionPad(1)(x)
    assert asked == []
    with kernels(deterministic=True):
        ReflectionPad(1)(x)
    assert asked == [-1, -2]


def test_second_derivatives():
    x = torch.randn(1, 1, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: mirrored(mirrored(x, 2, -1), 2, -2).pow(3), x)


def test_the_resnet_asks_torch_for_no_reflection_where_bits_count(monkeypatch):
    network = GENERATORS["resnet"](width=4, blocks=1).build(in_channels=3, out_channels=3, size=16)
    x = torch.rand(1, 3, 16, 16)
    whole = network(x)

    def refused(*_, **__):
        raise RuntimeError("reflection_pad2d_backward_out_cuda does not have a deterministic implementation")

    with kernels(deterministic=True), monkeypatch.context() as patch:
        for name in ("reflection_pad2d", "pad"):
            patch.setattr(torch._C._nn, name, refused)
        assert torch.equal(network(x), whole)
