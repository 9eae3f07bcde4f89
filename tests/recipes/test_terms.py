"""Weights of losses, short and long."""

from __future__ import annotations

from img2img.losses import GENERATOR_LOSSES
from img2img.recipes.terms import terms


def test_weights_short_and_long():
    short = terms({"l1": 100}, GENERATOR_LOSSES, "generator_losses")
    long = terms({"l1": {"weight": 100}}, GENERATOR_LOSSES, "generator_losses")
    default = terms({"charbonnier": {"eps": 0.1}}, GENERATOR_LOSSES, "generator_losses")
    assert short == long
    assert (default[0].weight, default[0].loss.eps) == (1.0, 0.1)
