"""The plain eager loops of GANs from noise (see `benchmarks.plain`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.nn.functional import softplus

from benchmarks.plain import Case, Step, adam, set_trainable, update


def toy(case: Case) -> Step:
    """The non-saturating GAN."""
    generator, critic = case.pair()
    generator_adam = adam(generator, lr=1e-4, betas=(0.5, 0.999))
    critic_adam = adam(critic, lr=1e-4, betas=(0.0, 0.999))
    count = 0

    def step() -> None:
        nonlocal count
        set_trainable(True, critic)
        with torch.no_grad():
            fake = generator(latent(case, count, "step0"))
        on_real, on_fake = critic(case.target).logits[0], critic(fake).logits[0]
        loss = bce(on_real, torch.ones_like(on_real)) + bce(on_fake, torch.zeros_like(on_fake))
        update(critic_adam, case.note("critic/adversarial", loss))
        set_trainable(False, critic)
        logits = critic(generator(latent(case, count, "generator"))).logits[0]
        update(generator_adam, case.note("generator/adversarial", bce(logits, torch.ones_like(logits))))
        count += 1

    return step


def latent(case: Case, step: int, forward: str) -> Tensor:
    """z, uniform in (-1, 1); as many numbers as there are source features."""
    return case.uniform(step, forward, "z", (len(case.target), case.source.shape[1])) * 2 - 1


def wgan_gp(case: Case) -> Step:
    """Five critic steps with a gradient penalty."""
    generator, critic = case.pair()
    generator_adam, critic_adam = (adam(network, lr=1e-4, betas=(0.0, 0.9)) for network in (generator, critic))
    real, count = case.target, 0

    def penalty(fake: Tensor, forward: str) -> Tensor:
        share = case.uniform(count, forward, "gradient_penalty/critic", (len(real), 1, 1, 1))
        between = (share * real + (1 - share) * fake).requires_grad_()
        (gradient,) = torch.autograd.grad(critic(between).logits[0].sum(), between, create_graph=True)
        return ((gradient.flatten(1).square().sum(1) + 1e-12).sqrt() - 1).square().mean()

    def step() -> None:
        nonlocal count
        set_trainable(True, critic)
        for number in range(5):
            with torch.no_grad():
                fake = generator(latent(case, count, f"step{number}"))
            loss = case.note("critic/adversarial", critic(fake).logits[0].mean() - critic(real).logits[0].mean())
            update(critic_adam, loss + 10 * case.note("critic/gradient_penalty", penalty(fake, f"step{number}")))
        set_trainable(False, critic)
        logits = critic(generator(latent(case, count, "generator"))).logits[0]
        update(generator_adam, case.note("generator/adversarial", -logits.mean()))
        count += 1

    return step


# E-GAN's mutations by the name of their game, and gamma, as configs/methods/egan.yaml has them
MUTATIONS = {
    "minimax": lambda logits: -0.5 * softplus(logits).mean(),
    "non_saturating": lambda logits: 0.5 * softplus(-logits).mean(),
    "least_squares_probability": lambda logits: (torch.sigmoid(logits) - 1).square().mean(),
}
GAMMA = 0.001
# critic, child, z, real images -> how fit the child is
Fitness = Callable[[nn.Module, nn.Module, Tensor, Tensor], Tensor]


def fitness(critic: nn.Module, child: nn.Module, z: Tensor, real: Tensor) -> Tensor:
    """Quality and diversity of a child (Wang et al. 2019, eq. 8 and 9) from one forward of its fakes."""
    with torch.no_grad():
        fake = child(z)
    on_fake = critic(fake).logits[0]
    return torch.sigmoid(on_fake.detach()).mean() + diversity(critic, on_fake, real)


def diversity(critic: nn.Module, on_fake: Tensor, real: Tensor) -> Tensor:
    """How little the critic is moved by a child's fakes (eq. 9)."""
    loss = softplus(-critic(real).logits[0]).mean() + softplus(on_fake).mean()
    gradients = torch.autograd.grad(loss, list(critic.parameters()))
    norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    return -GAMMA * torch.log(norm + 1e-12)


def fitness_apart(critic: nn.Module, child: nn.Module, z: Tensor, real: Tensor) -> Tensor:
    """The same as the two equations stand: a forward for quality, another for diversity."""
    with torch.no_grad():
        quality, fake = torch.sigmoid(critic(child(z)).logits[0]).mean(), child(z)
    return quality + diversity(critic, critic(fake).logits[0], real)


def egan(case: Case, samples: int = 256, critic_steps: int = 3, fitness: Fitness = fitness) -> Step:
    """A generation of one parent: a forward of its own for every mutation, child and child's fitness."""
    parent, critic = case.pair()
    betas = (0.5, 0.99)
    parent_adam, critic_adam = adam(parent, betas=betas), adam(critic, betas=betas)
    parts, real, count = samples // len(case.target), case.target, 0

    def mutate(loss: str, z: Tensor) -> tuple[nn.Module, torch.optim.Adam]:
        child = deepcopy(parent)
        optimizer = adam(child, betas=betas)
        optimizer.load_state_dict(deepcopy(parent_adam.state_dict()))
        logits = critic(child(z)).logits[0]
        update(optimizer, case.note(f"generator[{loss}]/adversarial", MUTATIONS[loss](logits)))
        return child, optimizer

    def step() -> None:
        nonlocal parent, parent_adam, count
        set_trainable(True, critic)
        for number in range(critic_steps):
            with torch.no_grad():
                fake = parent(latent(case, count, f"step{number}"))
            loss = softplus(-critic(real).logits[0]).mean() + softplus(critic(fake).logits[0]).mean()
            update(critic_adam, case.note("critic/adversarial", loss))
        set_trainable(False, critic)
        z = latent(case, count, "generator")
        children = [mutate(loss, z) for loss in MUTATIONS]
        set_trainable(True, critic)
        judged_on = torch.cat([latent(case, count, tag) for tag in tags(parts)])
        reals = torch.cat([real] * parts)
        values = torch.stack([fitness(critic, child, judged_on, reals) for child, _ in children])
        case.note("fitness/best", values.max())
        parent, parent_adam = children[int(values.argmax())]
        count += 1

    return step


def egan_apart(case: Case, samples: int = 256) -> Step:
    """The same with forwards of their own for quality and for diversity."""
    return egan(case, samples, fitness=fitness_apart)


def tags(parts: int) -> Sequence[str]:
    """The names of the forwards that fitness draws for."""
    return ["fitness", *(f"fitness{number}" for number in range(1, parts))]
