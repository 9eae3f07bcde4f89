"""The plain eager loops that ours is measured against: NCHW, fp32, torch's default Adam, ``requires_grad`` toggled.

Each does the mathematics of its method's step as one writes it down, and notes its losses under the names of ours, so
that a test can hold the two against each other.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.nn.functional import softplus

from img2img.types import Verdict

Step = Callable[[], None]


def draw(step: int, forward: str, name: str, shape: Sequence[int]) -> Tensor:
    """Uniform [0, 1) numbers, whatever they are for."""
    return torch.rand(tuple(shape))


@dataclass
class Case:
    """What a loop trains (by name: generators and critics) and on what; ``losses`` are those of the last step."""

    networks: Mapping[str, nn.Module]
    source: Tensor
    target: Tensor
    uniform: Callable[[int, str, str, Sequence[int]], Tensor] = draw
    losses: dict[str, list[Tensor]] = field(default_factory=dict)

    def note(self, name: str, loss: Tensor) -> Tensor:
        """Remember a loss, and give it back."""
        self.losses.setdefault(name, []).append(loss.detach())
        return loss

    def pair(self) -> tuple[nn.Module, nn.Module]:
        """The generator and the critic."""
        return self.networks["generator"], self.networks["critic"]


def adam(*networks: nn.Module, lr: float = 2e-4, betas: tuple[float, float] = (0.5, 0.999)) -> torch.optim.Adam:
    """Adam as one writes it down."""
    return torch.optim.Adam(chain(*(network.parameters() for network in networks)), lr=lr, betas=betas)


def set_trainable(trainable: bool, *networks: nn.Module) -> None:
    """Whether gradients flow to the networks' weights."""
    for network in networks:
        for parameter in network.parameters():
            parameter.requires_grad_(trainable)


def update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step down a loss."""
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.step()


def conditional(case: Case, name: str, distance: Callable[[Tensor], Tensor], weights: tuple[float, float]) -> Step:
    """A conditional GAN with a pixel loss: weights of (adversarial, pixel)."""
    generator, critic = case.pair()
    generator_adam, critic_adam = adam(generator), adam(critic)
    source, target = case.source, case.target

    def step() -> None:
        fake = generator(source)
        set_trainable(True, critic)
        on_fake = critic(torch.cat([source, fake.detach()], 1)).logits[0]
        on_real = critic(torch.cat([source, target], 1)).logits[0]
        loss = bce(on_fake, torch.zeros_like(on_fake)) + bce(on_real, torch.ones_like(on_real))
        update(critic_adam, 0.5 * case.note("critic/adversarial", loss))
        set_trainable(False, critic)
        logits = critic(torch.cat([source, fake], 1)).logits[0]
        adversarial = case.note("generator/adversarial", bce(logits, torch.ones_like(logits)))
        pixel = case.note(f"generator/{name}", distance(fake - target))
        update(generator_adam, weights[0] * adversarial + weights[1] * pixel)

    return step


def pix2pix(case: Case) -> Step:
    """Three critic passes."""
    return conditional(case, "l1", lambda difference: difference.abs().mean(), (1, 100))


def idcgan(case: Case) -> Step:
    """ID-CGAN's network and critic without its trained features, which are the same work on both sides."""
    return conditional(case, "l2", lambda difference: difference.square().mean(), (0.0066, 1))


# hidden layers of PAN's critic with their weights, and the hinge's margin, as configs/methods/pan.yaml has them
PAN_LAYERS = {1: 5.0, 4: 1.5, 6: 1.5, 8: 1.0}
PAN_MARGIN = 3


def perceptual_distance(real: Verdict, fake: Verdict) -> Tensor:
    """PAN's P: weighted mean absolute differences of the critic's hidden layers."""
    parts = [weight * (fake.features[j - 1] - real.features[j - 1]).abs().mean() for j, weight in PAN_LAYERS.items()]
    return torch.stack(parts).sum()


def pan(case: Case) -> Step:
    """Four critic passes."""
    generator, critic = case.pair()
    generator_adam, critic_adam = adam(generator), adam(critic)

    def step() -> None:
        fake = generator(case.source)
        set_trainable(True, critic)
        real_verdict, fake_verdict = critic(case.target), critic(fake.detach())
        on_real, on_fake = real_verdict.logits[0], fake_verdict.logits[0]
        loss = bce(on_real, torch.ones_like(on_real)) + bce(on_fake, torch.zeros_like(on_fake))
        hinge = torch.relu(PAN_MARGIN - perceptual_distance(real_verdict, fake_verdict))
        update(critic_adam, case.note("critic/adversarial", loss) + case.note("critic/perceptual_margin", hinge))
        set_trainable(False, critic)
        with torch.no_grad():
            real_verdict = critic(case.target)
        fake_verdict = critic(fake)
        adversarial = case.note("generator/adversarial", -softplus(fake_verdict.logits[0]).mean())
        distance = perceptual_distance(real_verdict, fake_verdict)
        update(generator_adam, adversarial + case.note("generator/perceptual_adversarial", distance))

    return step


class Pool:
    """CycleGAN's history of 50 made images."""

    def __init__(self) -> None:
        self.images: list[Tensor] = []

    def query(self, images: Tensor) -> Tensor:
        """As many as come in, some of them older."""
        shown = []
        for image in images:
            if len(self.images) < 50:
                self.images.append(image)
            elif random.random() < 0.5:
                place = random.randrange(50)
                image, self.images[place] = self.images[place], image
            shown.append(image)
        return torch.stack(shown)


def cyclegan(case: Case) -> Step:
    """Six generator passes; least squares."""
    to_target, to_source = case.networks["to_target"], case.networks["to_source"]
    critics = [case.networks["critic_target"], case.networks["critic_source"]]
    generator_adam, critic_adam = adam(to_target, to_source), adam(*critics)
    pools = [Pool(), Pool()]
    source, target = case.source, case.target

    def step() -> None:
        fakes = [to_target(source), to_source(target)]
        cycle = (to_source(fakes[0]) - source).abs().mean() + (to_target(fakes[1]) - target).abs().mean()
        identity = (to_target(target) - target).abs().mean() + (to_source(source) - source).abs().mean()
        set_trainable(False, *critics)
        judged = [(critic(fake).logits[0] - 1).square().mean() for critic, fake in zip(critics, fakes, strict=True)]
        adversarial = case.note("generator/adversarial", judged[0] + judged[1])
        case.note("generator/cycle", cycle)
        case.note("generator/identity", identity)
        update(generator_adam, adversarial + 10 * cycle + 5 * identity)
        set_trainable(True, *critics)
        losses = []
        for critic, fake, real, pool in zip(critics, fakes, (target, source), pools, strict=True):
            on_real, on_fake = critic(real).logits[0], critic(pool.query(fake.detach())).logits[0]
            losses.append((on_real - 1).square().mean() + on_fake.square().mean())
        update(critic_adam, 0.5 * case.note("critic/adversarial", losses[0] + losses[1]))

    return step


def quick(case: Case) -> Step:
    """L1 alone, gradients clipped, weights averaged one by one."""
    generator = case.networks["generator"]
    optimizer, average = adam(generator, lr=1e-3, betas=(0.9, 0.99)), deepcopy(generator)
    share = 1 - 0.5 ** (len(case.source) / 1000)

    def step() -> None:
        loss = case.note("generator/l1", (generator(case.source) - case.target).abs().mean())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(generator.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            for mine, theirs in zip(average.parameters(), generator.parameters(), strict=True):
                mine.lerp_(theirs, share)

    return step
