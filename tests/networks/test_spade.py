"""SPADE against its formula written out, and its published size."""

import pytest
import torch

from img2img.networks import GENERATORS
from img2img.networks.base import count_parameters
from img2img.networks.spade import Spade


def by_hand(classes, hidden=128):
    """Layer by layer: k3 weights and biases of the first layer, of seven blocks with their modulations, of the last."""

    def spade(channels):
        return 9 * classes * hidden + hidden + 2 * (9 * hidden * channels + channels)

    def block(given, made):
        middle = min(given, made)
        whole = spade(given) + spade(middle) + 9 * given * middle + middle + 9 * middle * made + made
        return whole + (spade(given) + given * made if given != made else 0)

    widths = [1024, 1024, 1024, 1024, 512, 256, 128, 64]
    blocks = sum(block(given, made) for given, made in zip(widths, widths[1:], strict=False))
    return 9 * classes * 1024 + 1024 + blocks + 9 * 64 * 3 + 3


@pytest.mark.parametrize(
    ("classes", "millions"),
    # the paper's sizes with the classes that its program shows: ADE20K, COCO-Stuff with edges of instances, Cityscapes
    [(151, 96.5), (184, 97.5), (36, 93.0)],
)
def test_as_many_parameters_as_published(classes, millions):
    with torch.device("meta"):
        network = GENERATORS["spade"]().build(in_channels=classes, out_channels=3, size=256)
    assert count_parameters(network) == by_hand(classes)
    assert round(count_parameters(network) / 1e6, 1) == millions


def test_the_modulation_is_the_formula():
    torch.manual_seed(0)
    layer = Spade(5, 3, 4, "batch").train()
    x = torch.randn(2, 5, 4, 6)
    labels = torch.nn.functional.one_hot(torch.randint(3, (2, 8, 12)), 3).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        made = layer(x, labels)
        # nearest neighbours at half the size: every second pixel
        shown = torch.relu(layer.shared(labels[:, :, ::2, ::2]))
        mean = x.mean((0, 2, 3), keepdim=True)
        deviation = (x.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
        expected = (x - mean) / deviation * (1 + layer.gamma(shown)) + layer.beta(shown)
    torch.testing.assert_close(made, expected)


@pytest.mark.parametrize(("doublings", "first"), [(5, 2), (6, 1)])
def test_the_first_layer_sees_the_label_map_shrunk_by_the_doublings(doublings, first):
    network = GENERATORS["spade"](width=1, hidden=2, doublings=doublings).build(
        in_channels=4, out_channels=3, size=None
    )
    seen = []
    network.first.register_forward_hook(lambda _, given, __: seen.append(tuple(given[0].shape)))
    network.eval()
    assert network(torch.zeros(1, 4, 64, 128)).shape == (1, 3, 64, 128)
    assert seen == [(1, 4, first, 2 * first)]
