"""pix2pix's U-Net: levels, biases, norms, dropout, skips."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import leaky_relu, relu

from img2img.networks import GENERATORS
from img2img.networks.unet import UNetGenerator


def unet(size: int | None = 256, **options) -> UNetGenerator:
    return GENERATORS["unet"](width=4, **options).build(in_channels=3, out_channels=3, size=size)


def kinds(layer: nn.Sequential) -> list[str]:
    return [type(part).__name__ for part in layer]


@pytest.mark.parametrize(("size", "dropouts"), [(256, [1, 2, 3]), (128, [1, 2]), (32, [])])
def test_dropout_stands_on_the_levels_above_the_innermost(size, dropouts):
    network = unet(size)
    assert [place for place, up in enumerate(network.decoder) if "Dropout" in kinds(up)] == dropouts
    assert all(kinds(network.decoder[place])[-2:] == ["BatchNorm2d", "Dropout"] for place in dropouts)
    assert {part.p for part in network.modules() if isinstance(part, nn.Dropout)} <= {0.5}
    assert not any(isinstance(part, nn.Dropout) for part in unet(size, dropout=False).modules())


@pytest.mark.parametrize("size", [256, 128])
def test_no_norm_on_the_first_level_nor_on_the_1x1_map(size):
    network = unet(size)
    assert [len(down) for down in network.encoder] == [1, *[2] * (len(network.encoder) - 2), 1]
    with torch.no_grad():
        x = torch.zeros(1, 3, size, size)
        for down in network.encoder:
            x = down(x)
    assert x.shape[2:] == (1, 1)
    assert [("BatchNorm2d" in kinds(up)) for up in network.decoder] == [*[True] * (len(network.decoder) - 1), False]


@pytest.mark.parametrize(("norm", "biased"), [("batch", False), ("instance", True), ("none", True)])
def test_biases_are_where_no_batch_norm_takes_them_away(norm, biased):
    network = unet(norm=norm)
    convolutions = [part for part in network.modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)]
    assert [part.bias is not None for part in convolutions] == [*[biased] * (len(convolutions) - 1), True]


@pytest.mark.parametrize(("size", "downs"), [(256, 8), (128, 7), (64, 6), (96, 5), (512, 8), (None, 8)])
def test_levels_follow_the_crop(size, downs):
    network = unet(size)
    assert len(network.encoder) == downs
    assert network.multiple == network.minimum == 2**downs


def test_forward_is_the_published_recursion():
    """Written out without memory of its own: skips hold the tensors before the LeakyReLU."""
    torch.manual_seed(0)
    network = unet(64, dropout=False)
    x = torch.randn(2, 3, 64, 64)

    def block(level: int, x: torch.Tensor) -> torch.Tensor:
        down, up = network.encoder[level], network.decoder[-1 - level]
        y = down(x if level == 0 else leaky_relu(x, 0.2))
        if level < len(network.encoder) - 1:
            y = torch.cat([y, block(level + 1, y)], 1)
        return up(relu(y))

    assert torch.equal(network(x), torch.tanh(block(0, x)))
    assert network(x).shape == x.shape
