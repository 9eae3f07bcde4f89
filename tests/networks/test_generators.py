"""What inference relies on: any size in and out, the radius each network states; and the pieces of single networks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu
from translators import translator

from img2img.errors import UserError
from img2img.networks import CRITICS, GENERATORS
from img2img.networks.base import Generator

PICTURES = {
    "unet": {"name": "unet", "width": 4},
    "unet instance": {"name": "unet", "width": 4, "norm": "instance"},
    "unet none": {"name": "unet", "width": 4, "norm": "none", "downs": 3},
    "pan 6+6": {"name": "pan", "width": 4},
    "pan 8+8": {"name": "pan", "width": 4, "form": "8+8", "skip": "before_norm", "dropout": True},
    "idcgan": {"name": "idcgan", "width": 4},
    "resnet": {"name": "resnet", "width": 4, "blocks": 2},
    "resnet batch": {"name": "resnet", "width": 4, "blocks": 2, "norm": "batch"},
    "resnet global": {"name": "resnet", "width": 2, "blocks": 1, "downs": 4},
    "residual": {"name": "residual", "width": 4},
    "pan neck": {"name": "pan", "width": 4, "form": "neck", "neck": 160},
    "context_encoder": {"name": "context_encoder", "width": 4, "neck": 160},
    "restorer": {"name": "restorer", "width": 4, "blocks": (1, 1)},
    "spade": {"name": "spade", "width": 2, "hidden": 4},
    "restorer stages": {"name": "restorer", "width": 4, "blocks": (1, 2, 1), "factor": 1, "stages": 2},
}
NECKS = {"pan neck", "context_encoder"}


def test_every_generator_of_pictures_is_here():
    no_pictures = {"dcgan", "mlp", "projection", "sn_resnet"}
    assert {options["name"] for options in PICTURES.values()} == set(GENERATORS) - no_pictures


@pytest.mark.parametrize("norm", ["running", "batch"])
@pytest.mark.parametrize("name", PICTURES)
def test_any_height_and_width(name, norm):
    if norm == "batch" and name in NECKS:
        pytest.skip("refused: see tests/flows/test_patch.py")
    dropout = norm == "batch"
    made = translator({**PICTURES[name], "inference": {"norm": norm, "dropout": dropout}}, size=256)
    for height, width in ((1, 1), (3, 5), (1, 40), (67, 2), (64, 64)):
        x = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(height)) * 2 - 1
        y = made.tensor(x)
        assert y.shape == x.shape
        assert torch.isfinite(y).all()
        assert y.abs().max() <= 1


# a neck of 1x1 has one value a channel at batch 1, whatever the size
@pytest.mark.parametrize("name", [name for name in PICTURES if name not in NECKS])
def test_minimum_is_the_least_side_at_which_batch_1_trains(name):
    options = dict(PICTURES[name])
    network = GENERATORS[options.pop("name")](**options).build(in_channels=3, out_channels=3, size=256).train()
    assert network.minimum % network.multiple == 0
    x = torch.randn(1, 3, network.minimum, network.minimum)
    assert torch.isfinite(network(x)).all()


def reach(network: Generator, side: int) -> int:
    """The furthest input pixel (per axis) that any output pixel near the middle depends on, statistics fixed."""
    network.double().eval()
    for parameter in network.parameters():
        # all weights positive and the signal small: no path cancels, no activation is cut off
        nn.init.uniform_(parameter, 0.5 / parameter[0].numel(), 1.0 / parameter[0].numel())
    x = torch.rand(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    y = network(x).sum(1)
    furthest = 0
    # one output pixel of each phase of the network's strides
    for middle in range(side // 2, side // 2 + max(2, network.multiple)):
        (gradient,) = torch.autograd.grad(y[0, middle, middle], x, retain_graph=True)
        touched = gradient[0].abs().sum(0).nonzero()
        assert touched.min() > 0, "the field must not be cut off"
        assert touched.max() < side - 1
        furthest = max(furthest, int((touched - middle).abs().max()))
    return furthest


@pytest.mark.parametrize(
    ("name", "options", "side"),
    [
        ("residual", {"width": 2}, 72),
        ("residual", {"width": 2, "blocks": 1}, 48),
        ("residual", {"width": 2, "blocks": 6}, 96),
        ("restorer", {"width": 4, "growth": 1, "blocks": (1,), "factor": 4, "gate": False}, 64),
        ("restorer", {"width": 4, "growth": 1, "blocks": (2, 1), "factor": 1, "gate": False}, 64),
        ("restorer", {"width": 4, "growth": 1, "blocks": (1, 1, 1), "factor": 2, "gate": False}, 192),
        ("idcgan", {"width": 4}, 32),
        ("idcgan", {"width": 4, "skip": "before"}, 32),
        ("resnet", {"width": 1, "blocks": 2, "norm": "batch"}, 72),
        ("resnet", {"width": 1, "blocks": 4, "norm": "none"}, 104),
        ("resnet", {"width": 1, "blocks": 1, "norm": "none", "downs": 1}, 48),
        ("resnet", {"width": 1, "blocks": 1, "norm": "none", "downs": 3}, 96),
    ],
)
def test_radius_is_how_far_an_output_pixel_looks(name, options, side):
    network = GENERATORS[name](**options).build(in_channels=3, out_channels=3, size=64)
    assert reach(network, side) == network.radius


@pytest.mark.parametrize(
    "name",
    ["unet", "unet instance", "pan 6+6", "pan 8+8", "resnet", "resnet global", "restorer", "restorer stages", "spade"],
)
def test_networks_that_look_at_the_whole_picture_say_so(name):
    options = dict(PICTURES[name])
    assert GENERATORS[options.pop("name")](**options).build(in_channels=3, out_channels=3, size=256).radius is None


@pytest.mark.parametrize("skip", ["activated", "before"])
def test_idcgan_adds_layers_2_and_4_to_the_mirrored_ones(skip):
    """The published table written out: full size throughout, a neck of one channel."""
    torch.manual_seed(0)
    network = GENERATORS["idcgan"](width=8, skip=skip).build(in_channels=3, out_channels=3, size=None)
    x = torch.randn(2, 3, 12, 9)
    y, kept = x, []
    for conv, norm in zip(network.down, network.down_norms, strict=True):
        y = norm(conv(y))
        kept.append(leaky_relu(y, 0.2) if skip == "activated" else y)
        y = leaky_relu(y, 0.2)
    assert y.shape == (2, 1, 12, 9)
    for place, (deconv, norm) in enumerate(zip(network.up, network.up_norms, strict=True)):
        y = norm(deconv(y)) + {1: kept[3], 3: kept[1]}.get(place, torch.zeros(()))
        y = relu(y)
    assert torch.equal(network(x), torch.tanh(network.last(y)))
    assert isinstance(network.down_norms[0], nn.Identity)


@pytest.mark.parametrize("name", ["residual", "restorer", "restorer stages"])
def test_an_untrained_residual_network_gives_its_input_back(name):
    made = translator(PICTURES[name])
    x = torch.rand(2, 3, 17, 30) * 2 - 1
    assert torch.equal(made.tensor(x), x)


def test_restorer_stages_share_their_weights_and_go_on_from_each_other():
    """Two stages written out: the second sees the first's result, and its innermost features."""
    torch.manual_seed(0)
    options = {"width": 8, "blocks": (1, 1), "factor": 2, "stages": 2}
    network = GENERATORS["restorer"](**options).build(in_channels=3, out_channels=3, size=None)
    x = torch.randn(1, 3, 8, 12)
    first = network.first(network.unshuffle(torch.cat((x, x), 1)))
    skip = network.encoders[0](first)
    inner = network.middle(network.downs[0](skip))
    result = x + network.shuffle(network.last(network.decoders[0](network.ups[0](inner) + skip)))
    skip = network.encoders[0](network.first(network.unshuffle(torch.cat((x, result), 1))))
    inner = network.middle(network.downs[0](skip) + inner)
    expected = result + network.shuffle(network.last(network.decoders[0](network.ups[0](inner) + skip)))
    assert torch.equal(network(x), expected)
    assert not torch.equal(expected, result)


