"""Verdicts are computed when asked for, once for each version of the critics, on what each side may see."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from img2img.compute.distributed import World
from img2img.compute.precision import Precision
from img2img.compute.random import NamedRandom
from img2img.engine.forward import Forward, StepLog
from img2img.engine.optimizers import Sgd
from img2img.engine.player import Player
from img2img.engine.pool import ImagePool
from img2img.losses import GAMES
from img2img.types import Batch, Match, Shown, Verdict

CPU = torch.device("cpu")
GAME = GAMES["non_saturating"]()


class Critic(nn.Module):
    """One weight a channel; the picture itself is the hidden layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.arange(1.0, channels + 1))
        self.seen: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> Verdict:
        self.seen.append(x)
        hidden = x * self.weight.view(-1, 1, 1)
        return Verdict((hidden.flatten(1).sum(1, keepdim=True),), (hidden,))


def forward_of(*, condition: bool = False, pool: int = 0, joint: bool = False) -> tuple[Forward, Critic, torch.Tensor]:
    """A forward of four 1-channel images; the fakes have a gradient."""
    generator = torch.Generator().manual_seed(0)
    real, fake, source = (torch.rand(4, 1, 2, 2, generator=generator) for _ in "rfs")
    made = fake.requires_grad_() * 1
    critic = Critic(2 if condition else 1)
    player = Player(nn.ModuleDict({"critic": critic}), Sgd(), World())
    return (
        Forward(
            batch=Batch(source=source, target=real),
            images={"fake": made},
            matches=(Match("critic", real, made, source if condition else None),),
            critics=player,
            pools={"critic": ImagePool(pool)},
            random=NamedRandom(0, 0, "step0", 0, 4, CPU),
            world=World(),
            precision=Precision("fp32", CPU),
            log=StepLog(CPU),
            joint=joint,
        ),
        critic,
        fake,
    )


def sides(forward: Forward):
    return forward.seen_by("critic", GAME, "critic"), forward.seen_by("generator", GAME, "generator")


def test_nothing_is_computed_before_it_is_asked_for_and_nothing_twice():
    forward, critic, _ = forward_of()
    view, _ = sides(forward)
    assert critic.seen == []
    assert view.real(view.matches[0]) is view.real(view.matches[0])
    assert len(critic.seen) == forward.log.critic_forwards == 1


def test_an_update_of_the_critics_makes_their_verdicts_old():
    forward, critic, _ = forward_of()
    view, _ = sides(forward)
    match = view.matches[0]
    before = view.fake(match).logits[0]
    assert forward.critics is not None
    forward.critics.apply([torch.ones(1)])
    after = view.fake(match).logits[0]
    assert not torch.equal(before, after)
    torch.testing.assert_close(after, (match.fake * critic.weight).flatten(1).sum(1, keepdim=True))


def test_the_critic_sees_detached_fakes_and_the_generator_a_constant_real():
    forward, critic, fake = forward_of()
    view, other = sides(forward)
    match = forward.matches[0]
    for verdict in (view.real(match), view.fake(match)):
        (slope,) = torch.autograd.grad(verdict.features[0].sum(), critic.weight, retain_graph=True)
        assert slope.abs() > 0
        assert torch.autograd.grad(verdict.features[0].sum(), fake, allow_unused=True, retain_graph=True) == (None,)
    assert not other.real(match).features[0].requires_grad
    assert not other.real(match).logits[0].requires_grad
    (slope,) = torch.autograd.grad(other.fake(match).features[0].sum(), fake)
    assert torch.equal(slope, torch.ones_like(slope))


def test_the_real_side_of_both_is_one_forward_only_while_the_critic_stands():
    # pix2pix: real and fake for the critic, fake again for the generator after the critic's step
    forward, _, _ = forward_of()
    view, other = sides(forward)
    match = forward.matches[0]
    view.real(match), view.fake(match)
    assert forward.critics is not None
    forward.critics.apply([torch.ones(1)])
    other.fake(match)
    assert forward.log.critic_forwards == 3


