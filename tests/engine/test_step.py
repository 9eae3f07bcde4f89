"""Who plays when and on which batch, and what may be summed over micro-batches."""

from __future__ import annotations

import copy

import pytest
import torch

from conftest import small
from img2img.compute.distributed import World
from img2img.compute.precision import Precision
from img2img.engine.step import Engine
from img2img.errors import UserError
from img2img.inference import Shape
from img2img.recipes.checks import accumulation_obstacle
from img2img.training.build import build_engine
from img2img.training.train import train
from img2img.types import Batch

PICTURES = Shape(source=3, target=3, size=32)
VECTORS = Shape(source=2, target=2, size=None)
INSTANCE = {"generator.norm": "instance", "critic.norm": "instance", "generator.dropout": "false", "data.crop": 32}
CYCLE = {"generator.blocks": 1, "data.crop": 32}


def engine_of(method: str, shape: Shape = PICTURES, **extra: object) -> Engine:
    world = World()
    settings = small(method, **extra)
    return build_engine(settings.method, settings.train, shape, world, Precision("fp32", world.device))


def pictures(count: int, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    source, target = (torch.rand(count, 3, 32, 32, generator=generator) * 2 - 1 for _ in "st")
    return Batch(source=source, target=target, index=torch.arange(count))


def vectors(count: int, seed: int = 0) -> Batch:
    return Batch(target=torch.randn(count, 2, generator=torch.Generator().manual_seed(seed)), index=torch.arange(count))


def marked(number: int) -> Batch:
    """A batch that can be told by its first value."""
    batch = pictures(2, number)
    batch.source[0, 0, 0, 0] = batch.target[0, 0, 0, 0] = number
    return batch


def watch(engine: Engine) -> list[str]:
    """What happens in a step: ``G0`` and ``D0`` are forwards on batch 0, ``Df`` on fakes, ``G!`` and ``D!`` updates."""
    events: list[str] = []

    def forward(letter: str):
        def look(module, inputs):
            mark = inputs[0][0, -3, 0, 0].item()
            events.append(f"{letter}{'f' if mark % 1 else round(mark)}")

        return look

    def update(player, letter: str):
        apply = player.apply

        def note(*args):
            events.append(f"{letter}!")
            apply(*args)

        player.apply = note

    engine.parents[0]["generator"].register_forward_pre_hook(forward("G"))
    update(engine.parents[0], "G")
    assert engine.critics is not None
    engine.critics["critic"].register_forward_pre_hook(forward("D"))
    update(engine.critics, "D")
    return events


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({}, "G0 D0 Df D! Df G!"),
        ({"critic_steps": 0}, "G0 Df G!"),
        ({"critic_steps": 3}, "G0 D0 Df D! G1 D1 Df D! G2 D2 Df D! Df G!"),
        ({"order": "generator_first"}, "G0 Df G! D0 Df D!"),
        ({"order": "generator_first", "critic_steps": 2}, "G0 Df G! D0 Df D! G1 D1 Df D!"),
        ({"order": "alternate_batches"}, "G0 D0 Df D! G1 Df G!"),
        ({"order": "alternate_batches", "critic_steps": 2}, "G0 D0 Df D! G1 D1 Df D! G2 Df G!"),
        ({"simultaneous": "true"}, "G0 D0 Df D! G!"),
        ({"games": "[relativistic_average]"}, "G0 D0 Df D! Df D0 G!"),
    ],
)
def test_turns(extra, expected):
    engine = engine_of("pix2pix", **{**INSTANCE, "train.batch": 2, **extra})
    events = watch(engine)
    turns = expected.split()
    wanted = {turn for turn in turns if turn.startswith("G") and turn[1].isdigit()} | {"G0"}
    assert engine.batches == len(wanted)
    engine.step(0, [marked(number) for number in range(engine.batches)])
    assert events == turns
    assert engine.log.critic_forwards == sum(turn in ("D0", "D1", "D2", "Df") for turn in turns)


def test_the_critic_is_older_by_one_update_with_the_generator_first():
    # the fakes of the critic's turn are those that the old generator made
    engine = engine_of("pix2pix", **{**INSTANCE, "train.batch": 2, "order": "generator_first"})
    before = copy.deepcopy(engine.parents[0]["generator"])
    shown = []
    engine.critics["critic"].register_forward_pre_hook(lambda module, inputs: shown.append(inputs[0][:, 3:]))
    batch = pictures(2)
    engine.step(0, [batch])
    made = before(batch.source)
    assert torch.equal(shown[0], made)
    assert torch.equal(shown[2], made)


def test_only_the_player_whose_turn_it_is_changes():
    engine = engine_of("pix2pix", **{**INSTANCE, "train.batch": 2})
    players = {"G": engine.parents[0], "D": engine.critics}

    def bits(name: str) -> list[torch.Tensor]:
        return [parameter.detach().clone() for parameter in players[name].parameters]

    turns = []
    for name, other in (("G", "D"), ("D", "G")):
        apply = players[name].apply

        def turn(*args, name=name, other=other, apply=apply):
            mine, theirs = bits(name), bits(other)
            apply(*args)
            assert all(torch.equal(a, b) for a, b in zip(bits(other), theirs, strict=True))
            assert not all(torch.equal(a, b) for a, b in zip(bits(name), mine, strict=True))
            turns.append(name)

        players[name].apply = turn
    engine.step(0, [pictures(2)])
    assert turns == ["D", "G"]


