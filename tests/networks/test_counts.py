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
        ("pan", {"form": "neck"}, 128, 69_896_291),
        ("context_encoder", {}, 128, 71_130_531),
        ("idcgan", {}, 256, 263_686),
        ("resnet", {}, 256, 11_378_179),
        ("resnet", {}, 128, 7_837_699),
        ("resnet", {"blocks": 9}, 128, 11_378_179),
        # pix2pixHD's global generator by hand: 112,960 less 33 x 64 x 49 in, 6,268,800 down, 9 x 18,876,416 in the
        # blocks, 6,267,840 up, 9,411 out
        ("resnet", {"downs": 4, "blocks": 9}, 256, 182_443_267),
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


def test_pix2pixhds_global_generator_at_its_own_36_inputs():
    """One-hot labels of 35 classes beside the boundary map; by hand, as nothing is published."""
    with torch.device("meta"):
        network = GENERATORS["resnet"](downs=4, blocks=9).build(in_channels=36, out_channels=3, size=512)
    assert count_parameters(network) == 182_546_755


def linear(given, made):
    return given * made + made


def conv(given, made, kernel=4):
    return given * made * kernel**2 + made


@pytest.mark.parametrize(
    ("name", "options", "z", "size", "count"),
    [
        # E-GAN's program at 32 px: projected to 4x4x512, then 256, 128, 3
        (
            "dcgan",
            {"width": 128, "norm": "none"},
            100,
            32,
            linear(100, 512 * 16) + conv(512, 256) + conv(256, 128) + conv(128, 3),
        ),
        # its 64 px: 1024, then 1024, 512, 512, 256, and k3 to the picture
        (
            "dcgan",
            {"channels": (1024, 1024, 512, 512, 256), "norm": "none"},
            100,
            64,
            linear(100, 1024 * 16)
            + conv(1024, 1024)
            + conv(1024, 512)
            + conv(512, 512)
            + conv(512, 256)
            + conv(256, 3, 3),
        ),
        ("dcgan", {"width": 32}, 100, 28, linear(100, 64 * 49) + 128 + conv(64, 32) + 64 + conv(32, 3)),
        # SNGAN, table 4: three blocks of two k3 and a k1, two norms each
        (
            "sn_resnet",
            {},
            128,
            32,
            linear(128, 4096) + 3 * (2 * conv(256, 256, 3) + conv(256, 256, 1) + 4 * 256) + 512 + conv(256, 3, 3),
        ),
        # the 2014 GAN on digits of three channels
        ("mlp", {}, 100, 28, linear(100, 512) + 2 * linear(512, 512) + linear(512, 3 * 28 * 28)),
    ],
)
def test_generators_from_noise(name, options, z, size, count):
    with torch.device("meta"):
        network = GENERATORS[name](**options).build(in_channels=z, out_channels=3, size=size)
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
        # the authors' program has two scales, their paper three
        ("multiscale", {"scales": 2}, 6, 256, 5_535_618),
        ("multiscale", {}, 6, 256, 3 * 2_767_809),
        ("pixelgan", {}, 6, 256, 9_024),
        ("pan", {}, 3, 256, 7_050_249),
        ("pan", {}, 3, 128, 7_049_865),
        ("pan", {}, 6, 256, 7_051_977),
        ("pan", {"first": "tanh", "last": "linear"}, 3, 256, 7_050_249),
        # of a patch of 64 px: 128 inputs to the last layer, as at 128 px otherwise
        ("pan", {"form": "patch"}, 3, 64, 7_049_865),
        # Context-Encoder's: its last convolution covers a map of 4x4
        ("dcgan", {}, 3, 64, 2_766_529),
        ("dcgan", {"width": 128}, 3, 32, conv(3, 128) + conv(128, 256) + 512 + conv(256, 512) + 1024 + 512 * 16 + 1),
        ("dcgan", {"width": 128, "norm": "none", "spectral": True}, 3, 32, 2_638_209 - 512 - 1024),
        ("sn_resnet", {}, 3, 32, 1_053_825),
        # queries and keys C/8, values C/2, back to C, the gain
        ("sn_resnet", {"attention": True}, 3, 32, 1_053_825 + 128 * (16 + 16 + 64) + 64 * 128 + 1),
        ("mlp", {"norm": "none"}, 3, 28, linear(3 * 28 * 28, 512) + 2 * linear(512, 512) + 512 + 1),
    ],
)
def test_critics(name, options, channels, size, count):
    with torch.device("meta"):
        network = CRITICS[name](**options).build(in_channels=channels, size=size)
    assert count_parameters(network) == count
