"""Combinations without sense are refused, naming the keys."""

from __future__ import annotations

import pytest

from img2img.config import build
from img2img.errors import UserError
from img2img.recipes.checks import check
from img2img.recipes.method import Method

ADVERSARIAL = {"generator_losses": {"adversarial": 1}, "critic_losses": {"adversarial": 1}}
PLAIN = {"generator": "unet", "critic": "patchgan", **ADVERSARIAL}
SEVERAL = {"games": ["minimax", "non_saturating"], "fitness": "quality_diversity"}


def refuse(**keys: object) -> None:
    check(build(Method, keys, "own.yaml"))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"critic": None}, "critic_losses are given, but critic is null"),
        ({"critic": None, "critic_losses": {}}, "generator_losses.adversarial needs a critic"),
        (
            {"critic": None, "critic_losses": {}, "generator_losses": {"perceptual_adversarial": 1}},
            "generator_losses.perceptual_adversarial needs a critic",
        ),
        ({"critic_losses": {}}, "a critic without a critic loss never learns"),
        ({"critic_losses": {"adversarial": 0}}, "a critic without a critic loss never learns"),
        ({"flow": "noise", "conditional": True}, "conditional: true has no meaning in flow 'noise'"),
        ({"flow": "cycle", "conditional": True}, "conditional: true has no meaning in flow 'cycle'"),
        (
            {"generator_losses": {"cycle": 10}},
            "generator_losses.cycle needs images that flow 'paired' does not make: cycled_source, cycled_target",
        ),
        (
            {"flow": {"name": "cycle", "identity": False}, "generator_losses": {"identity": 5}},
            "generator_losses.identity needs images that flow 'cycle' does not make: same_source, same_target",
        ),
        ({"critic_losses": {"adversarial": 1, "gradient_penalty": 10}}, "set critic.norm to none or instance"),
        ({"critic_losses": {"adversarial": 1, "r1": 5}}, "set critic.norm to none or instance"),
        ({"critic_losses": {"adversarial": 1, "dragan": 5}}, "set critic.norm to none or instance"),
        ({"simultaneous": True, "critic_steps": 2}, "simultaneous: true needs critic_steps: 1"),
        ({"simultaneous": True, **SEVERAL}, "simultaneous: true needs critic_steps: 1, one parent and one game"),
        ({"simultaneous": True, "order": "generator_first"}, "simultaneous: true and order contradict each other"),
        ({"simultaneous": True, "order": "alternate_batches"}, "simultaneous: true and order contradict each other"),
        ({"games": ["minimax", "non_saturating"]}, "name a fitness"),
        ({"fitness": "quality_diversity"}, "games has one entry"),
        (
            {**SEVERAL, "critic": None, "critic_losses": {}, "generator_losses": {"l1": 1}},
            "a fitness needs a critic",
        ),
        (
            {**SEVERAL, "critic_game": "wasserstein"},
            "reads the critic's logits as probabilities of real, which critic_game 'wasserstein' does not teach",
        ),
        ({**SEVERAL, "critic_game": "least_squares"}, "which critic_game 'least_squares' does not teach"),
        (
            {"critic": None, "critic_losses": {}, "generator_losses": {"l1": 1}, "pool": 50},
            "pool and order: alternate_batches are about the critic",
        ),
        (
            {"critic": None, "critic_losses": {}, "generator_losses": {"l1": 1}, "order": "alternate_batches"},
            "pool and order: alternate_batches are about the critic",
        ),
        ({"parents": 2}, "give games more than one entry"),
        (
            {**SEVERAL, "fitness": {"name": "quality_diversity", "gamma": 0}, "survival": "pareto"},
            "survival=pareto weighs 2 values of each child against each other, and fitness 'quality_diversity' gives 1",
        ),
        ({**SEVERAL, "fitness": "random", "survival": "pareto"}, "fitness 'random' gives 1: take quality_diversity"),
        ({**SEVERAL, "parents": 2, "order": "generator_first"}, "generator_first is defined for one parent"),
        ({**SEVERAL, "pool": 50}, "set pool: 0"),
        ({"games": []}, "games"),
        ({"generator_losses": {}}, "generator_losses"),
        ({"parents": 0}, "parents"),
        ({"critic_steps": -1}, "critic_steps"),
        ({"order": "critic_first"}, "order"),
    ],
)
def test_refused(keys, message):
    refuse(**PLAIN)
    with pytest.raises(UserError) as error:
        refuse(**{**PLAIN, **keys})
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"generator_losses": {"perceptual_adversrial": 1}}, "unknown loss 'perceptual_adversrial'; did you mean"),
        ({"critic_losses": {"perceptual_adversarial": 1}}, "critic_losses: unknown loss"),
        ({"generator_losses": {"perceptual_margin": 1}}, "generator_losses: unknown loss"),
        ({"games": ["non_saturatng"]}, "unknown game 'non_saturatng'; did you mean 'non_saturating'?"),
        ({"critic_game": "minmax"}, "unknown game 'minmax'; did you mean 'minimax'?"),
        ({"flow": "pared"}, "unknown flow 'pared'; did you mean 'paired'?"),
        ({"fitness": "quality", **{"games": ["minimax", "hinge"]}}, "unknown fitness 'quality'"),
        ({"generater": "unet"}, "unknown key 'generater'; did you mean 'generator'?"),
        ({"generator_losses": {"l1": -1}}, "generator_losses.l1: a weight is a number of at least 0, got -1"),
        ({"generator_losses": {"l1": True}}, "generator_losses.l1"),
        ({"generator_losses": {"l1": {"weight": "much"}}}, "generator_losses.l1: a weight is a number"),
        ({"generator_losses": {"charbonnier": {"epsilon": 1}}}, "unknown key 'epsilon'"),
    ],
)
def test_mistyped(keys, message):
    with pytest.raises(UserError) as error:
        refuse(**{**PLAIN, **keys})
    assert message in str(error.value)


@pytest.mark.parametrize("keys", [
    {"critic": {"name": "patchgan", "norm": "instance"}, "critic_losses": {"adversarial": 1, "gradient_penalty": 10}},
    {"critic": {"name": "patchgan", "norm": "none"}, "critic_losses": {"adversarial": 1, "r1": 5}},
    {**SEVERAL, "parents": 2},
    {**SEVERAL, "survival": "pareto"},
    {**SEVERAL, "fitness": "random", "survival": "random"},
    {"conditional": True},
    {"flow": "inpaint", "conditional": True},
    {"critic_steps": 0},
    {"critic": None, "critic_losses": {}, "generator_losses": {"l1": 1}},
    {"generator_losses": {"adversarial": 0, "l1": 1}},
])  # fmt: skip
def test_allowed(keys):
    refuse(**{**PLAIN, **keys})
