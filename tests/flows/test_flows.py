"""What each flow makes of a batch, and what its critics are shown."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from img2img.errors import UserError
from img2img.flows import FLOWS
from img2img.types import Batch


class Add(nn.Module):
    """Adds a number, so that one sees who made a picture; remembers what it was given."""

    def __init__(self, amount: float) -> None:
        super().__init__()
        self.amount = amount
        self.given: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor, layers: tuple[int, ...] = ()) -> torch.Tensor | list[torch.Tensor]:
        self.given.append(x)
        if layers:
            return [x + number for number in layers]
        return x[:, :3] + self.amount


def flat(value: float, channels: int = 3) -> torch.Tensor:
    return torch.full((2, channels, 4, 4), value)


def draw(name, shape):
    return torch.rand(tuple(shape), generator=torch.Generator().manual_seed(len(name)))


def made(flow, generators, batch):
    images = flow.images(generators, batch)
    assert tuple(images) == flow.makes
    return images


@pytest.mark.parametrize("name", sorted(FLOWS))
def test_every_flow_keeps_its_own_promises(name):
    flow = FLOWS[name]()
    assert "fake" in flow.makes
    assert set(flow.sides.values()) <= {"source", "target"}
    assert flow.sides[flow.networks[0]] == "target"
    batch = flow.prepare(Batch(source=flat(0), target=flat(1), mask=flat(0, 1), index=torch.arange(2)), draw)
    images = made(flow, {network: Add(0) for network in flow.networks}, batch)
    matches = flow.matches(batch, images, False)
    assert tuple(match.critic for match in matches) == flow.critics
    assert all(match.condition is None for match in matches)
    conditions = [match.condition is not None for match in flow.matches(batch, images, True)]
    assert any(conditions) == flow.conditions


@pytest.mark.parametrize("conditional", [False, True])
def test_paired(conditional):
    flow = FLOWS["paired"]()
    batch = Batch(source=flat(0), target=flat(1))
    images = made(flow, {"generator": Add(0.5)}, batch)
    (match,) = flow.matches(batch, images, conditional)
    # the target is real, the result is fake; the source is only ever the condition
    assert match.real is batch.target
    assert match.fake is images["fake"]
    assert (match.fake == 0.5).all()
    assert match.condition is (batch.source if conditional else None)


def test_inpaint_keeps_the_known_pixels_bit_for_bit():
    flow = FLOWS["inpaint"]()
    source = torch.rand(2, 3, 4, 4)
    mask = torch.zeros(2, 1, 4, 4)
    mask[:, :, 1:3, 1:3] = 1
    batch = Batch(source=source, target=flat(0.25), mask=mask)
    generator = Add(0.5)
    images = made(flow, {"generator": generator}, batch)
    hole = mask.bool().expand(-1, 3, -1, -1)
    assert torch.equal(images["fake"][~hole], source[~hole])
    assert torch.equal(images["fake"][hole], (source + 0.5)[hole])
    assert torch.equal(images["output"], source + 0.5)
    assert torch.equal(generator.given[0], source)
    (match,) = flow.matches(batch, images, True)
    assert match.real is batch.target
    assert match.fake is images["fake"]
    assert match.condition is source


def test_inpaint_gives_no_gradient_outside_the_hole():
    flow = FLOWS["inpaint"]()
    mask = torch.zeros(1, 1, 2, 2)
    mask[..., 0, 0] = 1
    output = torch.zeros(1, 3, 2, 2, requires_grad=True)
    images = flow.images({"generator": lambda seen: output}, Batch(source=torch.ones(1, 3, 2, 2), mask=mask))
    (slope,) = torch.autograd.grad(images["fake"].sum(), output)
    assert torch.equal(slope, mask.expand(-1, 3, -1, -1))


def test_inpaint_may_see_its_mask():
    flow = FLOWS["inpaint"](see_mask=True)
    generator = Add(0)
    flow.images({"generator": generator}, Batch(source=flat(0), mask=torch.ones(2, 1, 4, 4)))
    assert torch.equal(generator.given[0][:, 3:], flat(1, 1))


def test_cycle():
    flow = FLOWS["cycle"]()
    there, back = Add(10), Add(100)
    batch = Batch(source=flat(1), target=flat(2))
    images = made(flow, {"to_target": there, "to_source": back}, batch)
    values = {name: image.unique().item() for name, image in images.items()}
    assert values == {
        "fake": 11,
        "fake_source": 102,
        "cycled_source": 111,
        "cycled_target": 112,
        # a picture that is already in the output's domain, through the generator into that domain
        "same_target": 12,
        "same_source": 101,
    }
    on_target, on_source = flow.matches(batch, images, False)
    assert (on_target.critic, on_target.real, on_target.fake) == ("critic_target", batch.target, images["fake"])
    assert (on_source.critic, on_source.real, on_source.fake) == ("critic_source", batch.source, images["fake_source"])
    assert flow.sides == {"to_target": "target", "to_source": "source"}


def test_without_identity_two_forwards_less():
    there, back = Add(0), Add(0)
    made(FLOWS["cycle"](identity=False), {"to_target": there, "to_source": back}, Batch(source=flat(1), target=flat(2)))
    assert (len(there.given), len(back.given)) == (2, 2)


@pytest.mark.parametrize(("distribution", "mean_square"), [("uniform", 1 / 3), ("normal", 1.0)])
def test_noise(distribution, mean_square):
    flow = FLOWS["noise"](z=5, distribution=distribution)
    assert flow.from_noise
    batch = flow.prepare(Batch(target=torch.zeros(20000, 2), index=torch.arange(20000)), draw)
    assert batch.source.shape == (20000, 5)
    assert torch.isfinite(batch.source).all()
    assert batch.source.mean().item() == pytest.approx(0, abs=0.01)
    assert batch.source.square().mean().item() == pytest.approx(mean_square, rel=0.02)
    if distribution == "uniform":
        assert batch.source.abs().max() <= 1


def test_normal_noise_is_finite_at_the_ends_of_the_draw():
    flow = FLOWS["noise"](z=2, distribution="normal")
    ends = flow.prepare(Batch(index=torch.arange(1)), lambda name, shape: torch.tensor([[0.0, 1 - 2**-24]])).source
    assert torch.isfinite(ends).all()
    assert ends[0, 0] < -4
    assert ends[0, 1] > 4


@pytest.mark.parametrize(
    ("name", "batch", "missing"),
    [
        ("paired", Batch(target=flat(0)), "source"),
        ("inpaint", Batch(source=flat(0), target=flat(0)), "mask"),
        ("cycle", Batch(source=flat(0)), "target"),
    ],
)
def test_data_that_do_not_fit_the_flow(name, batch, missing):
    flow = FLOWS[name]()
    with pytest.raises(UserError, match=f"flow '{name}' needs data with a {missing}"):
        flow.images({network: Add(0) for network in flow.networks}, batch)
