"""Named extras and several outputs: small methods that need them, through the real step."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from conftest import small
from img2img.compute.distributed import World
from img2img.compute.precision import Precision
from img2img.config import options
from img2img.flows import FLOWS
from img2img.flows.base import OneGenerator, needed
from img2img.inference import translator_of
from img2img.losses import GENERATOR_LOSSES
from img2img.networks import CRITICS, GENERATORS
from img2img.networks.base import Critic, Generator
from img2img.training.build import build_engine
from img2img.types import Batch, Match, Verdict
from img2img.weights.header import Shape

CLASSES = 3


class Labelled(Generator):
    """z and a label to a point."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.linear = nn.Embedding(CLASSES, 2), nn.Linear(2, 2)

    def forward(self, x, labels):
        return self.linear(x) + self.embedding(labels)


class Projection(Critic):
    """phi(x) . v_y + w . phi(x) (Miyato and Koyama 2018, eq. 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.phi, self.last, self.embedding = nn.Linear(2, 4), nn.Linear(4, 1), nn.Embedding(CLASSES, 4)

    def forward(self, x, labels):
        hidden = torch.relu(self.phi(x))
        return Verdict((self.last(hidden) + (hidden * self.embedding(labels)).sum(1, keepdim=True),), (hidden,))


@options
class LabelledOptions:
    def build(self, *, in_channels, out_channels, size):
        return Labelled()


@options
class ProjectionOptions:
    def build(self, *, in_channels, size):
        return Projection()


@options
class ClassNoise(OneGenerator):
    """Points out of noise and labels: the data's own, or drawn where there are none."""

    @property
    def redraws(self):
        return True

    @property
    def from_noise(self):
        return True

    def prepare(self, batch, draw):
        labels = batch.extra.get("labels")
        if labels is None:
            labels = (draw("labels", (len(batch),)) * CLASSES).long()
        return replace(batch, source=draw("z", (len(batch), 2)) * 2 - 1, extra={**batch.extra, "labels": labels})

    def images(self, generators, batch):
        return {"fake": generators["generator"](needed(batch.source, "source", "class"), labels=batch.extra["labels"])}

    def matches(self, batch, images, conditional):
        return (Match("critic", batch.target, images["fake"], given={"labels": batch.extra["labels"]}),)


@pytest.fixture
def class_conditional(monkeypatch):
    monkeypatch.setitem(FLOWS, "class", ClassNoise)
    monkeypatch.setitem(GENERATORS, "labelled", LabelledOptions)
    monkeypatch.setitem(CRITICS, "projection", ProjectionOptions)


def engine_for(settings, shape):
    return build_engine(settings.method, settings.train, shape, World(), Precision("fp32", torch.device("cpu")))


def named(method: str, task: str, **extra: object):
    """`small` without the widths that these networks do not have."""
    settings = small(method, task)
    return replace(settings, method=replace(settings.method, **extra))


def test_a_class_conditional_pair_learns_each_class_its_place(class_conditional):
    settings = named(
        "nsgan", "toy", flow="class", generator="labelled", critic="projection",
        critic_losses={"adversarial": 1, "r1": 0.1},
    )  # fmt: skip
    engine = engine_for(settings, Shape(source=2, target=2, size=None))
    engine.batch = 96
    places = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 2.0]])
    for player in engine.players:
        player.rates = [0.02]
    for step in range(400):
        generator = torch.Generator().manual_seed(step)
        labels = torch.randint(CLASSES, (96,), generator=generator)
        target = places[labels] + 0.05 * torch.randn(96, 2, generator=generator)
        engine.step(step, [Batch(target=target, index=torch.arange(96), extra={"labels": labels})])
    labels = torch.arange(CLASSES).repeat_interleave(200)
    made = engine.parents[0]["generator"](torch.rand(len(labels), 2) * 2 - 1, labels=labels)
    means = torch.stack([made[labels == label].mean(0) for label in range(CLASSES)]).detach()
    nearest = torch.cdist(means, places).argmin(1)
    assert nearest.tolist() == [0, 1, 2]
    # at inference, without data, labels are drawn
    translator = translator_of(
        engine.parents[0].networks, settings.method, Shape(source=2, target=2, size=None), torch.device("cpu"), "fp32"
    )
    assert translator.samples(5).shape == (5, 2)


