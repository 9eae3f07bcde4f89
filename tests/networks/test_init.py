"""Initial weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from img2img.errors import UserError
from img2img.networks import CRITICS, GENERATORS
from img2img.networks.init import INITS, initialize
from img2img.randomness import torch_generator


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def critic(**options) -> nn.Module:
    network = CRITICS["pan"](width=16, **options).build(in_channels=3, size=64)
    initialize(network, "normal", seeded())
    return network


def test_normal_is_that_of_pix2pix():
    network = critic()
    weights = [layer[0].weight for layer in network.layers]
    assert all(weight.std().item() == pytest.approx(0.02, rel=0.12) for weight in weights)
    everything = torch.cat([weight.flatten() for weight in weights])
    assert everything.mean().item() == pytest.approx(0, abs=1e-4)
    assert everything.std().item() == pytest.approx(0.02, rel=0.01)
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    gains = torch.cat([norm.weight for norm in norms])
    assert gains.mean().item() == pytest.approx(1, abs=0.003)
    assert gains.std().item() == pytest.approx(0.02, rel=0.15)
    biases = [value for name, value in network.named_parameters() if name.endswith("bias")]
    assert len(biases) == 9 + len(norms) + 1
    assert not any(bias.any() for bias in biases)


def test_the_release_starts_its_first_layers_wider():
    network = critic(first="tanh")
    assert network.layers[0][0].weight.std().item() == pytest.approx(0.5, rel=0.1)
    assert network.layers[1][0].weight.std().item() == pytest.approx(0.02, rel=0.1)
    generator = GENERATORS["pan"](width=16, first_std=0.05).build(in_channels=3, out_channels=3, size=None)
    initialize(generator, "normal", seeded())
    assert generator.convs[0].weight.std().item() == pytest.approx(0.05, rel=0.1)
    assert generator.convs[1].weight.std().item() == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize("name", INITS)
def test_weights_are_a_function_of_the_seed(name):
    def made(seed: int) -> torch.Tensor:
        network = GENERATORS["unet"](width=4).build(in_channels=3, out_channels=3, size=32)
        initialize(network, name, seeded(seed))
        return nn.utils.parameters_to_vector(network.parameters())

    torch.manual_seed(1)
    first = made(0)
    torch.manual_seed(2)
    assert torch.equal(first, made(0))
    assert not torch.equal(first, made(1))


def test_other_names():
    layer = nn.Linear(400, 100)
    initialize(layer, "orthogonal", seeded())
    assert torch.allclose(layer.weight @ layer.weight.T, torch.eye(100), atol=1e-5)
    initialize(layer, "xavier", seeded())
    assert layer.weight.std().item() == pytest.approx((2 / 500) ** 0.5, rel=0.02)
    initialize(layer, "kaiming", seeded())
    # He et al. 2015, eq. 15, for the LeakyReLU of 0.2
    assert layer.weight.std().item() == pytest.approx((2 / (1.04 * 400)) ** 0.5, rel=0.02)
    with pytest.raises(UserError, match=r"train\.init: unknown initialisation 'norml'; did you mean 'normal'"):
        initialize(layer, "norml", seeded())


def test_layers_that_need_another_initialisation_keep_it():
    network = GENERATORS["residual"](width=16).build(in_channels=3, out_channels=3, size=None)
    initialize(network, "normal", seeded())
    assert not network.last.weight.any()
    # without norms N(0, 0.02) would let the signal vanish
    assert network.blocks[0][0].weight.std().item() == pytest.approx((2 / (1.04 * 16 * 9)) ** 0.5, rel=0.05)


def spectral(seed: int, name: str = "normal") -> nn.Module:
    network = nn.Sequential(spectral_norm(nn.Conv2d(3, 8, 3)), nn.ReLU(), spectral_norm(nn.Conv2d(8, 16, 3)))
    initialize(network, name, torch_generator(seed))
    return network


def test_under_a_spectral_norm_the_original_weight_is_set():
    network = spectral(0)
    for layer in (network[0], network[2]):
        assert layer.parametrizations.weight.original.std().item() == pytest.approx(0.02, rel=0.1)
        largest = torch.linalg.svdvals(layer.weight.detach().flatten(1))[0].item()
        assert largest == pytest.approx(1, rel=0.02)
        assert layer.bias.abs().max() == 0


def test_a_spectral_norm_is_a_function_of_the_seed():
    torch.manual_seed(1)
    one = spectral(5).state_dict()
    torch.manual_seed(2)
    other, third = spectral(5).state_dict(), spectral(6).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    vectors = [name for name in one if name.endswith("_u")]
    assert len(vectors) == 2
    assert not any(torch.equal(one[name], third[name]) for name in vectors)
