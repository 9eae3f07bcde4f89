"""PAN's transformation network and critic, layer by layer as published."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu

from img2img.errors import UserError
from img2img.networks import CRITICS, GENERATORS


def generator(**options) -> nn.Module:
    return GENERATORS["pan"](**options).build(in_channels=3, out_channels=3, size=256)


def critic(size: int = 64, channels: int = 3, **options) -> nn.Module:
    return CRITICS["pan"](**options).build(in_channels=channels, size=size)


def test_layers_of_the_6_6_form():
    with torch.device("meta"):
        network = generator()
        shapes: list[tuple[int, ...]] = []
        for layer in (*network.convs, *network.deconvs, network.last):
            layer.register_forward_hook(lambda _, given, made: shapes.append((given[0].shape[1], *made.shape[1:3])))
        network(torch.empty(1, 3, 256, 256))
    assert shapes == [
        (3, 64, 128),
        (64, 128, 64),
        (128, 256, 32),
        (256, 512, 16),
        (512, 512, 8),
        (512, 512, 4),
        (512, 512, 8),
        (1024, 256, 16),
        (768, 128, 32),
        (384, 64, 64),
        (192, 64, 128),
        (64, 3, 256),
    ]
    assert [isinstance(norm, nn.BatchNorm2d) for norm in network.norms] == [False, *[True] * 5]


def test_layers_of_the_8_8_form():
    with torch.device("meta"):
        network = generator(form="8+8", dropout=True)
    assert [conv.out_channels for conv in network.convs] == [64, 128, 256, *[512] * 5]
    assert [(up.in_channels, up.out_channels) for up in (*network.deconvs, network.last)] == [
        (512, 512),
        (1024, 512),
        (1024, 512),
        (1024, 512),
        (1024, 256),
        (512, 128),
        (256, 64),
        (128, 3),
    ]
    assert [isinstance(norm, nn.BatchNorm2d) for norm in network.norms] == [*[True] * 7, False]
    assert [any(isinstance(part, nn.Dropout) for part in up.modules()) for up in network.upnorms] == [
        *[True] * 3,
        *[False] * 4,
    ]


@pytest.mark.parametrize("form", ["6+6", "8+8"])
@pytest.mark.parametrize("skip", ["after_norm", "before_norm"])
def test_skips_carry_the_tensor_that_is_asked_for(form, skip):
    torch.manual_seed(0)
    network = generator(width=4, form=form, skip=skip)
    raw: list[Tensor] = []
    normed: list[Tensor] = []
    seen: list[Tensor] = []
    for conv, norm in zip(network.convs, network.norms, strict=True):
        conv.register_forward_hook(lambda _, given, made: raw.append(made))
        norm.register_forward_hook(lambda _, given, made: normed.append(made))
    for layer in (*network.deconvs, network.last):
        layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network(torch.randn(2, 3, 256, 256))
    kept, other = (normed, raw) if skip == "after_norm" else (raw, normed)
    mirrored = range(len(raw) - 2, 0 if form == "6+6" else -1, -1)
    for given, level in zip(seen[1:], mirrored, strict=False):
        tail = given[:, -kept[level].shape[1] :]
        assert torch.equal(tail, relu(kept[level]))
        assert not torch.equal(tail, relu(other[level]))
    assert torch.equal(seen[0], leaky_relu(normed[-1], 0.2))


def test_feature_layers_of_the_critic():
    with torch.device("meta"):
        verdict = critic(256)(torch.empty(2, 3, 256, 256))
    shapes = {number: tuple(feature.shape[1:]) for number, feature in enumerate(verdict.features, 1)}
    assert len(shapes) == 9
    assert {number: shapes[number] for number in (1, 4, 6, 8)} == {
        1: (64, 256, 256),
        4: (256, 64, 64),
        6: (512, 32, 32),
        8: (512, 16, 16),
    }
    assert [tuple(logits.shape) for logits in verdict.logits] == [(2, 1)]


@pytest.mark.parametrize("first", ["lrelu", "tanh"])
@pytest.mark.parametrize("last", ["lrelu", "linear"])
def test_activations_of_the_critic(first, last):
    torch.manual_seed(0)
    network = critic(width=4, first=first, last=last)
    x = torch.randn(2, 3, 64, 64)
    verdict = network(x)
    start = network.layers[0][0](x)
    assert torch.equal(verdict.features[0], torch.tanh(start) if first == "tanh" else leaky_relu(start, 0.2))
    end = network.layers[8][0](verdict.features[7])
    assert torch.equal(verdict.features[8], end if last == "linear" else leaky_relu(end, 0.2))
    assert torch.equal(verdict.logits[0], network.linear(verdict.features[8].flatten(1)))
    middle = network.layers[3][1](network.layers[3][0](verdict.features[2]))
    assert torch.equal(verdict.features[3], leaky_relu(middle, 0.2))


def test_norms_of_the_critic_judge_by_the_batch_alone():
    network = critic(width=4)
    normed = [any(isinstance(part, nn.BatchNorm2d) for part in layer) for layer in network.layers]
    assert normed == [False, *[True] * 7, False]
    assert [name for name, _ in network.named_buffers()] == []
    assert all(layer[0].bias is not None for layer in network.layers)
    x = torch.randn(2, 3, 64, 64)
    assert torch.equal(network.eval()(x).logits[0], network.train()(x).logits[0])


@pytest.mark.parametrize("size", [None, 16, 100, 255])
def test_crops_that_the_critic_cannot_take(size):
    with pytest.raises(UserError, match="multiple of 32 px"):
        CRITICS["pan"]().build(in_channels=3, size=size)


def test_the_critic_says_for_which_size_it_was_built():
    with pytest.raises(UserError, match=r"built for 64x64 px .* got 96x64"):
        critic(width=4)(torch.zeros(1, 3, 64, 96))