def test_extras_are_mapped_cut_and_joined_like_the_rest():
    batch = Batch(target=torch.arange(6.0)[:, None], index=torch.arange(6), extra={"labels": torch.arange(6) * 10})
    assert batch.map(lambda values: values + 1).extra["labels"].tolist() == [1, 11, 21, 31, 41, 51]
    assert [part.extra["labels"].tolist() for part in batch.chunks(3)] == [[0, 10], [20, 30], [40, 50]]
    assert batch.rows(torch.tensor([4, 1])).extra["labels"].tolist() == [40, 10]
    assert Batch.joined(batch.chunks(2)).extra["labels"].tolist() == [0, 10, 20, 30, 40, 50]


class TwoStages(Generator):
    """A first guess and a correction of it: two outputs."""

    radius = 2

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(channels, 3, 3, 1, 1), nn.Conv2d(3, 3, 3, 1, 1)

    def forward(self, x):
        guess = self.first(x)
        return guess, guess + self.second(guess)


@options
class TwoStagesOptions:
    def build(self, *, in_channels, out_channels, size):
        return TwoStages(in_channels)


@options
class Stages(OneGenerator):
    """Source to target through two stages."""

    @property
    def makes(self):
        return ("fake", "stage1")

    def images(self, generators, batch):
        guess, result = generators["generator"](needed(batch.source, "source", "stages"))
        return {"fake": result, "stage1": guess}

    def matches(self, batch, images, conditional):
        return ()


@options
class DeepL2:
    """L2 of the first stage."""

    needs = frozenset({"target", "image:stage1"})

    def __call__(self, view):
        return (view.images["stage1"] - view.batch.target).square().mean()


def test_a_network_of_two_stages_is_supervised_deeply_and_translates(monkeypatch):
    monkeypatch.setitem(FLOWS, "stages", Stages)
    monkeypatch.setitem(GENERATORS, "two", TwoStagesOptions)
    monkeypatch.setitem(GENERATOR_LOSSES, "deep_l2", DeepL2)
    settings = named("l2", "derain", flow="stages", generator="two", generator_losses={"l2": 1, "deep_l2": 0.5})
    shape = Shape(source=3, target=3, size=16)
    engine = engine_for(settings, shape)
    generator = torch.Generator().manual_seed(0)
    source = torch.rand(4, 3, 16, 16, generator=generator) * 2 - 1
    batch = Batch(source=source, target=source / 2, index=torch.arange(4))
    network = engine.parents[0]["generator"]
    guess, result = network(source)
    expected = (result - batch.target).square().mean() + 0.5 * (guess - batch.target).square().mean()
    gradients = torch.autograd.grad(expected, list(network.parameters()))
    before = [weight.detach().clone() for weight in network.parameters()]
    engine.step(0, [batch])
    deep = (guess - batch.target).square().mean().item()
    assert engine.log.means()["generator/deep_l2"].item() == pytest.approx(deep)
    for was, now, gradient in zip(before, network.parameters(), gradients, strict=True):
        # Adam's first step: against the gradient's sign
        assert torch.equal(torch.sign(was - now)[gradient.abs() > 1e-6], torch.sign(gradient)[gradient.abs() > 1e-6])
    translator = translator_of(engine.parents[0].networks, settings.method, shape, torch.device("cpu"), "fp32")
    made = translator.tensor(source)
    torch.testing.assert_close(made, network(source)[1].detach().clamp(-1, 1), rtol=1e-5, atol=1e-5)
