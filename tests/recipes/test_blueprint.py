"""Networks are built for what the flow gives them and shows them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from conftest import small
from img2img.config import build, options
from img2img.errors import UserError
from img2img.flows import FLOWS
from img2img.flows.base import OneGenerator, needed
from img2img.recipes.blueprint import draw_up
from img2img.recipes.method import Method
from img2img.types import Batch, Match
from img2img.weights.header import Shape

SHAPE = Shape(source=3, target=3, size=64)


def first_in(network: nn.Module) -> int:
    layer = next(m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear))
    return layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels


def method_of(**keys: object) -> Method:
    plain = {"generator": "unet", "critic": "patchgan", "generator_losses": {"adversarial": 1}}
    return build(Method, {**plain, "critic_losses": {"adversarial": 1}, **keys}, "own.yaml")


@pytest.mark.parametrize(
    ("keys", "generators", "critics"),
    [
        ({}, [2], [3]),
        # pix2pix: the source's channels beside the target's
        ({"conditional": True}, [2], [5]),
        ({"flow": {"name": "inpaint", "see_mask": True}}, [3], [3]),
        ({"flow": "cycle", "generator": "resnet"}, [2, 3], [3, 2]),
        ({"flow": {"name": "noise", "z": 7}, "generator": "dcgan", "critic": "dcgan"}, [7], [3]),
    ],
)
def test_channels_come_of_the_flow(keys, generators, critics):
    shape = Shape(source=2, target=3, size=32)
    if "inpaint" in str(keys):
        shape = Shape(source=2, target=2, size=32)
        critics = [2]
    if "cycle" in str(keys):
        # its identity images give each generator pictures of its own side
        keys = {**keys, "flow": {"name": "cycle", "identity": False}}
    blueprint = draw_up(method_of(**{**keys, "generator": keys.get("generator", {"name": "unet", "downs": 5})}), shape)
    assert [first_in(network) for network in blueprint.build_generators().values()] == generators
    built = blueprint.build_critics()
    assert built is not None
    assert [first_in(network) for network in built.values()] == critics


def test_vectors_and_methods_without_a_critic():
    toy = draw_up(small("nsgan").method, Shape(source=2, target=2, size=None))
    assert [first_in(network) for network in toy.build_generators().values()] == [2]
    alone = draw_up(small("l1").method, SHAPE)
    assert alone.build_critics() is None


def test_each_network_may_have_options_of_its_own():
    generators = {"to_target": {"name": "resnet", "width": 8, "blocks": 2}, "to_source": {"name": "resnet", "width": 4}}
    critics = {"critic_target": {"name": "patchgan", "width": 8}, "critic_source": "pixelgan"}
    method = method_of(flow="cycle", generator=generators, critic=critics)
    blueprint = draw_up(method, SHAPE)
    built = blueprint.build_generators()
    widths = [next(m for m in network.modules() if isinstance(m, nn.Conv2d)).out_channels for network in built.values()]
    assert widths == [8, 4]
    # what stands beside is for all the others
    one = {"name": "patchgan", "width": 16, "critic_source": {"name": "patchgan", "width": 8}}
    critics = draw_up(method_of(flow="cycle", generator="resnet", critic=one), SHAPE).build_critics()
    assert critics is not None
    widths = [next(m for m in critic.modules() if isinstance(m, nn.Conv2d)).out_channels for critic in critics.values()]
    assert widths == [16, 8]
    with pytest.raises(UserError, match="generator: says nothing of to_source; give it too, or a name for all the oth"):
        draw_up(method_of(flow="cycle", generator={"to_target": "resnet"}), SHAPE)
    with pytest.raises(UserError, match="unknown key 'there'"):
        draw_up(method_of(flow="cycle", generator={"name": "resnet", "there": "resnet"}), SHAPE)


@options
class HoleFlow(OneGenerator):
    """In-painting whose critic looks at the hole alone, as Context-Encoder's does."""

    @property
    def critics(self) -> tuple[str, ...]:
        return ("hole_critic",)

    @property
    def needs_mask(self) -> bool:
        return True

    def images(self, generators, batch):
        source = needed(batch.source, "source", "hole")
        output = generators["generator"](source)
        return {"fake": torch.where(batch.mask > 0.5, output, source)}

    def matches(self, batch, images, conditional):
        quarter = batch.target.shape[-1] // 4

        def inside(pictures):
            return pictures[:, :, quarter:-quarter, quarter:-quarter]

        return (Match("hole_critic", inside(batch.target), inside(images["fake"])),)


def test_a_critic_of_the_hole_alone_is_built_for_its_size(monkeypatch):
    monkeypatch.setitem(FLOWS, "hole", HoleFlow)
    # PAN's critic ends in a linear layer, whose size is that of what it sees
    method = method_of(flow="hole", generator={"name": "unet", "downs": 5}, critic={"name": "pan", "width": 8})
    critics = draw_up(method, SHAPE).build_critics()
    assert critics is not None
    verdict = critics["hole_critic"](torch.zeros(2, 3, 32, 32))
    assert verdict.logits[0].shape == (2, 1)
    with pytest.raises(UserError, match="built for 32x32 px"):
        critics["hole_critic"](torch.zeros(2, 3, 64, 64))


def test_a_batch_is_of_shapes_alone():
    seen = []

    class Looking(HoleFlow):
        def images(self, generators, batch: Batch):
            seen.append(batch)
            return super().images(generators, batch)

    FLOWS["looking"] = Looking
    try:
        draw_up(method_of(flow="looking", generator={"name": "unet", "downs": 5}), SHAPE)
    finally:
        del FLOWS["looking"]
    (batch,) = seen
    assert {value.device.type for value in (batch.source, batch.target, batch.mask, batch.index)} == {"meta"}
