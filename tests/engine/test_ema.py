"""The moving average: its half-life is counted in images."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from img2img.engine.ema import Ema


def networks(value: float = 1.0) -> nn.ModuleDict:
    linear = nn.Linear(1, 1)
    nn.init.constant_(linear.weight, value)
    nn.init.constant_(linear.bias, value)
    return nn.ModuleDict({"generator": nn.Sequential(linear, nn.BatchNorm1d(1))})


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_after_the_half_life_half_is_left(batch):
    live = networks(1.0)
    ema = Ema(live, half_life_images=100)
    with torch.no_grad():
        live["generator"][0].weight.fill_(3.0)
    for _ in range(100 // batch):
        ema.update(live, batch)
    # 1 on the way to 3, half of the way done
    assert ema.networks["generator"][0].weight.item() == pytest.approx(2.0, rel=1e-5)


def test_statistics_are_of_what_the_average_makes():
    live = networks(1.0)
    ema = Ema(live, half_life_images=1)
    with torch.no_grad():
        live["generator"][0].weight.fill_(3.0)
        live["generator"][1].running_mean.fill_(100.0)
    ema.update(live, 1)
    norm, x = ema.networks["generator"][1], torch.tensor([[0.0], [4.0]])
    assert norm.running_mean.item() == 0.0
    with ema.measuring():
        ema.networks["generator"](x)
    # the averaged weights are 2 and 1: it makes 1 and 9, of which a tenth moves the mean 0 and the variance 1
    assert norm.running_mean.item() == pytest.approx(0.5)
    assert norm.running_var.item() == pytest.approx(0.9 + 3.2)
    assert norm.num_batches_tracked.item() == 1
    assert live["generator"][1].running_mean.item() == 100.0


def test_dropout_is_off_while_statistics_are_measured_and_modes_come_back():
    live = nn.ModuleDict({"generator": nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(1))})
    ema = Ema(live, half_life_images=1)
    before = [module.training for module in ema.networks.modules()]
    state = torch.get_rng_state()
    with ema.measuring():
        ema.networks["generator"](torch.ones(64, 1))
    assert ema.networks["generator"][1].running_mean.item() == pytest.approx(0.1)
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in ema.networks.modules()] == before


def test_buffers_of_other_modules_are_averaged_and_counts_copied():
    live = networks()
    live["generator"].register_buffer("level", torch.zeros(1))
    live["generator"].register_buffer("count", torch.zeros(1, dtype=torch.int64))
    ema = Ema(live, half_life_images=1)
    live["generator"].level.fill_(2.0)
    live["generator"].count.fill_(7)
    ema.update(live, 1)
    assert ema.networks["generator"].level.item() == 1.0
    assert ema.networks["generator"].count.item() == 7


def test_the_average_is_its_own_and_is_not_trained():
    live = networks()
    ema = Ema(live, half_life_images=10)
    with torch.no_grad():
        live["generator"][0].weight.fill_(7.0)
    assert ema.networks["generator"][0].weight.item() == 1.0
    assert not any(parameter.requires_grad for parameter in ema.networks.parameters())


def test_memory_layout_changes_nothing():
    results = []
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(0)
        live = nn.ModuleDict({"generator": nn.Conv2d(3, 4, 3)})
        live.to(memory_format=layout)
        ema = Ema(live, half_life_images=3)
        with torch.no_grad():
            live["generator"].weight.add_(torch.arange(108.0).view(4, 3, 3, 3))
        ema.update(live, 2)
        results.append(ema.networks["generator"].weight)
    assert torch.equal(*results)


def test_state():
    live = networks()
    one, other = Ema(live, 10), Ema(live, 10)
    with torch.no_grad():
        live["generator"][0].weight.fill_(3.0)
    one.update(live, 4)
    other.load_state_dict(one.state_dict())
    one.update(live, 4)
    other.update(live, 4)
    assert torch.equal(one.networks["generator"][0].weight, other.networks["generator"][0].weight)


def test_the_vectors_of_a_spectral_norm_are_copied():
    network = nn.ModuleDict({"critic": spectral_norm(nn.Linear(6, 5))})
    ema = Ema(network, half_life_images=10)
    for _ in range(4):
        with torch.no_grad():
            network["critic"].parametrizations.weight.original.add_(torch.randn(5, 6))
        network["critic"](torch.randn(2, 6))
        ema.update(network, 4)
    live, shadow = network.state_dict(), ema.networks.state_dict()
    for name in live:
        assert torch.equal(live[name], shadow[name]) == (name.endswith(("_u", "_v", "bias"))), name
