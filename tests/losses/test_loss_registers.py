"""What the registers promise the rest of the house."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from fake_view import FakeView, Gains
from feature_weights import options

from img2img.config import choose
from img2img.errors import UserError
from img2img.losses import CRITIC_LOSSES, FITNESS, GAMES, GENERATOR_LOSSES
from img2img.types import Batch, Match

SIDES = {"generator": GENERATOR_LOSSES, "critic": CRITIC_LOSSES}
LOSSES = [(side, name) for side, register in SIDES.items() for name in register]
CLASSES = [*GENERATOR_LOSSES.values(), *CRITIC_LOSSES.values(), *GAMES.values(), *FITNESS.values()]


def test_names():
    assert set(GENERATOR_LOSSES) == {
        "adversarial", "l1", "l2", "charbonnier", "perceptual_adversarial", "feature_matching", "cycle", "identity",
        "ssim", "perceptual", "lpips",
        "patch_nce", "identity_nce", "overlap_l2",
    }  # fmt: skip
    assert set(CRITIC_LOSSES) == {"adversarial", "perceptual_margin", "gradient_penalty", "r1", "dragan"}
    assert set(FITNESS) == {"quality_diversity", "random"}


@pytest.mark.parametrize("cls", CLASSES)
def test_options_are_frozen_and_explained(cls):
    assert dataclasses.is_dataclass(cls)
    assert cls.__doc__
    assert not cls.__doc__.startswith(f"{cls.__name__}(")
    with pytest.raises(dataclasses.FrozenInstanceError):
        cls().weight = 1.0


@pytest.mark.parametrize("register", [GENERATOR_LOSSES, CRITIC_LOSSES, GAMES, FITNESS])
def test_mistyped_names_and_keys(register):
    for name in register:
        with pytest.raises(UserError, match=f"did you mean '{name}'"):
            choose(register, name + "x", "entry", "file.yaml")
        with pytest.raises(UserError, match="unknown key 'colour'"):
            choose(register, {"name": name, "colour": 1}, "entry", "file.yaml")


@pytest.mark.parametrize(("side", "name"), LOSSES)
def test_every_loss_is_an_fp32_scalar_and_says_what_it_needs(side, name):
    loss = SIDES[side][name](**options(name))
    known = {"critic", "features", "target"}
    assert loss.needs
    assert all(need in known or need.startswith("image:") for need in loss.needs)
    generator = torch.Generator().manual_seed(0)
    real, fake, source = (torch.rand(2, 3, 12, 12, generator=generator).bfloat16() for _ in "rfs")
    # penalties are judged in fp32
    dtype = torch.float32 if getattr(loss, "penalty", False) else torch.bfloat16
    real, fake = real.to(dtype), fake.to(dtype)
    halves = {"patch": fake[:, :, 3:9, 3:9]}
    images = {"fake": fake} | {
        need.removeprefix("image:"): halves.get(need[6:], fake) for need in loss.needs if need.startswith("image:")
    }
    view = FakeView(
        side,
        Gains(*[1.0] * 8).to(dtype),
        matches=[Match("critic", real, fake)],
        images=images,
        batch=Batch(source=source, target=real, mask=torch.ones(2, 1, 12, 12)),
        game=GAMES["non_saturating"](),
    )
    value = loss(view)
    assert value.shape == ()
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
