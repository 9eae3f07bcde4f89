"""Compiled networks train as they do uncompiled, also where a penalty differentiates the critic twice."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.backends.registry import lookup_backend

from conftest import small
from img2img.compute.distributed import World
from img2img.compute.precision import Precision, uncompiled
from img2img.inference import Shape, translator_of
from img2img.training.build import build_engine, compile_networks
from img2img.types import Batch

METHODS = [
    # a backend that differentiates graphs ahead of time, as the default does
    ("wgan_gp", {}, "critic/gradient_penalty"),
    ("pix2pix", {"critic.norm": "none", "critic_losses": "{adversarial: 1.0, r1: 10.0}"}, "critic/r1"),
    ("pix2pix", {"simultaneous": "true"}, "critic/adversarial"),
    ("wgan_gp", {"simultaneous": "true", "critic_steps": 1}, "critic/gradient_penalty"),
]


def prepared(method: str, **extra: object):
    """(engine, a batch, settings) of a small method."""
    toy = method == "wgan_gp"
    settings = small(method, **{"train.batch": 2, **extra})
    shape = Shape(source=2, target=2, size=None) if toy else Shape(source=3, target=3, size=64)
    world = World()
    engine = build_engine(settings.method, settings.train, shape, world, Precision("fp32", world.device))
    generator = torch.Generator().manual_seed(0)
    size = (2, 2) if toy else (2, 3, 64, 64)
    source, target = (torch.rand(size, generator=generator) * 2 - 1 for _ in "st")
    return engine, Batch(source=None if toy else source, target=target, index=torch.arange(2)), settings


@pytest.fixture
def backend():
    """A backend that counts what it is given to compile."""
    torch._dynamo.reset()
    ahead = lookup_backend("aot_eager")

    def counting(graph, inputs):
        counting.graphs += 1
        return ahead(graph, inputs)

    counting.graphs = 0
    yield counting
    torch._dynamo.reset()


@pytest.mark.parametrize(("method", "extra", "noted"), METHODS)
def test_compiled_is_uncompiled(method, extra, noted, backend):
    plain, batch, _ = prepared(method, **extra)
    engine, _, _ = prepared(method, **extra)
    compile_networks(engine, backend)
    for one in (plain, engine):
        for step in range(2):
            one.step(step, [batch] * one.batches)
    assert backend.graphs >= 2  # a generator's and a critic's at least
    mine, theirs = engine.log.means(), plain.log.means()
    assert noted in mine
    for name, value in theirs.items():
        assert mine[name].item() == pytest.approx(value.item(), rel=1e-4, abs=1e-5), name
    for one, other in zip(engine.players, plain.players, strict=True):
        for weight, expected in zip(one.parameters, other.parameters, strict=True):
            assert torch.allclose(weight, expected, rtol=1e-3, atol=1e-5)


def test_results_are_not_compiled_for_each_size_of_picture(backend):
    engine, batch, settings = prepared("pix2pix")
    compile_networks(engine, backend)
    engine.step(0, [batch])
    before = backend.graphs
    shape = Shape(source=3, target=3, size=64)
    translator = translator_of(engine.parents[0].shadow(), settings.method, shape, torch.device("cpu"), "fp32")
    for height, width in ((64, 64), (40, 72)):
        assert translator.tensor(torch.zeros(1, 3, height, width)).shape == (1, 3, height, width)
    assert backend.graphs == before


def test_threads_that_make_results_at_once_leave_compiling_as_it_was(backend):
    compiled = torch.compile(lambda x: x + 1, backend=backend)
    first, second = uncompiled(), uncompiled()
    first.__enter__()
    second.__enter__()
    compiled(torch.zeros(2))
    first.__exit__(None, None, None)
    compiled(torch.zeros(2))
    assert backend.graphs == 0
    second.__exit__(None, None, None)
    compiled(torch.zeros(2))
    assert backend.graphs == 1
