"""PatchGAN and PixelGAN: what one logit sees, maps and features."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from img2img.networks import CRITICS


def seen(critic: nn.Module, side: int) -> int:
    """Side of the square of input pixels that a middle logit depends on."""
    critic.double()
    for parameter in critic.parameters():
        # all weights positive: no path to the logit cancels another
        nn.init.uniform_(parameter, 0.01, 0.02)
    x = torch.rand(1, 2, side, side, dtype=torch.float64, requires_grad=True)
    (logits,) = critic(x).logits
    (gradient,) = torch.autograd.grad(logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2], x)
    rows, columns = gradient[0].abs().sum(0).nonzero(as_tuple=True)
    assert rows.min() > 0, "the field must not be cut off"
    assert rows.max() < side - 1
    height, width = int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1
    assert height == width
    return height


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70), (4, 142), (5, 286)])
def test_receptive_field(layers, field):
    # batch normalisation would let each logit see the whole picture through its statistics
    critic = CRITICS["patchgan"](width=1, layers=layers, norm="none").build(in_channels=2, size=None)
    assert seen(critic, field + 66) == field


def test_pixelgan_judges_each_pixel_by_itself():
    critic = CRITICS["pixelgan"](width=2, norm="none").build(in_channels=2, size=None)
    assert seen(critic, 9) == 1


@pytest.mark.parametrize(("layers", "side"), [(1, 126), (2, 62), (3, 30), (4, 14), (5, 6)])
def test_maps_at_256_px(layers, side):
    with torch.device("meta"):
        critic = CRITICS["patchgan"](layers=layers).build(in_channels=6, size=256)
        verdict = critic(torch.empty(2, 6, 256, 256))
    assert [tuple(logits.shape) for logits in verdict.logits] == [(2, 1, side, side)]
    assert [feature.shape[1] for feature in verdict.features] == [64 * min(8, 2**n) for n in range(layers + 1)]


def test_logits_are_no_probabilities():
    torch.manual_seed(0)
    critic = CRITICS["patchgan"](width=2).build(in_channels=3, size=None)
    nn.init.constant_(critic.last.bias, 5.0)
    assert critic(torch.randn(1, 3, 64, 64)).logits[0].mean() > 3


def test_features_come_after_their_activation():
    torch.manual_seed(0)
    critic = CRITICS["patchgan"](width=4, norm="none").build(in_channels=3, size=None)
    x = torch.randn(1, 3, 64, 64)
    features = critic(x).features
    for block, feature in zip(critic.blocks, features, strict=True):
        x = nn.functional.leaky_relu(block[0](x), 0.2)
        assert torch.equal(x, feature)


@pytest.mark.parametrize(("norm", "biases"), [("batch", [True, False, False, False, True]), ("instance", [True] * 5)])
def test_biases_and_norms(norm, biases):
    critic = CRITICS["patchgan"](width=2, norm=norm).build(in_channels=3, size=None)
    convolutions = [part for part in critic.modules() if isinstance(part, nn.Conv2d)]
    assert [part.bias is not None for part in convolutions] == biases
    # a critic judges real and fake by their own statistics and keeps none
    assert [name for name, _ in critic.named_buffers()] == []