def test_a_joint_forward_serves_both_sides_with_one_verdict():
    forward, _, fake = forward_of(joint=True)
    view, other = sides(forward)
    match = forward.matches[0]
    view.real(match), view.fake(match), other.fake(match)
    assert not other.real(match).features[0].requires_grad
    assert forward.log.critic_forwards == 2
    assert torch.autograd.grad(other.fake(match).logits[0].sum(), fake)[0].abs().min() > 0


@pytest.mark.parametrize("side", [0, 1])
def test_a_condition_stands_before_the_picture(side):
    forward, critic, _ = forward_of(condition=True)
    view = sides(forward)[side]
    match = forward.matches[0]
    view.real(match), view.fake(match)
    for seen, picture in zip(critic.seen, (match.real, match.fake), strict=True):
        assert torch.equal(seen, torch.cat([forward.batch.source, picture], 1))
    real, fake = view.shown(match)
    assert torch.equal(real.joined(), critic.seen[0])
    assert torch.equal(fake.joined(), critic.seen[1])
    assert fake.images.requires_grad == (side == 1)
    assert torch.equal(real.images, match.real)


def test_the_pool_is_for_the_critic_alone_and_asked_once():
    forward, critic, _ = forward_of(pool=2)
    view, other = sides(forward)
    match = forward.matches[0]
    view.fake(match)
    view.shown(match)
    assert forward.critics is not None
    forward.critics.apply([torch.ones(1)])
    view.fake(match)
    # two images filled the pool; asked again it would have swapped others
    assert torch.equal(critic.seen[0], critic.seen[1])
    other.fake(match)
    assert torch.equal(critic.seen[2], match.fake)
    assert torch.equal(other.shown(match)[1].images, match.fake)
    assert not torch.equal(view.shown(match)[1].images, match.fake)


def test_judging_is_never_remembered_and_always_exact():
    forward, critic, _ = forward_of()
    forward.precision = Precision("bf16", CPU)
    view, _ = sides(forward)
    match = forward.matches[0]
    shown = Shown(match.real.bfloat16())
    with forward.precision.autocast():
        verdict = view.judge(match, shown)
    assert verdict.logits[0].dtype == critic.seen[0].dtype == torch.float32
    view.judge(match, shown)
    assert len(critic.seen) == 2


def test_what_is_once_a_step_is_once_a_step():
    forward, _, _ = forward_of()
    view, _ = sides(forward)
    calls = []
    for _ in range(2):
        view.once("real", lambda: calls.append(1) or torch.ones(1))
    assert calls == [1]


def test_the_log_averages_since_the_last_line_and_remembers_what_was_not_finite():
    log = StepLog(CPU)
    for value in (1.0, 2.0, 6.0):
        log.add("generator/l1", torch.tensor(value, dtype=torch.bfloat16))
    log.add("critic/adversarial", torch.tensor(4.0, requires_grad=True))
    assert {name: mean.item() for name, mean in log.means().items()} == {"generator/l1": 3, "critic/adversarial": 4}
    assert not any(mean.requires_grad for mean in log.means().values())
    log.check(torch.tensor(1.0))
    assert not log.bad
    log.check(torch.tensor(float("nan")))
    log.check(torch.tensor(1.0))
    log.clear()
    assert log.bad
    assert log.means() == {}


def test_an_older_image_stands_beside_the_condition_it_was_made_from():
    forward, _, _ = forward_of(condition=True, pool=1)
    view, _ = sides(forward)
    match = forward.matches[0]
    _, fake = view.shown(match)
    whole = torch.cat([forward.batch.source, match.fake.detach()], 1)
    # a pool of one gives the first image and, for each further one, itself or the one it keeps, whole
    for row in range(len(fake.images)):
        pair = fake.joined()[row]
        assert any(torch.equal(pair, other) for other in whole)


def test_a_frozen_network_is_run_once_for_the_same_images_and_passes_the_gradient_on():
    forward, _, _ = forward_of()
    view, other = sides(forward)
    match = forward.matches[0]
    network = Counting()
    first, again = view.run(network, match.real), other.run(network, match.real)
    assert first is again
    assert network.calls == 1
    fake = other.run(network, match.fake)
    assert network.calls == 2
    assert fake.requires_grad
    forward.forget()
    assert view.run(network, match.real) is not first


class Counting(nn.Module):
    """Doubles, and counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return 2 * x
