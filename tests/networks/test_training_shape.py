"""Training batches that a normalisation cannot take are refused before the first step, with the reason."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from img2img.errors import UserError
from img2img.networks import CRITICS, GENERATORS
from img2img.networks.base import check_training_shape


def generator(name: str, size: int = 256, **options) -> nn.Module:
    return GENERATORS[name](width=4, **options).build(in_channels=3, out_channels=3, size=size)


@pytest.mark.parametrize(
    ("name", "options", "shape", "layer"),
    [
        ("pan", {}, (1, 3, 64, 64), "norms.5 sees 1x1"),
        ("pan", {"form": "8+8"}, (1, 3, 128, 128), "norms.6 sees 1x1"),
        ("unet", {"downs": 4}, (1, 3, 8, 8), "encoder.2.1 sees 1x1"),
        ("idcgan", {}, (1, 3, 1, 1), "down_norms.1 sees 1x1"),
        # instance statistics are each picture's own, whatever the batch
        ("resnet", {}, (8, 3, 4, 4), "layers.8 sees 1x1"),
    ],
)
def test_one_value_per_channel(name, options, shape, layer):
    with pytest.raises(UserError) as caught:
        check_training_shape(generator(name, **options), shape)
    line = str(caught.value)
    assert f"a batch of {shape[0]} at {shape[2]}x{shape[3]} px" in line
    assert f"gives the normalisation {layer}: one value per channel" in line
    assert "use a larger train.batch or data.crop" in line


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("pan", {}, (2, 3, 64, 64)),
        ("pan", {}, (1, 3, 128, 128)),
        ("pan", {"form": "8+8"}, (1, 3, 256, 256)),
        ("unet", {}, (1, 3, 256, 256)),
        ("idcgan", {}, (1, 3, 1, 2)),
        ("resnet", {}, (1, 3, 8, 8)),
        ("residual", {}, (1, 3, 2, 2)),
    ],
)
def test_batches_that_train(name, options, shape):
    network = generator(name, **options)
    check_training_shape(network, shape)
    assert torch.isfinite(network.train()(torch.randn(shape))).all()


def test_vectors():
    critic = CRITICS["mlp"](width=8).build(in_channels=2, size=None)
    check_training_shape(critic, (2, 2))
    with pytest.raises(UserError, match=r"blocks\.1\.1 sees one value"):
        check_training_shape(critic, (1, 2))


def test_batches_that_do_not_fit_the_network():
    with pytest.raises(UserError, match=r"multiples of 256 px, training samples are 100x100; set data.crop=256"):
        check_training_shape(generator("unet"), (2, 3, 100, 100))
    with pytest.raises(UserError, match="built for 64x64 px"):
        check_training_shape(CRITICS["pan"](width=4).build(in_channels=3, size=64), (2, 3, 96, 96))


def test_looking_changes_nothing():
    network = generator("pan").eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    check_training_shape(network, (2, 3, 64, 64))
    assert not network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(module._forward_pre_hooks for module in network.modules())
