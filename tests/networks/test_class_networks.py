"""Networks that are told a class, against the formulas."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import one_hot, relu

from img2img.networks import CRITICS, GENERATORS
from img2img.networks.classes import ClassNorm
from img2img.networks.init import initialize

K, PICTURE = 3, {"dcgan": {"width": 4}, "sn_resnet": {"width": 4}, "mlp": {"width": 8}}


def rows(*labels: int) -> torch.Tensor:
    return one_hot(torch.tensor(labels), K).float()


def critic(name: str, **options: object) -> torch.nn.Module:
    network = CRITICS[name](**PICTURE[name], **options).build(in_channels=3, size=16, classes=K)
    initialize(network, "normal", torch.Generator().manual_seed(0))
    return network


def generator(name: str, **options: object) -> torch.nn.Module:
    network = GENERATORS[name](**PICTURE[name], **options).build(in_channels=5, out_channels=3, size=16, classes=K)
    initialize(network, "normal", torch.Generator().manual_seed(0))
    return network


# what each critic's last linear layer looks at: h of Miyato and Koyama 2018
LOOKED_AT = {
    "dcgan": ("linear", lambda features: features[-1].flatten(1)),
    "sn_resnet": ("linear", lambda features: relu(features[-1]).sum((2, 3))),
    "mlp": ("last", lambda features: features[-1]),
}


@pytest.mark.parametrize("name", LOOKED_AT)
@pytest.mark.parametrize("normalised", [True, False])
def test_a_projection_critic_adds_the_product_with_its_class(name, normalised):
    network = (
        critic(name, norm="none", spectral=normalised) if name != "sn_resnet" else critic(name, spectral=normalised)
    )
    # in evaluation a spectral norm's vectors stand still
    network.eval()
    x = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    labels = [2, 0, 1, 2]
    verdict = network(x, classes=rows(*labels))
    linear, look = LOOKED_AT[name]
    h = look(verdict.features)
    for number, label in enumerate(labels):
        unconditional = getattr(network, linear)(h[number])
        # embed is a matrix (features, K): its column is the class's vector
        expected = unconditional + torch.dot(network.projection.embed.weight[:, label], h[number])
        torch.testing.assert_close(verdict.logits[0][number], expected, rtol=1e-4, atol=1e-5)
    if normalised:
        assert torch.linalg.matrix_norm(network.projection.embed.weight, 2).item() == pytest.approx(1, abs=0.05)


def test_class_norm_by_hand():
    norm = ClassNorm(2, K)
    with torch.no_grad():
        norm.gain.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
        norm.bias.copy_(torch.tensor([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]))
    x = torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    labels = [2, 0, 0, 1]
    made = norm(x, rows(*labels))
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    for number, label in enumerate(labels):
        for channel in range(2):
            straight = (x[number, channel] - mean[channel]) / (variance[channel] + 1e-5).sqrt()
            expected = straight * norm.gain[label, channel] + norm.bias[label, channel]
            torch.testing.assert_close(made[number, channel], expected, rtol=1e-5, atol=1e-5)
    # at first all classes are alike, and it is batch normalisation
    fresh = ClassNorm(2, K)
    torch.testing.assert_close(fresh(x, rows(*labels)), torch.nn.BatchNorm2d(2)(x))


@pytest.mark.parametrize(("name", "norms"), [("dcgan", 2), ("sn_resnet", 5)])
def test_batch_norm_of_the_generator_is_the_classs(name, norms):
    network = generator(name)
    found = [module for module in network.modules() if isinstance(module, ClassNorm)]
    assert len(found) == norms
    z = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    assert torch.equal(network(z, classes=rows(0, 0, 1, 1)), network(z, classes=rows(2, 2, 2, 2)))
    with torch.no_grad():
        found[-1].gain[1] = 5
    network.eval()
    before, after = network(z, classes=rows(0, 0, 0, 0)), network(z, classes=rows(0, 1, 2, 0))
    changed = [number for number in range(4) if not torch.equal(before[number], after[number])]
    assert changed == [1]
    assert network.latent == 5


@pytest.mark.parametrize(
    ("name", "options"), [("dcgan", {"norm": "none"}), ("sn_resnet", {"norm": "none"}), ("mlp", {})]
)
def test_without_batch_norm_the_class_stands_beside_z(name, options):
    network = generator(name, **options)
    first = network.layers[0] if name == "mlp" else network.first
    assert first.in_features == 5 + K
    seen = []
    first.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    z = torch.randn(2, 5)
    network(z, classes=rows(2, 0))
    assert torch.equal(seen[0], torch.cat([z, torch.tensor([[0.0, 0, 1], [1, 0, 0]])], 1))


@pytest.mark.parametrize("name", PICTURE)
def test_without_classes_nothing_is_new(name):
    made = GENERATORS[name](**PICTURE[name]).build(in_channels=5, out_channels=3, size=16)
    judge = CRITICS[name](**PICTURE[name]).build(in_channels=3, size=16)
    names = {*made.state_dict(), *judge.state_dict()}
    assert not [key for key in names if "gain" in key or "projection" in key]
    assert judge(made(torch.randn(2, 5))).logits[0].shape == (2, 1)
