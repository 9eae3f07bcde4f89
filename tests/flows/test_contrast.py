"""CUT's flow: which features are compared, where, and who learns from it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from img2img.config import build
from img2img.errors import UserError
from img2img.flows import FLOWS
from img2img.networks import GENERATORS
from img2img.recipes.blueprint import draw_up
from img2img.recipes.method import Method
from img2img.types import Batch
from img2img.weights.header import Shape


class Encoder(nn.Module):
    """Adds a tenth; its layer n is the picture times 10^n."""

    def forward(self, x: torch.Tensor, layers: tuple[int, ...] = ()):
        return [x * 10.0**n for n in layers] if layers else x + 0.1


def draw(name, shape):
    return torch.rand(tuple(shape), generator=torch.Generator().manual_seed(len(name)))


def numbered(count: int) -> torch.Tensor:
    """(count, 1, 4, 6): every place of every picture holds a number of its own."""
    return torch.arange(count * 24, dtype=torch.float32).view(count, 1, 4, 6)


def played(**options: object):
    flow = FLOWS["contrast"](layers=(0, 2), **options)
    batch = flow.prepare(Batch(source=numbered(8), target=-numbered(8) - 1), draw)
    networks = {"generator": Encoder(), "head1": nn.Identity(), "head2": nn.Identity()}
    return flow, batch, flow.images(networks, batch)


def test_the_same_places_of_both_pictures_are_compared_none_twice():
    _, batch, images = played(patches=10)
    for kind, shown, made in (("", batch.source, images["fake"]), ("same_", batch.target, images["same_target"])):
        torch.testing.assert_close(made, shown + 0.1)
        for number, factor in ((1, 1), (2, 100)):
            query, key = images[f"{kind}query{number}"], images[f"{kind}key{number}"]
            assert query.shape == key.shape == (8, 10, 1)
            torch.testing.assert_close(query, key + 0.1 * factor)
            for row, picture in zip(key, shown, strict=True):
                assert len(row.unique()) == 10
                assert set((row / factor).round().flatten().tolist()) <= set(picture.flatten().tolist())
    # places are drawn for each picture anew
    assert len({tuple((row - row.min()).flatten().tolist()) for row in images["key1"]}) > 1


def test_small_maps_are_compared_everywhere():
    _, batch, images = played(patches=256)
    assert torch.equal(images["key1"].flatten(1).sort().values, batch.source.flatten(1))


def test_mirrored_pictures_come_back_before_they_are_compared():
    _, batch, images = played(flip=True, identity=False, patches=10)
    mirrored = (batch.extra["flip"] < 0.5).flatten()
    assert 0 < mirrored.sum() < len(mirrored)
    for lot, source, fake in zip(mirrored, batch.source, images["fake"], strict=True):
        torch.testing.assert_close(fake, (source.flip(-1) if lot else source) + 0.1)
    torch.testing.assert_close(images["query1"], images["key1"] + 0.1)


def test_results_need_the_generator_alone():
    source = numbered(1)
    assert list(FLOWS["contrast"]().images({"generator": Encoder()}, Batch(source=source))) == ["fake"]


def test_features_are_those_after_the_convolutions_and_blocks():
    torch.manual_seed(0)
    network = GENERATORS["resnet"](width=2, blocks=2, norm="none").build(in_channels=3, out_channels=3, size=None)
    x, outputs = torch.randn(1, 3, 16, 16), {}
    for place in (4, 7, 10, 11):
        network.layers[place].register_forward_hook(
            lambda _, __, out, place=place: outputs.update({place: out.clone()})
        )
    found = network(x, layers=(0, 4, 1, 2, 3))
    expected = [x, outputs[11], outputs[4], outputs[7], outputs[10]]
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(found, expected, strict=True))
    with pytest.raises(UserError, match="layer 5: this generator has the layers 0 to 4"):
        network(x, layers=(5,))


def method(**keys: object) -> Method:
    plain = {
        "flow": {"name": "contrast", "layers": [0, 1, 3]},
        "generator": {"name": "resnet", "width": 4, "blocks": 1, "head*": "projection"},
        "critic": "patchgan",
        "generator_losses": {"adversarial": 1, "patch_nce": 1},
        "critic_losses": {"adversarial": 1},
    }
    return build(Method, {**plain, **keys}, "own.yaml")


def test_every_head_is_built_for_the_features_of_its_layer():
    networks = draw_up(method(), Shape(source=3, target=3, size=32)).build_generators()
    heads = {name: network.layers[0].weight.shape for name, network in networks.items() if name != "generator"}
    assert heads == {"head1": (256, 3), "head2": (256, 8), "head3": (256, 16)}


def test_generators_without_layers_are_refused_by_name():
    spec = {"name": "unet", "width": 4, "downs": 4, "head*": "projection"}
    with pytest.raises(UserError, match="generator unet: cannot be asked for its layers, which this flow needs"):
        draw_up(method(generator=spec), Shape(source=3, target=3, size=32))
    with pytest.raises(UserError, match=r"unknown key 'tail\*'"):
        draw_up(method(generator={"name": "resnet", "head*": "projection", "tail*": "projection"}),
                Shape(source=3, target=3, size=32))  # fmt: skip
