"""Combinations without sense are refused, naming the keys; players are built as the YAML says."""

from __future__ import annotations

import pytest
import torch

from conftest import METHODS, small
from img2img.compute.distributed import World
from img2img.config import build
from img2img.errors import UserError
from img2img.losses import GENERATOR_LOSSES
from img2img.recipes.method import Inference, Method, build_players, terms
from img2img.recipes.settings import resolve

ADVERSARIAL = {"generator_losses": {"adversarial": 1}, "critic_losses": {"adversarial": 1}}
PLAIN = {"generator": "unet", "critic": "patchgan", **ADVERSARIAL}
SEVERAL = {"games": ["minimax", "non_saturating"], "fitness": "quality_diversity"}


def check(**keys: object) -> None:
    build(Method, keys, "own.yaml").rules()


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
    check(**PLAIN)
    with pytest.raises(UserError) as error:
        check(**{**PLAIN, **keys})
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
        check(**{**PLAIN, **keys})
    assert message in str(error.value)


@pytest.mark.parametrize("keys", [
    {"critic": {"name": "patchgan", "norm": "instance"}, "critic_losses": {"adversarial": 1, "gradient_penalty": 10}},
    {"critic": {"name": "patchgan", "norm": "none"}, "critic_losses": {"adversarial": 1, "r1": 5}},
    {**SEVERAL, "parents": 2},
    {"conditional": True},
    {"flow": "inpaint", "conditional": True},
    {"critic_steps": 0},
    {"critic": None, "critic_losses": {}, "generator_losses": {"l1": 1}},
    {"generator_losses": {"adversarial": 0, "l1": 1}},
])  # fmt: skip
def test_allowed(keys):
    check(**{**PLAIN, **keys})


def test_a_penalty_looks_at_the_critic_itself():
    # PAN's critic has no key for its norm
    method = build(Method, {**PLAIN, "critic": "pan", "critic_losses": {"adversarial": 1, "r1": 5}}, "own.yaml")
    with pytest.raises(UserError, match="batch normalisation"):
        method.build_critics(3, 3, 64)
    other = build(Method, {**PLAIN, "critic": "pan"}, "own.yaml")
    assert other.build_critics(3, 3, 64) is not None


def test_without_a_critic_no_critic_step_is_taken():
    assert build(Method, {"generator": "unet", "generator_losses": {"l1": 1}}, "own.yaml").rules().critic_steps == 0


def test_weights_short_and_long():
    short = terms({"l1": 100}, GENERATOR_LOSSES, "generator_losses")
    long = terms({"l1": {"weight": 100}}, GENERATOR_LOSSES, "generator_losses")
    default = terms({"charbonnier": {"eps": 0.1}}, GENERATOR_LOSSES, "generator_losses")
    assert short == long
    assert (default[0].weight, default[0].loss.eps) == (1.0, 0.1)


@pytest.mark.parametrize("method", METHODS)
def test_players(method):
    """Networks by the flow's names, the optimiser's published figures, nothing shared."""
    settings = small(method)
    chosen, flow = settings.method, settings.method.build_flow()
    vector = settings.task_name == "toy"
    parents, critics, pools = build_players(
        chosen, source=2 if vector else 3, target=2 if vector else 3, size=None if vector else 256, seed=0,
        init="normal", world=World(), scaled=False,
    )  # fmt: skip
    assert len(parents) == chosen.parents
    assert tuple(parents[0].networks) == flow.networks
    assert (critics is None) == (chosen.critic is None)
    if critics is not None:
        assert tuple(critics.networks) == tuple(pools) == flow.critics
        assert all(pool.size == chosen.pool for pool in pools.values())
    assert (parents[0].ema is None) == (chosen.ema_half_life_images is None)


def adam(player) -> tuple[float, tuple[float, float]]:
    group = player.optimizer.param_groups[0]
    return group["lr"], tuple(group["betas"])


@pytest.mark.parametrize(
    ("method", "generator", "critic"),
    [
        ("pix2pix", (2e-4, (0.5, 0.999)), (2e-4, (0.5, 0.999))),
        ("pan", (2e-4, (0.5, 0.999)), (2e-4, (0.5, 0.999))),
        ("cyclegan", (2e-4, (0.5, 0.999)), (2e-4, (0.5, 0.999))),
        # the toy's
        ("egan", (1e-4, (0.5, 0.999)), (1e-4, (0.0, 0.999))),
        ("wgan_gp", (1e-4, (0.0, 0.9)), (1e-4, (0.0, 0.9))),
    ],
)
def test_published_rates(method, generator, critic):
    vector = small(method).task_name == "toy"
    parents, critics, _ = build_players(
        small(method).method, source=2 if vector else 3, target=2 if vector else 3, size=None if vector else 64,
        seed=0, init="normal", world=World(), scaled=False,
    )  # fmt: skip
    assert adam(parents[0]) == generator
    assert adam(critics) == critic
    assert all(player.optimizer.param_groups[0]["weight_decay"] == 0 for player in (*parents, critics))


def test_published_rates_of_egan_on_pictures():
    method = small("egan", "images").method
    assert method.optimizers.generator == {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.99]}
    assert (method.critic_steps, len(method.games), method.parents) == (3, 3, 1)


def test_parents_begin_apart_and_a_seed_is_a_beginning():
    def first(seed: int) -> list[list[torch.Tensor]]:
        parents, critics, _ = build_players(
            small("egan", parents=2).method, source=2, target=2, size=None, seed=seed, init="normal",
            world=World(), scaled=False,
        )  # fmt: skip
        return [[p.detach() for p in player.parameters] for player in (*parents, critics)]

    one, two, critic = first(0)
    assert not torch.equal(one[0], two[0])
    for a, b in zip(first(0), (one, two, critic), strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert not torch.equal(first(1)[0][0], one[0])


def test_fp16_needs_an_optimiser_that_can_skip():
    method = small("wgan_gp", **{"optimizers.critic": "{name: rmsprop, clip_weights: 0.01}"}).method
    options = {"source": 2, "target": 2, "size": None, "seed": 0, "init": "normal", "world": World()}
    build_players(method, **options, scaled=False)
    with pytest.raises(UserError, match=r"train\.precision=fp16.*use bf16"):
        build_players(method, **options, scaled=True)


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


def test_egan_halves_two_of_its_mutations():
    rules = resolve("toy", "egan").method.rules()
    scales = {name: game.scale for name, game in rules.games}
    assert scales == {"minimax": 0.5, "non_saturating": 0.5, "least_squares_probability": 1.0}
    assert type(rules.critic_game).__name__ == "Minimax"
