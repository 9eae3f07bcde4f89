"""Updates as data: lazy losses, schedules of each side, groups of weights, limits after a step."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from conftest import small
from img2img.compute.distributed import World
from img2img.compute.precision import Precision
from img2img.engine.limits import LIMITS
from img2img.engine.optimizers import OPTIMIZERS
from img2img.engine.player import Player
from img2img.errors import UserError
from img2img.training.build import build_engine
from img2img.types import Batch
from img2img.weights.header import Shape


def engine_of(**extra: object):
    settings = small("nsgan", "toy", **{"critic.norm": "none", "train.batch": 8, **extra})
    shape = Shape(source=2, target=2, size=None)
    return build_engine(settings.method, settings.train, shape, World(), Precision("fp32", torch.device("cpu")))


def vectors(seed: int) -> Batch:
    return Batch(target=torch.randn(8, 2, generator=torch.Generator().manual_seed(seed)), index=torch.arange(8))


def test_a_lazy_penalty_is_taken_every_kth_step_k_times_as_heavy():
    lazy = engine_of(critic_losses="{adversarial: 1, r1: {weight: 2, every: 3}}")
    plain, heavy = engine_of(), engine_of(critic_losses="{adversarial: 1, r1: 6}")
    for step in range(4):
        for other in (plain, heavy):
            other.load_state_dict(copy.deepcopy(lazy.state_dict()))
        forwards = []
        for engine in (lazy, plain, heavy):
            engine.log.clear()
            engine.step(step, [vectors(step)])
            forwards.append(engine.log.critic_forwards)
        expected, unlike = (heavy, plain) if step % 3 == 0 else (plain, heavy)
        assert ("critic/r1" in lazy.log.means()) == (step % 3 == 0)
        assert forwards[0] == (forwards[2] if step % 3 == 0 else forwards[1])
        for mine, theirs in zip(lazy.critics.parameters, expected.critics.parameters, strict=True):
            assert torch.equal(mine, theirs)
        pairs = zip(lazy.critics.parameters, unlike.critics.parameters, strict=True)
        assert any(not torch.equal(mine, theirs) for mine, theirs in pairs)


def test_every_is_checked():
    with pytest.raises(UserError, match="every is a number of steps of at least 1, got 0"):
        small("nsgan", "toy", critic_losses="{adversarial: 1, r1: {weight: 2, every: 0}}")


def test_each_side_may_have_a_schedule_of_its_own():
    method = small("nsgan", "toy", schedule="{generator: {name: linear, hold: 0}, critic: constant}").method
    schedule = method.build_schedule()
    assert schedule.needs_total
    assert schedule.factor(5, 10) == {"generator": 0.5, "critic": 1.0}
    engine = engine_of()
    engine.step(0, [vectors(0)], schedule.factor(5, 10))
    rates = [player.optimizer.param_groups[0]["lr"] for player in engine.players]
    assert rates == [pytest.approx(engine.parents[0].rates[0] / 2), engine.critics.rates[0]]
    with pytest.raises(UserError, match="unknown key 'generators'"):
        small("nsgan", "toy", schedule="{generators: linear}")


def player(**options: object) -> Player:
    torch.manual_seed(0)
    networks = nn.ModuleDict({"network": nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))})
    return Player(networks, OPTIMIZERS["sgd"](lr=1.0, **options), World())


def moved(one: Player) -> dict[str, float]:
    before = {name: weight.detach().clone() for name, weight in one.networks.named_parameters()}
    one.apply([torch.ones_like(weight) for weight in one.parameters])
    return {name: (before[name] - weight).mean().item() for name, weight in one.networks.named_parameters()}


def test_weights_move_at_the_rates_of_their_groups():
    one = player(groups={"*.0.weight": 0.0, "*.bias": 0.5})
    assert moved(one) == pytest.approx(
        {"network.0.weight": 0, "network.0.bias": 0.5, "network.1.weight": 1, "network.1.bias": 0.5}
    )
    # a frozen weight is no parameter of the optimiser, and gets no gradient
    assert len(one.parameters) == 3
    twin = one.fork()
    twin.load_state_dict(one.state_dict())
    assert moved(twin) == pytest.approx(moved(one))
    with pytest.raises(UserError, match="every weight has the factor 0"):
        player(groups={"*": 0.0})


def test_limits_hold_after_each_step_for_the_weights_they_name():
    one = player(limits=({"name": "clip", "most": 0.25, "weights": "*.bias"}, "row_norm"))
    moved(one)
    weights = dict(one.networks.named_parameters())
    assert all(weights[f"network.{n}.bias"].abs().max() == 0.25 for n in (0, 1))
    # both rows moved by -1 in each entry, far beyond 1
    for number in (0, 1):
        norms = weights[f"network.{number}.weight"].norm(dim=1)
        torch.testing.assert_close(norms, torch.ones_like(norms))
    small_rows = {"w": torch.tensor([[0.3, 0.4], [3.0, 4.0]])}
    LIMITS["row_norm"]().apply(small_rows)
    torch.testing.assert_close(small_rows["w"], torch.tensor([[0.3, 0.4], [0.6, 0.8]]))
    with pytest.raises(UserError, match="unknown limit 'clap'; did you mean 'clip'"):
        player(limits=("clap",))


def test_what_is_only_watched_builds_no_graph_and_changes_nothing():
    plain = engine_of()
    watched = engine_of(critic_losses="{r1: 0, adversarial: 1}")
    for engine in (plain, watched):
        engine.step(0, [vectors(0)])
    for mine, theirs in zip(plain.critics.parameters, watched.critics.parameters, strict=True):
        assert torch.equal(mine, theirs)
    assert "critic/r1" in watched.log.means()
