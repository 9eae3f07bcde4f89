"""Published parameter counts, on the meta device."""

from __future__ import annotations

import pytest
import torch

from img2img.networks import CRITICS, GENERATORS
from img2img.networks.base import count_parameters


@pytest.mark.parametrize(
    ("name", "options", "size", "count"),
    [
        ("unet", {}, 256, 54_413_955),
        ("unet", {}, 128, 41_828_995),
        ("pan", {}, 256, 16_831_875),
        ("pan", {"skip": "before_norm", "dropout": True}, 256, 16_831_875),
        ("pan", {"form": "8+8"}, 256, 45_873_987),
        ("idcgan", {}, 256, 263_686),
        ("resnet", {}, 256, 11_378_179),
        ("resnet", {}, 128, 7_837_699),
        ("resnet", {"blocks": 9}, 128, 11_378_179),
        ("residual", {}, 128, 176_700),
        # by hand: 6 blocks of 48, 6 of 72, 6 of 108 -> 112 channels, their gates, and what joins them
        ("restorer", {}, 128, 2_331_328),
        ("spade", {}, 256, 92_059_587),
        ("restorer", {"stages": 4}, 128, 2_331_328 + 3 * 4 * 48 * 9),
    ],
)
def test_generators(name, options, size, count):
    with torch.device("meta"):
        network = GENERATORS[name](**options).build(in_channels=3, out_channels=3, size=size)
    assert count_parameters(network) == count


@pytest.mark.parametrize(
    ("name", "options", "channels", "size", "count"),
    [
        ("patchgan", {"layers": 1}, 6, 256, 139_585),
        ("patchgan", {"layers": 2}, 6, 256, 666_433),
        ("patchgan", {}, 6, 256, 2_768_705),
        ("patchgan", {"layers": 4}, 6, 256, 6_964_033),
        ("patchgan", {"layers": 5}, 6, 256, 11_159_361),
        ("patchgan", {"norm": "instance"}, 3, 256, 2_764_737),
        ("pixelgan", {}, 6, 256, 9_024),
        ("pan", {}, 3, 256, 7_050_249),
        ("pan", {}, 3, 128, 7_049_865),
        ("pan", {}, 6, 256, 7_051_977),
        ("pan", {"first": "tanh", "last": "linear"}, 3, 256, 7_050_249),
    ],
)
def test_critics(name, options, channels, size, count):
    with torch.device("meta"):
        network = CRITICS[name](**options).build(in_channels=channels, size=size)
    assert count_parameters(network) == count
