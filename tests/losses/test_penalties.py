"""Penalties on critics whose gradient is known by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from fake_view import FakeView, Linear, derivatives
from torch import nn

from img2img.losses import CRITIC_LOSSES
from img2img.types import Match, Verdict

PENALTY, R1, DRAGAN = (CRITIC_LOSSES[name]() for name in ("gradient_penalty", "r1", "dragan"))
ALL = {"gradient_penalty": PENALTY, "r1": R1, "dragan": DRAGAN}


def points(count: int, *shape: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    real, fake = (torch.rand(count, *shape, generator=generator, dtype=dtype) * 2 - 1 for _ in "rf")
    return real, fake


class Square(nn.Module):
    """D(x) = |x|^2 / 2, whose gradient at x is x."""

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, x: torch.Tensor) -> Verdict:
        return Verdict((self.weight * x.square().flatten(1).sum(1, keepdim=True) / 2,))


@pytest.mark.parametrize(("name", "w", "weight", "expected"), [
    ("gradient_penalty", (3.0, 4.0), 10, 160),
    ("gradient_penalty", (0.0, 0.0), 10, 10),
    ("gradient_penalty", (0.6, 0.8), 10, 0),
    ("dragan", (3.0, 4.0), 10, 160),
    ("dragan", (0.0, 0.0), 10, 10),
    ("r1", (3.0, 4.0), 10, 125),
    ("r1", (0.0, 0.0), 10, 0),
])  # fmt: skip
def test_linear_critic(name, w, weight, expected):
    loss = ALL[name](FakeView("critic", Linear(w, 0.3), *points(5, 2)))
    assert weight * loss.item() == pytest.approx(expected, abs=1e-3)
    assert loss.dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "weight", "expected"), [("gradient_penalty", 10, 160), ("dragan", 10, 160), ("r1", 10, 125)]
)
def test_what_stands_beside_the_images_is_no_variable(name, weight, expected):
    """The condition's gradient (12, 5) is not counted: the images' alone has norm 5."""
    real, fake = points(5, 2)
    condition = torch.rand(5, 2, generator=torch.Generator().manual_seed(1))
    view = FakeView("critic", Linear((12.0, 5.0, 3.0, 4.0), 0.3), real, fake)
    (match,) = view.matches
    view.matches = (replace(match, condition=condition),)
    assert weight * ALL[name](view).item() == pytest.approx(expected, abs=1e-3)


def test_the_penalty_teaches_the_critic():
    # d (|w| - 1)^2 / dw = 2 (|w| - 1) w / |w|, d (|w|^2 / 2) / dw = w: a graph must be built through the gradient
    for loss, expected in ((PENALTY, (4.8, 6.4)), (DRAGAN, (4.8, 6.4)), (R1, (3.0, 4.0))):
        critic = Linear([3.0, 4.0])
        (slope,) = derivatives(loss(FakeView("critic", critic, *points(4, 2))), [critic.w])
        torch.testing.assert_close(slope, torch.tensor(expected))


def test_a_flat_critic_gets_a_finite_gradient():
    critic = Linear([0.0, 0.0])
    for loss in ALL.values():
        (slope,) = derivatives(loss(FakeView("critic", critic, *points(4, 2))), [critic.w])
        assert torch.isfinite(slope).all()


@pytest.mark.parametrize("name", ["gradient_penalty", "dragan", "r1"])
def test_the_norm_is_over_all_dimensions_of_a_picture(name):
    # all ones on 2 x 2 x 2: norm sqrt(8); over the channels alone it would be sqrt(2)
    loss = ALL[name](FakeView("critic", Linear([1.0] * 8), *points(3, 2, 2, 2)))
    expected = 8 / 2 if name == "r1" else (8**0.5 - 1) ** 2
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_one_weight_a_sample_and_points_on_the_segment():
    real, fake = points(6, 3, 4, 4)
    view = FakeView("critic", Linear([0.1] * 48), real, fake)
    PENALTY(view)
    (alpha,), (between,) = view.drawn.values(), view.judged
    assert alpha.shape == (6, 1, 1, 1)
    assert len(alpha.unique()) == 6
    torch.testing.assert_close(between, alpha * real + (1 - alpha) * fake)


def test_r1_is_taken_at_real_alone():
    real, fake = points(4, 3)
    view = FakeView("critic", Square(), real, fake)
    expected = real.square().sum(1).mean() / 2
    torch.testing.assert_close(R1(view), expected)
    assert torch.equal(view.judged[0], real)


def test_dragan_is_taken_near_real():
    real, fake = points(8, 1, 4, 4)
    view = FakeView("critic", Linear([0.1] * 16), real, fake)
    DRAGAN(view)
    (noise,), (near,) = view.drawn.values(), view.judged
    assert noise.shape == real.shape
    torch.testing.assert_close(near, real + 0.5 * real.std(correction=0) * noise)


def test_dragans_spread_is_of_the_global_batch():
    real, fake = points(8, 2)
    half = slice(0, 4)
    wanted = iter((real.square().mean(), real.mean()))
    view = FakeView("critic", Linear([1.0, 1.0]), real[half], fake[half], reduce=lambda _: next(wanted))
    DRAGAN(view)
    (noise,), (near,) = view.drawn.values(), view.judged
    torch.testing.assert_close(near, real[half] + 0.5 * real.std(correction=0) * noise)


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_map_of_logits_counts_as_its_mean(name):
    single = ALL[name](FakeView("critic", Linear([3.0, 4.0]), *points(4, 2)))
    patches = ALL[name](FakeView("critic", Linear([3.0, 4.0], repeat=5), *points(4, 2)))
    torch.testing.assert_close(patches, single)


def test_matches_are_summed():
    real, fake = points(4, 2)
    critics = {"a": Linear([3.0, 4.0]), "b": Linear([0.0, 0.0])}
    matches = [Match("a", real, fake), Match("b", fake, real)]
    assert PENALTY(FakeView("critic", critics, matches=matches)).item() == pytest.approx(17, abs=1e-4)
    assert R1(FakeView("critic", critics, matches=matches)).item() == pytest.approx(12.5)


@pytest.mark.parametrize("name", sorted(ALL))
def test_samples_do_not_mix(name):
    # the mean of single samples' penalties is the batch's, so the sum of logits gives each sample its own gradient
    real, fake = points(3, 2)
    whole = FakeView("critic", Square(2.0), real, fake)
    value = ALL[name](whole)
    singles = []
    for image in whole.judged[0].detach():
        norm = (2.0 * image).norm()
        singles.append(norm.square() / 2 if name == "r1" else (norm - 1) ** 2)
    torch.testing.assert_close(value, torch.stack(singles).mean())


@pytest.mark.parametrize("name", sorted(ALL))
def test_nothing_flows_to_the_generator(name):
    real, fake = points(4, 2)
    made = fake.requires_grad_()
    loss = ALL[name](FakeView("generator", Square(), real, made))
    assert derivatives(loss, [made])[0].abs().max() == 0


@pytest.mark.parametrize("name", sorted(ALL))
def test_gradcheck_through_the_inner_gradient(name):
    real, fake = points(3, 2, dtype=torch.float64)
    critic = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    names = [key for key, _ in critic.named_parameters()]

    class Functional(nn.Module):
        def __init__(self, weights):
            super().__init__()
            self.weights = weights

        def forward(self, x):
            return Verdict((torch.func.functional_call(critic, self.weights, x),))

    def value(*weights):
        return ALL[name](FakeView("critic", Functional(dict(zip(names, weights, strict=True))), real, fake))

    weights = tuple(parameter.detach().clone().requires_grad_() for parameter in critic.parameters())
    assert value(*weights).dtype == torch.float64
    assert torch.autograd.gradcheck(value, weights)


@pytest.mark.parametrize("name", sorted(ALL))
def test_works_where_gradients_are_off(name):
    critic = Linear([3.0, 4.0])
    with torch.no_grad():
        assert torch.isfinite(ALL[name](FakeView("critic", critic, *points(4, 2))))


def test_they_are_marked_as_penalties():
    marked = {name for name, cls in CRITIC_LOSSES.items() if getattr(cls, "penalty", False)}
    assert marked == set(ALL)