def test_noise_is_drawn_anew_for_the_generator_and_shared_by_siblings():
    engine = engine_of("egan", VECTORS, **{"train.batch": 8, "parents": 2})
    seen: list[tuple[int, torch.Tensor]] = []
    for place, parent in enumerate(engine.parents):
        parent["generator"].register_forward_pre_hook(
            lambda module, inputs, place=place: seen.append((place, inputs[0]))
        )
    engine.step(0, [vectors(8)])
    # the critic's fakes: half of the batch from each parent; then each parent's own forward; then six children's
    assert [(place, len(z)) for place, z in seen[:4]] == [(0, 4), (1, 4), (0, 8), (1, 8)]
    critic, generator, fitness = torch.cat([seen[0][1], seen[1][1]]), seen[2][1], [z for _, z in seen[4:]]
    assert len(fitness) == 6
    assert torch.equal(seen[2][1], seen[3][1])
    assert all(torch.equal(z, fitness[0]) for z in fitness)
    # three times other numbers, each sample's own
    assert len(torch.cat([critic, generator, fitness[0]]).unique(dim=0)) == 24


def test_a_loss_of_weight_0_is_logged_and_moves_nothing():
    plain = engine_of("l1", **{"data.crop": 32})
    noted = engine_of("l1", **{"data.crop": 32, "generator_losses.l2": 0})
    for engine in (plain, noted):
        engine.step(0, [pictures(4)])
    assert set(noted.log.means()) == {"generator/l1", "generator/l2"}
    for a, b in zip(plain.parents[0].parameters, noted.parents[0].parameters, strict=True):
        assert torch.equal(a, b)


PERCEPTUAL = {
    "generator_losses.perceptual_adversarial": "{layers: {1: 5, 3: 1}}",
    "critic_losses.perceptual_margin": "{margin: 3, hinge: sample, layers: {1: 5, 3: 1}}",
}


@pytest.fixture
def double():
    """float64, in which rounding decides no ReLU and moves no weight whose gradient is zero."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    ("method", "shape", "extra"),
    [
        ("l1", PICTURES, {"generator": "{name: unet, norm: instance, dropout: false, width: 8}", "data.crop": 32}),
        ("pix2pix", PICTURES, INSTANCE),
        ("pix2pix", PICTURES, {**INSTANCE, "order": "alternate_batches", "critic_steps": 2}),
        ("pix2pix", PICTURES, {**INSTANCE, **PERCEPTUAL}),
        ("cyclegan", PICTURES, {**CYCLE, "pool": 3}),
        ("wgan_gp", VECTORS, {}),
    ],
)
def test_accumulated_gradients_are_those_of_the_whole_batch(method, shape, extra, double):
    results = []
    for parts in (1, 2, 4):
        engine = engine_of(method, shape, **{"train.batch": 4, "train.accumulate": parts, **extra})
        start = [parameter.detach().clone() for parameter in engine.parents[0].parameters]
        for step in range(2):
            make = vectors if shape is VECTORS else pictures
            engine.step(step, [make(4, 10 * step + k) for k in range(engine.batches)])
        assert all(parameter.dtype == torch.float64 for parameter in engine.parents[0].parameters)
        assert not any(torch.equal(a, b) for a, b in zip(start, engine.parents[0].parameters, strict=True))
        results.append([parameter for player in engine.players for parameter in player.parameters])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def kept_for_backward(engine: Engine, batches: list[Batch]) -> int:
    """The most bytes that graphs hold at once in a step (what they share is counted for each)."""
    held = most = 0

    class Kept:
        def __init__(self, tensor: torch.Tensor) -> None:
            nonlocal held, most
            self.tensor = tensor
            held += tensor.nbytes
            most = max(most, held)

        def __del__(self) -> None:
            nonlocal held
            held -= self.tensor.nbytes

    with torch.autograd.graph.saved_tensors_hooks(Kept, lambda kept: kept.tensor):
        engine.step(0, batches)
    return most


@pytest.mark.parametrize("order", ["critics_first", "generator_first", "alternate_batches"])
def test_the_graphs_of_micro_batches_are_never_held_together(order):
    held = []
    for count, parts in ((2, 1), (8, 4), (8, 1)):
        extra = {**INSTANCE, "order": order, "train.batch": count, "train.accumulate": parts}
        engine = engine_of("pix2pix", **extra)
        held.append(kept_for_backward(engine, [pictures(count, k) for k in range(engine.batches)]))
    small_batch, accumulated, whole_batch = held
    # weights are held by every graph
    assert accumulated < 1.1 * small_batch < 0.7 * whole_batch


@pytest.mark.parametrize(
    ("method", "extra", "reason"),
    [
        ("pan", {}, "the loss 'perceptual_margin'"),
        ("pix2pix", {"games": "[relativistic_average]"}, "the game 'relativistic_average'"),
        ("egan", {}, "fitness"),
        ("pix2pix", {"simultaneous": "true"}, "simultaneous"),
        ("wgan_gp", {"critic_losses": "{adversarial: 1, dragan: 1}"}, "the loss 'dragan'"),
        ("pan", {"critic_losses.perceptual_margin.hinge": "sample"}, None),
        ("cyclegan", {}, None),
        ("wgan_gp", {}, None),
    ],
)
def test_what_looks_across_the_batch_is_named(method, extra, reason):
    obstacle = accumulation_obstacle(small(method, **extra).method)
    assert (obstacle is None) if reason is None else (reason in obstacle)


@pytest.mark.parametrize(
    ("method", "extra", "reason"),
    [
        # the toy critic's second layer is batch normalised
        ("nsgan", {"train.accumulate": 2}, "train.accumulate=2.*batch normalisation"),
        ("egan", {"train.accumulate": 2}, "train.accumulate=2.*fitness"),
    ],
)
def test_accumulation_is_refused_before_anything_is_written(method, extra, reason, tmp_path):
    with pytest.raises(UserError, match=reason):
        train(small(method, **extra), World(), tmp_path / "run")
    assert not (tmp_path / "run").exists()
