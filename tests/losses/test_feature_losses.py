"""Losses of frozen features against their formulas, written out once more, and who gets a gradient."""

from __future__ import annotations

import pytest
import torch
from fake_view import FakeView
from feature_weights import options, state, weights_file
from torch.nn.functional import conv2d

from img2img.config import choose
from img2img.errors import UserError
from img2img.losses import GENERATOR_LOSSES
from img2img.networks.features import IMAGENET_MEAN, IMAGENET_STD, BlurPool
from img2img.types import Batch


def two(side: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    fake, target = (torch.rand(2, 3, side, side, generator=generator) * 2 - 1 for _ in "ft")
    return fake, target


def loss(name: str, **extra: object):
    return choose(GENERATOR_LOSSES, {"name": name, **options(name), **extra}, "loss", "test")


def view(fake: torch.Tensor, target: torch.Tensor | None) -> FakeView:
    return FakeView("generator", images={"fake": fake}, batch=Batch(target=target))


def by_hand(images: torch.Tensor) -> dict[str, torch.Tensor]:
    """relu1_2 and relu2_2 of the file of weights, out of the formulas."""
    weights = state("stlpips")
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    x = ((images + 1) / 2 - mean) / std

    def layer(x: torch.Tensor, key: str) -> torch.Tensor:
        return conv2d(x, weights[f"net.{key}.weight"], weights[f"net.{key}.bias"], padding=1).clamp(min=0)

    first = layer(layer(x, "slice1.0"), "slice1.2")
    pooled = BlurPool()(torch.nn.functional.max_pool2d(first, 2, 1))
    return {"relu1_2": first, "relu2_2": layer(layer(pooled, "slice2.6"), "slice2.8")}


@pytest.mark.parametrize("distance", ["l1", "l2"])
def test_perceptual_is_the_weighted_mean_distance_of_activations(distance):
    fake, target = two()
    mine, theirs = by_hand(fake), by_hand(target)
    expected = 0.0
    for layer, weight in (("relu1_2", 0.25), ("relu2_2", 2.0)):
        difference = mine[layer] - theirs[layer]
        expected += weight * (difference.abs() if distance == "l1" else difference**2).mean().item()
    seen = view(fake, target)
    value = loss("perceptual", layers={"relu1_2": 0.25, "relu2_2": 2}, distance=distance)(seen)
    assert value.item() == pytest.approx(expected, rel=1e-4)
    assert sum(seen.logged.values()) == pytest.approx(expected, rel=1e-4)
    assert loss("perceptual")(view(target, target)).item() == 0


def test_lpips_is_the_squared_distance_of_unit_activations_weighted_by_channel():
    fake, target = two()
    mine, theirs = by_hand(fake), by_hand(target)
    expected = 0.0
    for block, layer in enumerate(("relu1_2", "relu2_2")):
        unit = [part / part.norm(dim=1, keepdim=True) for part in (mine[layer], theirs[layer])]
        head = state("stlpips")[f"lin{block}.model.1.weight"]
        expected += ((unit[0] - unit[1]) ** 2 * head).sum(1).mean().item()
    assert loss("lpips")(view(fake, target)).item() == pytest.approx(expected, rel=1e-4)


def test_without_learned_weights_all_channels_of_lpips_count_alike(tmp_path):
    path = tmp_path / "bare.pth"
    torch.save({key: value for key, value in state("stlpips").items() if key.startswith("net")}, path)
    fake, target = two()
    mine, theirs = by_hand(fake)["relu1_2"], by_hand(target)["relu1_2"]
    unit = [part / part.norm(dim=1, keepdim=True) for part in (mine, theirs)]
    value = loss("lpips", weights_file=str(path), blocks=1)(view(fake, target)).item()
    assert value == pytest.approx((unit[0] - unit[1]).square().mean().item(), rel=1e-4)


@pytest.mark.parametrize("name", ["perceptual", "lpips"])
def test_the_gradient_goes_to_the_fake_alone_and_makes_it_alike(name):
    fake, target = two()
    fake.requires_grad_()
    target.requires_grad_(False)
    value = loss(name)(view(fake, target))
    (gradient,) = torch.autograd.grad(value, [fake])
    assert torch.isfinite(gradient).all()
    step = fake.detach() - 0.05 * gradient / gradient.abs().max()
    assert loss(name)(view(step, target)) < value


def test_black_activations_have_a_finite_gradient_in_lpips(tmp_path):
    path = tmp_path / "dead.pth"
    dead = {key: torch.zeros_like(value) if key.endswith("bias") else value for key, value in state("stlpips").items()}
    torch.save({key: -value.abs() if "slice1.2" in key else value for key, value in dead.items()}, path)
    fake, target = two()
    value = loss("lpips", weights_file=str(path))(view(fake.requires_grad_(), target))
    assert torch.isfinite(torch.autograd.grad(value, fake)[0]).all()


def test_weights_are_read_before_training_and_again_when_the_file_is_another(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        loss("perceptual", weights_file=str(tmp_path / "none.pth")).prepare()
    assert loss("perceptual").weights_file == weights_file()
    loss("perceptual").prepare()


def test_no_target_is_refused():
    with pytest.raises(UserError, match="needs data with a target"):
        loss("perceptual")(view(two()[0], None))
