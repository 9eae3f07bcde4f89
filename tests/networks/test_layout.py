"""Channels last: as a network says, else as the device and its layers have it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from img2img.networks import CRITICS, GENERATORS
from img2img.networks.dcgan import DcganD, DcganG
from img2img.networks.layout import is_channels_last, to_device

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


def generator(name: str, **options) -> nn.Module:
    return GENERATORS[name](width=8, **options).build(in_channels=3, out_channels=3, size=64)


def critic(**options) -> nn.Module:
    return CRITICS["patchgan"](width=8, **options).build(in_channels=3, size=64)


@pytest.mark.parametrize(
    ("network", "on_cpu", "on_cuda"),
    [
        (generator("unet"), False, True),
        (generator("unet", norm="instance"), False, False),
        (generator("resnet"), False, False),
        # reflection works in channels first too
        (generator("resnet", norm="batch"), False, False),
        (generator("idcgan"), True, True),
        (critic(), True, True),
        (critic(norm="instance"), False, False),
        (critic(norm="none"), True, True),
        (DcganG().build(in_channels=8, out_channels=3, size=32), True, True),
        (DcganG(norm="instance").build(in_channels=8, out_channels=3, size=32), False, False),
        (DcganD(norm="none").build(in_channels=3, size=32), True, True),
        (DcganD(norm="instance").build(in_channels=3, size=32), False, False),
    ],
)
def test_where_channels_are_last(network, on_cpu, on_cuda):
    assert is_channels_last(network, CPU) is on_cpu
    assert is_channels_last(network, CUDA) is on_cuda


@pytest.mark.parametrize("said", [True, False])
def test_a_network_has_the_last_word(said):
    network = generator("unet", norm="instance" if said else "batch")
    network.channels_last = said
    assert is_channels_last(network, CPU) is is_channels_last(network, CUDA) is said


@pytest.mark.parametrize("said", [True, None])
def test_the_weights_lie_so(said):
    network = generator("unet")
    network.channels_last = said
    before = {name: value.clone() for name, value in network.state_dict().items()}
    to_device(network, CPU)
    weight = network.encoder[1][0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last) is bool(said)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
