"""Evolution as data: mutations with weights of their own, values on many samples, parents that stand for choice."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch

from conftest import same, small
from img2img.compute.distributed import World
from img2img.compute.precision import Precision
from img2img.config import build
from img2img.engine.step import Engine
from img2img.errors import UserError
from img2img.recipes.build import rules
from img2img.recipes.method import Method
from img2img.training.build import build_engine
from img2img.types import Batch
from img2img.weights.header import Shape

VECTORS = Shape(source=2, target=2, size=None)
PICTURES = Shape(source=3, target=3, size=32)


def engine_of(method: str, shape: Shape = VECTORS, **extra: object) -> Engine:
    settings = small(method, **extra)
    return build_engine(settings.method, settings.train, shape, World(), Precision("fp32", torch.device("cpu")))


def vectors(count: int, seed: int = 0) -> Batch:
    return Batch(target=torch.randn(count, 2, generator=torch.Generator().manual_seed(seed)), index=torch.arange(count))


def pictures(count: int, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    source, target = (torch.rand(count, 3, 32, 32, generator=generator) * 2 - 1 for _ in "st")
    return Batch(source=source, target=target, index=torch.arange(count))


def test_a_loss_weight_evolves(monkeypatch):
    """Each child is a plain step with its mutation's weights: the same game twice, L1 weighing 1 and 100."""
    games = "[{name: minimax, losses: {l1: 1}}, {name: minimax, losses: {l1: 100}}]"
    extra = {"games": games, "fitness": "{name: quality_diversity, gamma: 0}", "generator.dropout": "false", "pool": 0,
             "data.crop": 32}  # fmt: skip
    engine = engine_of("pix2pix", PICTURES, **extra)
    start = copy.deepcopy(engine)
    children = []
    fitness = engine.fitness
    monkeypatch.setattr(
        engine, "fitness", lambda step, b, players: children.extend(players) or fitness(step, b, players)
    )
    engine.step(0, [pictures(4)])
    assert {"generator[minimax]/l1", "generator[minimax#2]/l1"} <= set(engine.log.means())
    for child, weight in zip(children, (1.0, 100.0), strict=True):
        single = copy.deepcopy(start)
        (mutation, *_) = start.rules.games
        losses = start.rules.generator_losses
        terms = tuple(dataclasses.replace(term, weight=weight) if term.name == "l1" else term for term in losses)
        plain = dataclasses.replace(mutation, weights={})
        single.rules = dataclasses.replace(start.rules, games=(plain,), generator_losses=terms, fitness=None)
        single.step(0, [pictures(4)])
        assert same(dict(child.networks.state_dict()), dict(single.parents[0].networks.state_dict()))


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ("{l7: 1}", "unknown loss 'l7'"),
        ("{l1: -1}", "a weight is a number of at least 0, got -1"),
        ("3", "losses must hold weights by name"),
    ],
)
def test_weights_of_mutations_are_checked(losses, message):
    with pytest.raises(UserError, match=message):
        small("pix2pix", games=f"[{{name: minimax, losses: {losses}}}]")


def test_values_are_taken_on_as_many_samples_as_asked_for():
    engine = engine_of("egan", **{"train.batch": 8, "fitness_samples": 40})
    assert engine.batches == engine.rules.batches + 5
    engine.step(0, [vectors(8, k) for k in range(engine.batches)])
    batches = [vectors(8, 10 + k) for k in range(5)]
    values = engine.fitness(7, batches, engine.parents)
    assert values.shape == (1, 2)
    # by hand: all forty together, each batch with z of its own
    tags = ["fitness", *(f"fitness{k}" for k in range(1, 5))]
    drawn = [engine._prepared(7, tag, batch) for tag, batch in zip(tags, batches, strict=True)]
    source, target = (torch.cat([getattr(b, side) for b in drawn]) for side in ("source", "target"))
    critic = engine.critics["critic"]
    fake = critic(engine.parents[0]["generator"](source).detach()).logits[0]
    real = critic(target).logits[0]
    quality = torch.sigmoid(fake).mean()
    loss = torch.nn.functional.softplus(-real).mean() + torch.nn.functional.softplus(fake).mean()
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(critic.parameters()))])
    gamma = engine.rules.fitness.gamma
    expected = torch.stack([quality, -gamma * torch.log(gradient.norm())]).detach()
    torch.testing.assert_close(values[0], expected, rtol=1e-4, atol=1e-5)


def test_values_are_exact_whatever_the_training_runs_in():
    engine = engine_of("egan", **{"train.batch": 16})
    engine.step(0, [vectors(16)])
    exact = engine.fitness(1, [vectors(16, 1)], engine.parents)
    engine.precision = Precision("bf16", torch.device("cpu"))
    assert torch.equal(engine.fitness(1, [vectors(16, 1)], engine.parents), exact)


def test_parents_may_compete_with_their_children():
    """With a critic that likes what parents make, children that moved away must not take their place."""
    engine = engine_of("egan", **{"train.batch": 16, "parents_compete": "true"})
    engine.step(0, [vectors(16)])
    parent = engine.parents[0]
    scores = {id(parent): 1.0}

    def fitness(step, batches, players):
        assert len(players) == 4
        assert players[-1] is parent
        return torch.tensor([[scores.get(id(player), 0.0)] for player in players])

    engine.fitness = fitness
    engine.step(1, [vectors(16, 1)])
    assert engine.parents == [parent]
    engine.rules = dataclasses.replace(engine.rules, parents_compete=False)
    engine.fitness = lambda step, batches, players: torch.zeros(len(players), 1)
    engine.step(2, [vectors(16, 2)])
    assert engine.parents[0] is not parent


@pytest.mark.parametrize("survival", ["best", "pareto", "random"])
def test_every_survival_keeps_the_number_of_parents_and_repeats(survival):
    runs = []
    for _ in range(2):
        engine = engine_of("egan", **{"train.batch": 8, "parents": 2, "survival": survival})
        for step in range(3):
            engine.step(step, [vectors(8, step)])
        assert len(engine.parents) == 2
        runs.append([dict(parent.networks.state_dict()) for parent in engine.parents])
    assert same(runs[0], runs[1])


def test_what_is_about_choosing_needs_a_choice():
    plain = {"generator": "unet", "critic": "patchgan", "generator_losses": {"adversarial": 1},
             "critic_losses": {"adversarial": 1}}  # fmt: skip
    for key, value in (("fitness_samples", 64), ("parents_compete", True), ("survival", "pareto")):
        with pytest.raises(UserError, match="are about choosing among children: name a fitness"):
            rules(build(Method, {**plain, key: value}, "own.yaml"))
    assert rules(small("egan").method).selection == build_best()


def build_best():
    from img2img.engine.selection import SELECTIONS

    return SELECTIONS["best"]()
