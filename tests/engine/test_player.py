"""A player's update: limits by hand, memory layouts, true copies, fp16."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from conftest import same
from img2img.compute.distributed import World
from img2img.engine.optimizers import OPTIMIZERS
from img2img.engine.player import Player

CHANNELS_LAST = torch.channels_last


def conv() -> nn.ModuleDict:
    torch.manual_seed(0)
    return nn.ModuleDict({"critic": nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 1, 1))})


def line(weight: float = 1.0) -> nn.ModuleDict:
    layer = nn.Linear(2, 1, bias=False)
    nn.init.constant_(layer.weight, weight)
    return nn.ModuleDict({"critic": layer})


def player(networks: nn.ModuleDict | None = None, optimizer: str = "adam", scaled: bool = False, **options) -> Player:
    ema = options.pop("ema", None)
    return Player(
        networks or conv(), OPTIMIZERS[optimizer](**options), World(), ema_half_life_images=ema, scaled=scaled
    )


def objective(player: Player, seed: int = 0) -> torch.Tensor:
    images = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    return player["critic"](images).square().mean()


def step(player: Player, seed: int = 0) -> None:
    player.apply(player.gradients(objective(player, seed)))


def weights(player: Player) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in player.parameters]


def state(player: Player) -> dict:
    return copy.deepcopy(player.state_dict())


def close(some: list[torch.Tensor], others: list[torch.Tensor]) -> None:
    """Equal but for the rounding of a kernel that takes the elements in another order."""
    for one, other in zip(some, others, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_sgd_is_weight_minus_rate_times_gradient():
    one = player(line(), "sgd", lr=0.5)
    one.apply([torch.tensor([[2.0, -4.0]])], rate_factor=0.1)
    torch.testing.assert_close(one.parameters[0].detach(), torch.tensor([[0.9, 1.2]]))


def test_the_first_step_of_adam_is_the_rate():
    # m / (1 - b1) = g and v / (1 - b2) = g^2, so the step is lr * sign(g), whatever the gradient's size
    one = player(line(), "adam", lr=0.25)
    one.apply([torch.tensor([[1e-3, -100.0]])])
    torch.testing.assert_close(one.parameters[0].detach(), torch.tensor([[0.75, 1.25]]))


def test_the_rate_factor_does_not_pile_up():
    one = player(line(0.0), "sgd", lr=1.0)
    for factor in (0.5, 0.5, 1.0):
        one.apply([torch.tensor([[-1.0, 0.0]])], factor)
    assert one.parameters[0].tolist() == [[2.0, 0.0]]


def test_clip_norm_by_hand():
    # |(3, 4)| = 5 is scaled to 1; |(0.3, 0.4)| = 0.5 is below it and stays
    for gradient, moved in (((3.0, 4.0), (0.6, 0.8)), ((0.3, 0.4), (0.3, 0.4))):
        one = player(line(0.0), "sgd", lr=1.0, clip_norm=1.0)
        one.apply([torch.tensor([gradient])])
        torch.testing.assert_close(-one.parameters[0].detach(), torch.tensor([moved]), rtol=1e-5, atol=1e-6)


def test_clip_norm_is_over_all_parameters_together():
    networks = nn.ModuleDict({"a": line(0.0)["critic"], "b": line(0.0)["critic"]})
    one = player(networks, "sgd", lr=1.0, clip_norm=5.0)
    one.apply([torch.tensor([[6.0, 0.0]]), torch.tensor([[0.0, 8.0]])])
    torch.testing.assert_close(-one.parameters[0].detach(), torch.tensor([[3.0, 0.0]]), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(-one.parameters[1].detach(), torch.tensor([[0.0, 4.0]]), rtol=1e-5, atol=1e-6)


def test_clip_weights_after_every_step():
    # WGAN: every weight of the critic within 0.01
    one = player(line(0.0), "rmsprop", lr=0.004, alpha=0.0, clip_weights=0.01)
    seen = []
    for _ in range(4):
        one.apply([torch.tensor([[1.0, -1.0]])])
        seen.append(one.parameters[0].tolist()[0])
    # the step is lr * g / |g| at alpha 0
    assert seen[1] == pytest.approx([-0.008, 0.008], rel=1e-4)
    assert seen[3] == pytest.approx([-0.01, 0.01], rel=1e-6)


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_gradients_never_stay(optimizer):
    one = player(optimizer=optimizer)
    step(one)
    assert all(parameter.grad is None for parameter in one.parameters)
    objective(one)
    assert all(parameter.grad is None for parameter in one.parameters)


def test_the_version_grows_with_each_update():
    one = player()
    step(one)
    step(one)
    assert one.version == 2
    assert one.fork().version == 2


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
@pytest.mark.parametrize("parameters", [torch.contiguous_format, CHANNELS_LAST])
@pytest.mark.parametrize("gradients", [torch.contiguous_format, CHANNELS_LAST])
def test_memory_layouts_move_the_same_weights(optimizer, parameters, gradients):
    def run(mine: torch.memory_format, theirs: torch.memory_format) -> list[torch.Tensor]:
        one = player(conv().to(memory_format=mine), optimizer, lr=0.1)
        for seed in range(3):
            generator = torch.Generator().manual_seed(seed)
            given = [torch.randn(p.shape, generator=generator) for p in one.parameters]
            one.apply([g.contiguous(memory_format=theirs) if g.ndim == 4 else g for g in given])
        return weights(one)

    close(run(parameters, gradients), run(torch.contiguous_format, torch.contiguous_format))


@pytest.mark.parametrize(
    "layouts", [(CHANNELS_LAST, torch.contiguous_format), (torch.contiguous_format, CHANNELS_LAST)]
)
def test_moments_of_another_layout_are_laid_out_like_the_weights(layouts):
    # a run that goes on on another device finds moments in that device's layout
    written, read = (player(conv().to(memory_format=layout), lr=0.1) for layout in layouts)
    for seed in range(2):
        step(written, seed)
    read.load_state_dict(state(written))
    for one in (written, read):
        generator = torch.Generator().manual_seed(9)
        one.apply([torch.randn(p.shape, generator=generator) for p in one.parameters])
    close(weights(written), weights(read))


def test_unreached_parameters_get_zeros():
    networks = nn.ModuleDict({"a": line()["critic"], "b": line()["critic"]})
    one = player(networks)
    gradients = one.gradients(networks["a"](torch.ones(1, 2)).sum())
    assert [gradient.tolist() for gradient in gradients] == [[[1.0, 1.0]], [[0.0, 0.0]]]


@pytest.mark.parametrize("scaled", [False, True])
def test_a_fork_shares_nothing(scaled):
    parent = player(ema=100.0, scaled=scaled)
    for seed in range(2):
        step(parent, seed)
    before = state(parent)
    child = parent.fork()
    assert same(state(child), before)
    for seed in range(3):
        step(child, seed)
        child.ema.update(child.networks, 10)
    assert same(state(parent), before)
    # what is shared would also move the other way
    after = state(child)
    step(parent)
    assert same(state(child), after)


def test_a_fork_goes_on_like_its_parent():
    parent = player(ema=50.0)
    step(parent)
    child = parent.fork()
    for one in (parent, child):
        step(one, 1)
        one.ema.update(one.networks, 4)
    assert same(state(parent), state(child))


def test_load_state_dict_shares_nothing_with_what_it_was_given():
    one, other = player(), player()
    step(one)
    given = one.state_dict()
    other.load_state_dict(given)
    before = state(one)
    step(other, 1)
    assert same(state(one), before)


def test_results_are_made_with_the_average_where_there_is_one():
    one = player(ema=100.0)
    assert one.shadow() is one.ema.networks
    assert player().shadow().keys() == one.networks.keys()


def test_fp16_multiplies_the_objective_and_divides_the_gradient():
    plain, scaled = player(), player(scaled=True)
    assert scaled.scale.scale == 2**14
    gradients = scaled.gradients(objective(scaled))
    torch.testing.assert_close(gradients[0], plain.gradients(objective(plain))[0] * 2**14)
    for one in (plain, scaled):
        step(one)
    close(weights(plain), weights(scaled))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_fp16_leaves_everything_alone_after_an_overflow(optimizer):
    one = player(optimizer=optimizer, scaled=True, clip_norm=1.0, lr=0.1)
    step(one)
    before = state(one)
    gradients = one.gradients(objective(one, 1))
    gradients[0][0, 0, 0, 0] = float("inf")
    one.apply(gradients)
    after = state(one)
    assert same(after["networks"], before["networks"])
    assert same(after["optimizer"]["state"], before["optimizer"]["state"])
    assert after["scale"]["scale"] == before["scale"]["scale"] / 2
    # and the next good one moves again
    step(one, 2)
    assert not same(one.state_dict()["networks"], before["networks"])


class Sharing(nn.Module):
    """Two weights whose gradients autograd gives as one tensor, and one whose gradient is a number, expanded."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other, self.level = (nn.Parameter(torch.full((3,), value)) for value in (1.0, 2.0, 3.0))

    def objective(self) -> torch.Tensor:
        return ((self.one + self.other) * torch.tensor([3.0, 0.0, 4.0])).sum() + self.level.sum()


def test_gradients_that_share_memory_are_changed_once_each():
    module = Sharing()
    raw = torch.autograd.grad(module.objective(), list(module.parameters()))
    # what this test is about: should torch change, the network must
    assert raw[0].data_ptr() == raw[1].data_ptr()
    assert raw[2].stride() == (0,)
    player = Player(nn.ModuleDict({"network": module}), OPTIMIZERS["sgd"](lr=1.0, clip_norm=1.0), World())
    before = [parameter.detach().clone() for parameter in player.parameters]
    player.apply(player.gradients(module.objective()))
    moved = torch.cat([b - p.detach() for b, p in zip(before, player.parameters, strict=True)])
    expected = torch.tensor([3.0, 0, 4, 3, 0, 4, 1, 1, 1])
    torch.testing.assert_close(moved, expected / expected.norm(), rtol=1e-5, atol=1e-6)
