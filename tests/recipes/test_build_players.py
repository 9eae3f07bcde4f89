"""Rules and players are built as the YAML says."""

from __future__ import annotations

import pytest
import torch

from conftest import METHODS, small
from img2img.compute.distributed import World
from img2img.config import build
from img2img.errors import UserError
from img2img.recipes.build import build_players, rules
from img2img.recipes.method import Method
from img2img.recipes.settings import resolve
from img2img.weights.header import Shape


def shape_of(vector: bool, size: int = 64) -> Shape:
    """Points of two numbers, or pictures of three channels."""
    return Shape(source=2, target=2, size=None) if vector else Shape(source=3, target=3, size=size)


def test_without_a_critic_no_critic_step_is_taken():
    assert rules(build(Method, {"generator": "unet", "generator_losses": {"l1": 1}}, "own.yaml")).critic_steps == 0


def test_egan_halves_two_of_its_mutations():
    egan = rules(resolve("toy", "egan").method)
    scales = {mutation.name: mutation.game.scale for mutation in egan.games}
    assert scales == {"minimax": 0.5, "non_saturating": 0.5, "least_squares_probability": 1.0}
    assert type(egan.critic_game).__name__ == "Minimax"


@pytest.mark.parametrize("method", METHODS)
def test_players(method):
    """Networks by the flow's names, the optimiser's published figures, nothing shared."""
    settings = small(method)
    chosen, flow = settings.method, settings.method.build_flow()
    vector = settings.task_name == "toy"
    parents, critics, pools = build_players(
        chosen, shape=shape_of(vector, 256), seed=0,
        init="normal", world=World(), scaled=False,
    )  # fmt: skip
    assert len(parents) == chosen.parents
    assert tuple(parents[0].networks) == flow.networks
    assert (critics is None) == (chosen.critic is None)
    if critics is not None:
        assert tuple(critics.networks) == tuple(pools)
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
        small(method).method, shape=shape_of(vector, 64),
        seed=0, init="normal", world=World(), scaled=False,
    )  # fmt: skip
    assert adam(parents[0]) == generator
    assert adam(critics) == critic
    assert all(player.optimizer.param_groups[0]["weight_decay"] == 0 for player in (*parents, critics))


def test_egan_on_pictures_has_its_published_rates_but_neither_its_critic_steps_nor_its_initialisation():
    settings, toy = resolve("images", "egan"), resolve("toy", "egan")
    method = settings.method
    assert method.optimizers.generator == {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.99]}
    assert (len(method.games), method.parents, settings.train.batch) == (3, 1, 32)
    # published: 3 and N(0, 0.02), at four times the width (docs/gan.md)
    assert (method.critic_steps, settings.train.init, method.generator["width"]) == (1, "kaiming", 32)
    assert (toy.method.critic_steps, toy.train.init) == (1, "normal")


def test_parents_begin_apart_and_a_seed_is_a_beginning():
    def first(seed: int) -> list[list[torch.Tensor]]:
        parents, critics, _ = build_players(
            small("egan", parents=2).method, shape=shape_of(True), seed=seed, init="normal",
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
    options = {"shape": shape_of(True), "seed": 0, "init": "normal", "world": World()}
    build_players(method, **options, scaled=False)
    with pytest.raises(UserError, match=r"train\.precision=fp16.*use bf16"):
        build_players(method, **options, scaled=True)
