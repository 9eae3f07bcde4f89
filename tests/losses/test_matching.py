"""Feature matching: all hidden layers, real constant, the generator's alone."""

from __future__ import annotations

import pytest
import torch
from fake_view import FakeView, Gains, derivatives

from img2img.losses import CRITIC_LOSSES, GENERATOR_LOSSES
from img2img.networks.patchgan import PatchGAN

LOSS = GENERATOR_LOSSES["feature_matching"]()
REAL, FAKE = torch.zeros(2, 1, 1, 2), torch.tensor([[[[1.0, -1.0]]], [[[3.0, -3.0]]]])


@pytest.mark.parametrize("scales", [1, 2, 3])
def test_value_is_a_mean_over_scales(scales):
    # four hidden layers: 4 / (n + 1) is 1, so the sum of L1 is 2 * (1 + 2 + 3 + 4), whatever the number of scales
    view = FakeView("generator", Gains(1.0, 2.0, 3.0, 4.0, scales=scales), REAL, FAKE)
    assert LOSS(view).item() == pytest.approx(20)


def test_the_factor_follows_the_number_of_layers():
    assert LOSS(FakeView("generator", Gains(1.0, 1.0), REAL, FAKE)).item() == pytest.approx(4 / 2 * 2 * 2)


def test_the_authors_critic_has_four_hidden_layers_and_no_factor():
    critic = PatchGAN(width=4, norm="instance").build(in_channels=1, size=None)
    real, fake = torch.randn(2, 1, 32, 32), torch.randn(2, 1, 32, 32)
    layers = list(zip(critic(fake).features, critic(real).features, strict=True))
    assert len(layers) == 4
    expected = sum((a - b).abs().mean() for a, b in layers)
    torch.testing.assert_close(LOSS(FakeView("generator", critic, real, fake)), expected)


def test_real_is_a_constant_and_fake_is_not():
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    to_real, to_fake = derivatives(LOSS(FakeView("generator", Gains(1.0), real, fake)), [real, fake])
    assert to_real.abs().max() == 0
    assert torch.equal(to_fake.sign(), FAKE.sign())


def test_the_critic_never_plays_it():
    assert "feature_matching" not in CRITIC_LOSSES
    assert "perceptual_adversarial" not in CRITIC_LOSSES


def test_half_precision():
    assert LOSS(FakeView("generator", Gains(1.0).bfloat16(), REAL.bfloat16(), FAKE.bfloat16())).dtype == torch.float32
