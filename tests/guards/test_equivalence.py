"""The engine's step against loops written out here by hand."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from conftest import small
from img2img.compute.distributed import World
from img2img.compute.precision import Precision
from img2img.engine.selection import SELECTIONS
from img2img.inference import Shape
from img2img.losses.games import GAMES
from img2img.training.build import build_engine
from img2img.types import Batch


def engine_of(method: str, shape: Shape, **extra):
    world = World()
    settings = small(method, **extra)
    return build_engine(settings.method, settings.train, shape, world, Precision("fp32", world.device))


def vectors(count: int, seed: int = 0) -> Batch:
    return Batch(target=torch.randn(count, 2, generator=torch.Generator().manual_seed(seed)), index=torch.arange(count))


def images(count: int, side: int = 64) -> Batch:
    generator = torch.Generator().manual_seed(0)
    source, target = (torch.rand(count, 3, side, side, generator=generator) * 2 - 1 for _ in "ab")
    return Batch(source=source, target=target, index=torch.arange(count))


VECTORS = Shape(source=2, target=2, size=None)
PICTURES = Shape(source=3, target=3, size=64)


def bits(module: nn.Module) -> list[torch.Tensor]:
    return [value.clone() for value in module.state_dict().values()]


def test_one_parent_and_one_game_is_the_plain_gan_bit_for_bit():
    engine = engine_of("nsgan", VECTORS, **{"train.batch": 16})
    generator = copy.deepcopy(engine.parents[0]["generator"])
    critic = copy.deepcopy(engine.critics["critic"])
    one = torch.optim.AdamW(generator.parameters(), lr=1e-4, betas=(0.5, 0.999), weight_decay=0, fused=True)
    two = torch.optim.AdamW(critic.parameters(), lr=1e-4, betas=(0.0, 0.999), weight_decay=0, fused=True)
    from img2img.compute.random import NamedRandom

    for step in range(3):
        batch = vectors(16, step)
        engine.step(step, [batch])
        z = NamedRandom(0, step, "step0", 0, 16, torch.device("cpu"))("z", (16, 2)) * 2 - 1
        real, fake = critic(batch.target).logits[0], critic(generator(z).detach()).logits[0]
        loss = softplus(-real).mean() + softplus(fake).mean()
        two.zero_grad()
        loss.backward()
        two.step()
        z = NamedRandom(0, step, "generator", 0, 16, torch.device("cpu"))("z", (16, 2)) * 2 - 1
        fake = critic(generator(z)).logits[0]
        one.zero_grad()
        softplus(-fake).mean().backward()
        one.step()
    for mine, theirs in ((engine.parents[0]["generator"], generator), (engine.critics["critic"], critic)):
        for a, b in zip(bits(mine), bits(theirs), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_average_normalises_by_statistics_of_its_own(accumulate):
    extra = {"train.batch": 4, "train.accumulate": accumulate, "ema_half_life_images": 8, "generator.width": 8}
    engine = engine_of("pan", PICTURES, **extra)
    (parent,) = engine.parents
    shadow = copy.deepcopy(parent.ema.networks["generator"])
    for step in range(2):
        engine.step(step, [images(4)])
        live = dict(parent["generator"].named_parameters())
        with torch.no_grad():
            for name, weight in shadow.named_parameters():
                weight.lerp_(live[name], 1 - 0.5 ** (4 / 8))
            shadow.train()
            for part in images(4).source.chunk(accumulate):
                shadow(part)
    for mine, theirs in zip(bits(parent.ema.networks["generator"]), bits(shadow), strict=True):
        assert torch.equal(mine, theirs)


# log(1 - D) of the paper, -log D of the slides
ADVERSARIAL = {"minimax": lambda logits: -softplus(logits).mean(), "non_saturating": lambda f: softplus(-f).mean()}


@pytest.mark.parametrize(
    ("first", "margin", "game"), [("tanh", 3, "minimax"), ("tanh", 30, "minimax"), ("lrelu", 3, "non_saturating")]
)
def test_pan_is_the_loop_of_the_paper(first, margin, game):
    options = {"critic.first": first, "critic_losses.perceptual_margin.margin": margin, "games": f"[{game}]"}
    engine = engine_of("pan", PICTURES, **options, **{"train.batch": 2})
    generator = copy.deepcopy(engine.parents[0]["generator"])
    critic = copy.deepcopy(engine.critics["critic"])
    one = torch.optim.AdamW(generator.parameters(), lr=2e-4, betas=(0.5, 0.999), weight_decay=0, fused=True)
    two = torch.optim.AdamW(critic.parameters(), lr=2e-4, betas=(0.5, 0.999), weight_decay=0, fused=True)
    layers = {1: 5, 4: 1.5, 6: 1.5, 8: 1}
    batch = images(2)
    for step in range(2):
        engine.step(step, [batch])
        fake = generator(batch.source)
        real_verdict, fake_verdict = critic(batch.target), critic(fake.detach())
        p = sum(
            w * (fake_verdict.features[j - 1] - real_verdict.features[j - 1]).abs().mean() for j, w in layers.items()
        )
        real, made = real_verdict.logits[0], fake_verdict.logits[0]
        # a fresh critic that begins with tanh starts above the released margin, any other below
        assert (p < margin) == ((first, margin) != ("tanh", 3))
        loss = softplus(-real).mean() + softplus(made).mean() + torch.relu(margin - p)
        two.zero_grad()
        loss.backward()
        two.step()
        real_verdict, fake_verdict = critic(batch.target), critic(fake)
        p = sum(
            w * (fake_verdict.features[j - 1] - real_verdict.features[j - 1].detach()).abs().mean()
            for j, w in layers.items()
        )
        made = fake_verdict.logits[0]
        one.zero_grad()
        (ADVERSARIAL[game](made) + p).backward()
        one.step()
    for mine, theirs in ((engine.parents[0]["generator"], generator), (engine.critics["critic"], critic)):
        for a, b in zip(bits(mine), bits(theirs), strict=True):
            assert torch.equal(a, b)


# conditional methods evolve by naming several games and a fitness; pix2pix has dropout, and a critic of both sides
EVOLVED = {"games": "[minimax, non_saturating, least_squares_probability]", "fitness": "quality_diversity"}


@pytest.mark.parametrize(
    ("method", "parents"), [("egan", 1), ("egan", 2), ("egan", 4), ("pan", 1), ("pan", 2), ("pix2pix", 2)]
)
def test_egan_children_are_separate_one_step_runs(method, parents, monkeypatch):
    noise = method == "egan"
    batch, more = (16, {}) if noise else (4, EVOLVED)

    def samples(step: int) -> Batch:
        return vectors(batch, step) if noise else images(batch)

    engine = engine_of(method, VECTORS if noise else PICTURES, **{"train.batch": batch, "parents": parents, **more})
    for step in range(2):  # so that the parents differ and have moments
        engine.step(step, [samples(step)])
    # the critics stay as they are: what a lone parent would teach them is another matter
    engine.rules = dataclasses.replace(engine.rules, critic_steps=0)
    start = copy.deepcopy(engine)
    children = []
    fitness = engine.fitness
    monkeypatch.setattr(
        engine, "fitness", lambda step, batches, players: children.extend(players) or fitness(step, batches, players)
    )
    engine.step(2, [samples(2)])
    assert len(children) == 3 * parents
    singles = [(parent, entry) for parent in start.parents for entry in start.rules.games]
    for child, (parent, entry) in zip(children, singles, strict=True):
        single = copy.deepcopy(start)
        single.parents = [copy.deepcopy(parent)]
        single.rules = dataclasses.replace(start.rules, games=(entry,), fitness=None, parents=1)
        single.step(2, [samples(2)])
        for a, b in zip(bits(child.networks), bits(single.parents[0].networks), strict=True):
            assert torch.equal(a, b)


def test_siblings_share_nothing():
    engine = engine_of("egan", VECTORS, **{"train.batch": 16, "parents": 2})
    for step in range(3):
        engine.step(step, [vectors(16, step)])
    first, second = engine.parents
    before = copy.deepcopy(second.state_dict())
    first.apply([torch.ones_like(p) for p in first.parameters])
    after = second.state_dict()
    for key in before["networks"]:
        assert torch.equal(before["networks"][key], after["networks"][key])
    for number, moments in before["optimizer"]["state"].items():
        for key, value in moments.items():
            assert torch.equal(value, after["optimizer"]["state"][number][key])


@pytest.mark.parametrize(
    ("method", "extra", "forwards"),
    [
        ("l1", {}, 0),
        ("pix2pix", {}, 3),
        ("pan", {}, 4),
        ("pix2pix", {"simultaneous": "true"}, 2),
        ("pan", {"simultaneous": "true"}, 2),
        ("cyclegan", {}, 6),
        ("egan", {"parents": 2, "critic_steps": 2}, 13),
    ],
)
def test_critic_forwards_are_as_few_as_the_mathematics_allows(method, extra, forwards):
    noise = method == "egan"
    engine = engine_of(method, VECTORS if noise else PICTURES, **{"train.batch": 4, **extra})
    batch = vectors(4) if noise else images(4)
    engine.step(0, [batch] * engine.batches)
    assert engine.log.critic_forwards == forwards


def test_generator_statistics_move_once_a_step():
    engine = engine_of("pix2pix", PICTURES, **{"train.batch": 2, "critic_steps": 3})
    engine.step(0, [images(2)] * 3)
    counts = {int(v) for k, v in engine.parents[0].networks.state_dict().items() if k.endswith("num_batches_tracked")}
    assert counts == {1}
    engine.fitness(0, [images(2)], engine.parents)
    counts = {int(v) for k, v in engine.parents[0].networks.state_dict().items() if k.endswith("num_batches_tracked")}
    assert counts == {1}


def test_critics_keep_no_running_statistics():
    for method, shape in (("pix2pix", PICTURES), ("pan", PICTURES), ("nsgan", VECTORS)):
        critics = engine_of(method, shape).critics
        assert not any("running" in name for name in critics.networks.state_dict())


def test_a_players_update_touches_nobody_else():
    engine = engine_of("pan", PICTURES, **{"train.batch": 2})
    engine.step(0, [images(2)])
    for player in engine.players:
        assert all(parameter.grad is None for parameter in player.parameters)
        assert all(parameter.requires_grad for parameter in player.parameters)


def test_population_statistics_of_fitness_sort_best_first():
    values = torch.tensor([0.1, float("nan"), 0.7, 0.7])[:, None]
    assert SELECTIONS["best"]().choose(values, 3, torch.rand) == [2, 3, 0]


def test_simultaneous_uses_the_weights_before_both_updates():
    plain = engine_of("pan", PICTURES, **{"train.batch": 2})
    both = engine_of("pan", PICTURES, **{"train.batch": 2, "simultaneous": "true"})
    plain.step(0, [images(2)])
    both.step(0, [images(2)])
    for a, b in zip(plain.critics.parameters, both.critics.parameters, strict=True):
        # the critic's update is the same in both; the generator's differs, since its critic is older
        torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-4)
    assert any(
        not torch.equal(a, b) for a, b in zip(plain.parents[0].parameters, both.parents[0].parameters, strict=True)
    )


def test_games_of_the_yaml_are_the_registered_ones():
    engine = engine_of("egan", VECTORS)
    assert [type(mutation.game) for mutation in engine.rules.games] == [
        GAMES["minimax"],
        GAMES["non_saturating"],
        GAMES["least_squares_probability"],
    ]
