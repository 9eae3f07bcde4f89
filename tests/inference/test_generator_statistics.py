"""Statistics and dropout as results are made; nothing of the network moves."""

from __future__ import annotations

import copy

import pytest
import torch
from translators import IDCGAN, sources, unsettled

from img2img.compute.precision import kernels, kernels_taken
from img2img.inference import (
    as_results_are_made,
)
from img2img.recipes.method import Inference


def test_running_statistics():
    made = unsettled(IDCGAN, norm="running")
    x = sources(2)
    with torch.no_grad():
        expected = copy.deepcopy(made.network).eval()(x)
    assert torch.allclose(made.tensor(x), expected.clamp(-1, 1), atol=1e-6)


def test_batch_statistics_are_each_pictures_own():
    made = unsettled(IDCGAN, norm="batch")
    x = sources(3)
    twin = copy.deepcopy(made.network).train()
    with torch.no_grad():
        expected = torch.cat([twin(x[i : i + 1]) for i in range(3)])
        together = twin(x)
    assert torch.allclose(made.tensor(x), expected, atol=1e-6)
    assert not torch.allclose(together, expected, atol=1e-2)


@pytest.mark.parametrize("norm", ["running", "batch"])
@pytest.mark.parametrize("training", [True, False])
def test_no_buffer_moves_and_every_flag_comes_back(norm, training):
    made = unsettled({"name": "unet", "width": 4}, norm=norm, dropout=True)
    made.network.train(training)
    made.network.encoder[1][1].eval()
    before = [value.clone() for value in made.network.state_dict().values()]
    flags = [(part.training, getattr(part, "track_running_stats", None)) for part in made.network.modules()]
    made.tensor(sources(2))
    assert all(torch.equal(one, other) for one, other in zip(before, made.network.state_dict().values(), strict=True))
    assert flags == [(part.training, getattr(part, "track_running_stats", None)) for part in made.network.modules()]
    with pytest.raises(ZeroDivisionError), as_results_are_made(made.network, Inference(norm=norm)):
        raise ZeroDivisionError
    assert flags == [(part.training, getattr(part, "track_running_stats", None)) for part in made.network.modules()]


@pytest.mark.parametrize("norm", ["running", "batch"])
def test_dropout_is_on_only_where_asked_for(norm):
    off = unsettled({"name": "unet", "width": 8}, norm=norm)
    on = unsettled({"name": "unet", "width": 8}, norm=norm, dropout=True)
    x = sources(1, 64, 64)
    assert torch.equal(off.tensor(x), off.tensor(x, sample=1))
    assert not torch.equal(off.tensor(x), on.tensor(x))
    first = on.tensor(x)
    torch.manual_seed(123)
    assert torch.equal(first, on.tensor(x)), "dropout is a function of the seed and the sample"
    assert not torch.equal(first, on.tensor(x, sample=1))


def test_results_leave_torchs_random_numbers_alone():
    made = unsettled({"name": "unet", "width": 4}, dropout=True)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    made.tensor(sources(1, 64, 64))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("inference", [{"norm": "running", "dropout": True}, {"norm": "batch"}, {"norm": "running"}])
def test_a_result_does_not_depend_on_its_neighbours(inference):
    made = unsettled({"name": "unet", "width": 8}, **inference)
    x = sources(3, 64, 64)
    alone = torch.cat([made.tensor(x[i : i + 1]) for i in range(3)])
    assert torch.allclose(made.tensor(x), alone, atol=1e-5)


def test_results_are_made_without_tf32_whatever_a_training_takes():
    made, seen = unsettled(IDCGAN), []
    made.network.register_forward_hook(lambda *_: seen.append(kernels_taken()))
    with kernels(tf32=True, benchmark=True):
        made.tensor(sources(1))
        assert kernels_taken()["tf32"]
    assert seen
    assert not any(taken["tf32"] or taken["cudnn_benchmark"] for taken in seen)
