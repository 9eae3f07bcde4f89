"""Spectral norm and self-attention against their formulas; what must survive copies, averages and files."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from img2img.compute.distributed import World
from img2img.config import choose
from img2img.engine.optimizers import OPTIMIZERS
from img2img.engine.player import Player
from img2img.errors import UserError
from img2img.networks import CRITICS, GENERATORS
from img2img.networks.attention import SelfAttention
from img2img.networks.init import initialize
from img2img.randomness import torch_generator


def largest_singular_value(weight: torch.Tensor) -> float:
    return float(torch.linalg.svdvals(weight.detach().flatten(1).double())[0])


def critic(name: str = "dcgan", **options: object) -> nn.Module:
    network = CRITICS[name](width=8, spectral=True, **options).build(in_channels=3, size=16)
    initialize(network, "kaiming", torch_generator(0, "test"))
    return network


@pytest.mark.parametrize(
    ("name", "options"), [("dcgan", {"norm": "none"}), ("mlp", {"norm": "none"}), ("sn_resnet", {"attention": True})]
)
def test_every_layer_has_the_spectral_norm_one(name, options):
    network = critic(name, **options)
    for _ in range(60):
        network(torch.randn(2, 3, 16, 16))
    network.eval()
    layers = [part for part in network.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    assert len(layers) >= 3
    for layer in layers:
        assert largest_singular_value(layer.weight) == pytest.approx(1, abs=0.02)
        original = layer.parametrizations["weight"].original
        assert torch.allclose(layer.weight, original / largest_singular_value(original), atol=0.02)


def test_a_step_moves_the_weight_and_copies_share_nothing():
    network = nn.ModuleDict({"critic": critic(norm="none")})
    player = Player(
        network, choose(OPTIMIZERS, {"name": "adam", "lr": 0.01}, "o", "o"), World(), ema_half_life_images=4
    )
    twin = player.fork()
    x = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    before = {name: value.clone() for name, value in player.networks.state_dict().items()}
    twin.apply(twin.gradients(twin["critic"](x).logits[0].mean()))
    for name, value in player.networks.state_dict().items():
        assert torch.equal(value, before[name]), name
    moved = twin.networks.state_dict()
    assert all(not torch.equal(moved[name], before[name]) for name in before if name.endswith("original"))
    assert twin.ema is not None
    twin.ema.update(twin.networks, 4)
    for name, value in twin.ema.state_dict().items():
        if name.endswith(("_u", "_v")):
            assert torch.equal(value, moved[name])
    again = nn.ModuleDict({"critic": critic(norm="none")})
    again.load_state_dict({name: value.contiguous() for name, value in moved.items()})
    assert torch.equal(again.eval()["critic"](x).logits[0], twin.networks.eval()["critic"](x).logits[0])


def test_attention_is_its_formula_written_with_loops():
    torch.manual_seed(0)
    block = SelfAttention(8, normalised=False)
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(block(x), x)
    block.gain.data.fill_(0.7)
    made = block(x)
    query, key, value = block.query(x), block.key(x), block.value(x)
    for row in range(2):
        keys = [key[row, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].amax((1, 2)) for i in range(2) for j in range(2)]
        values = [value[row, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].amax((1, 2)) for i in range(2) for j in range(2)]
        for i in range(4):
            for j in range(4):
                scores = torch.stack([query[row, :, i, j] @ k for k in keys]).softmax(0)
                seen = sum(score * v for score, v in zip(scores, values, strict=True))
                expected = x[row, :, i, j] + 0.7 * (block.last.weight[:, :, 0, 0] @ seen)
                assert torch.allclose(made[row, :, i, j], expected, atol=1e-5)


@pytest.mark.parametrize("size", [8, 28, 32, 72])
def test_residual_pair_at_every_side(size):
    generator = GENERATORS["sn_resnet"](width=8, attention=True, spectral=True)
    made = generator.build(in_channels=6, out_channels=3, size=size)(torch.randn(2, 6))
    assert made.shape == (2, 3, size, size)
    assert made.abs().max() <= 1
    verdict = CRITICS["sn_resnet"](width=8, attention=True).build(in_channels=3, size=size)(made)
    assert verdict.logits[0].shape == (2, 1)


def test_channels_of_a_generator_are_counted():
    with pytest.raises(UserError, match="2 numbers; 32 px take 3, or 4 with a last convolution"):
        GENERATORS["dcgan"](channels=(8, 8)).build(in_channels=6, out_channels=3, size=32)