@pytest.mark.parametrize(("size", "blocks"), [(256, 9), (128, 6), (None, 9)])
def test_resnet_blocks_follow_the_crop(size, blocks):
    with torch.device("meta"):
        network = GENERATORS["resnet"]().build(in_channels=3, out_channels=3, size=size)
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds.count("_Block") == blocks
    norms = [layer for layer in network.modules() if isinstance(layer, nn.InstanceNorm2d)]
    assert not any(norm.affine or norm.track_running_stats for norm in norms)


def test_resnet_has_no_activation_after_the_sum():
    torch.manual_seed(0)
    network = GENERATORS["resnet"](width=2, blocks=1).build(in_channels=3, out_channels=3, size=None)
    sums: list[Tensor] = []
    block = next(layer for layer in network.layers if type(layer).__name__ == "_Block")
    block.register_forward_hook(lambda _, given, made: sums.extend((given[0] + block.body(given[0]), made)))
    network(torch.randn(1, 3, 16, 16))
    assert torch.equal(*sums)
    assert (sums[1] < 0).any()


@pytest.mark.parametrize("size", [8, 32, 64])
def test_dcgan_is_sized_by_the_picture(size):
    generator = GENERATORS["dcgan"](width=4).build(in_channels=10, out_channels=3, size=size)
    made = generator(torch.randn(2, 10))
    assert made.shape == (2, 3, size, size)
    verdict = CRITICS["dcgan"](width=4).build(in_channels=3, size=size)(made)
    assert verdict.logits[0].shape == (2, 1)
    assert verdict.features[-1].shape[2:] == (4, 4)
    assert generator.latent == 10


@pytest.mark.parametrize("size", [14, 28, 56])
def test_dcgan_makes_digits_at_their_size(size):
    made = GENERATORS["dcgan"](width=4).build(in_channels=10, out_channels=3, size=size)(torch.randn(2, 10))
    assert made.shape == (2, 3, size, size)
    verdict = CRITICS["dcgan"](width=4).build(in_channels=3, size=size)(made)
    assert verdict.features[-1].shape[2:] == (7, 7)


@pytest.mark.parametrize("size", [None, 4, 17, 69])
def test_sizes_that_dcgan_cannot_make(size):
    for build in (
        lambda: GENERATORS["dcgan"]().build(in_channels=10, out_channels=3, size=size),
        lambda: CRITICS["dcgan"]().build(in_channels=3, size=size),
    ):
        with pytest.raises(UserError, match="the picture side must be 4 to 16 px doubled once or more, got"):
            build()


def test_mlp_maps_vectors():
    generator = GENERATORS["mlp"](width=16).build(in_channels=4, out_channels=2, size=None)
    made = generator(torch.randn(5, 4))
    assert made.shape == (5, 2)
    assert generator.vector
    critic = CRITICS["mlp"](width=16).build(in_channels=2, size=None)
    verdict = critic(made)
    assert verdict.logits[0].shape == (5, 1)
    assert [feature.shape for feature in verdict.features] == [(5, 16)] * 3
    # a ReLU network is piecewise linear: its output is not squashed
    assert generator(torch.randn(5, 4) * 1e4).abs().max() > 10
