"""What a method's YAML says is what is built."""

from __future__ import annotations

import pytest

from img2img.config import build
from img2img.errors import UserError
from img2img.recipes.blueprint import draw_up
from img2img.recipes.method import Inference, Method
from img2img.recipes.settings import resolve
from img2img.weights.header import Shape

ADVERSARIAL = {"generator_losses": {"adversarial": 1}, "critic_losses": {"adversarial": 1}}
SHAPE = Shape(source=3, target=3, size=64)
PLAIN = {"generator": "unet", "critic": "patchgan", **ADVERSARIAL}


def test_a_penalty_looks_at_the_critic_itself():
    # PAN's critic has no key for its norm
    method = build(Method, {**PLAIN, "critic": "pan", "critic_losses": {"adversarial": 1, "r1": 5}}, "own.yaml")
    with pytest.raises(UserError, match="batch normalisation"):
        draw_up(method, SHAPE)
    other = build(Method, {**PLAIN, "critic": "pan"}, "own.yaml")
    assert list(draw_up(other, SHAPE).critics) == ["critic"]


def test_results_are_made_as_published():
    inference = {name: resolve("derain", name).method.generator_spec()[1] for name in ("pix2pix", "pan", "l2")}
    assert inference["pix2pix"] == Inference(norm="batch", dropout=True)
    assert inference["pan"] == inference["l2"] == Inference(norm="running", dropout=False)


def test_pan_is_unconditional_with_the_released_figures():
    method = resolve("derain", "pan").method
    layers = {"1": 5.0, "4": 1.5, "6": 1.5, "8": 1.0}
    assert not method.conditional
    assert resolve("derain", "pa_cgan").method.conditional
    margin, p = method.critic_losses["perceptual_margin"], method.generator_losses["perceptual_adversarial"]
    assert isinstance(margin, dict)
    assert isinstance(p, dict)
    assert margin["margin"] == 3
    for loss in (margin, p):
        assert {str(layer): float(weight) for layer, weight in loss["layers"].items()} == layers
