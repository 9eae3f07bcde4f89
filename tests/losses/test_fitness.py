"""E-GAN's fitness on a critic whose gradient is known by hand."""

from __future__ import annotations

import math

import pytest
import torch
from fake_view import FakeView, Linear
from torch import nn
from torch.nn.functional import softplus

from img2img.config import build
from img2img.errors import UserError
from img2img.losses import FITNESS
from img2img.types import Verdict

Quality = FITNESS["quality_diversity"]


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values)[:, None]


def test_hand_case():
    # w = b = 0, real {1}, fake {-1}: the gradient is (-1, 0), so Fd = 0, and Fq = s(0)
    view = FakeView("critic", Linear([0.0]), column(1.0), column(-1.0))
    assert Quality(gamma=0.5)(view).sum().item() == pytest.approx(0.5, abs=1e-6)


def test_a_larger_gradient_is_less_fit():
    # real {2}, fake {-2}: the gradient is (-2, 0), Fd = -log 2; +log of the norm was a published error
    view = FakeView("critic", Linear([0.0]), column(2.0), column(-2.0))
    assert Quality(gamma=1.0)(view).sum().item() == pytest.approx(0.5 - math.log(2), abs=1e-6)


def test_quality_is_a_probability():
    # the mean logit is 1, the mean probability (s(4) + s(-2)) / 2
    fake = column(4.0, -2.0)
    view = FakeView("critic", Linear([1.0]), column(0.0, 0.0), fake)
    assert Quality(gamma=0.0)(view).sum().item() == pytest.approx(torch.sigmoid(fake).mean().item(), abs=1e-6)


def test_equal_sets_stay_finite():
    # at w = b = 0 both sides' gradients cancel exactly
    view = FakeView("critic", Linear([0.0]), column(1.0), column(1.0))
    assert Quality(gamma=1.0, eps=1e-6)(view).sum().item() == pytest.approx(0.5 - math.log(1e-6), rel=1e-5)


class Deep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1))

    def forward(self, x: torch.Tensor) -> Verdict:
        return Verdict((self.net(x),))


def test_all_of_the_critics_weights_count_and_none_is_touched():
    torch.manual_seed(0)
    critic, real, fake = Deep(), torch.randn(8, 2), torch.randn(8, 2) + 1
    loss = softplus(-critic.net(real)).mean() + softplus(critic.net(fake)).mean()
    norm = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(critic.parameters()))]).norm()
    expected = torch.sigmoid(critic.net(fake)).mean() - 0.3 * norm.log()
    with torch.no_grad():
        value = Quality(gamma=0.3)(FakeView("critic", critic, real, fake))
    torch.testing.assert_close(value.sum(), expected.detach())
    assert not value.requires_grad
    assert all(parameter.grad is None for parameter in critic.parameters())


def test_siblings_share_the_real_side():
    torch.manual_seed(0)
    critic, real = Deep(), torch.randn(8, 2)
    shared: dict[str, torch.Tensor] = {}
    views = [FakeView("critic", critic, real, torch.randn(8, 2) + shift, shared=shared) for shift in (0, 2)]
    values = [Quality()(view) for view in views]
    assert "real" in views[0].asked
    assert "real" not in views[1].asked
    alone = [Quality()(FakeView("critic", critic, real, view.images["fake"])) for view in views]
    torch.testing.assert_close(torch.stack(values), torch.stack(alone))


def test_the_gradient_is_averaged_over_processes_before_its_norm():
    # here real {2}, fake {-2}, so (-2, 0); the other process's gradient is zero, so (-1, 0) over both
    view = FakeView("critic", Linear([0.0]), column(2.0), column(-2.0), reduce=lambda values: values / 2)
    assert Quality(gamma=1.0)(view).sum().item() == pytest.approx(0.5, abs=1e-6)


def test_quality_is_of_the_global_batch():
    view = FakeView("critic", Linear([0.0]), column(1.0), column(-1.0), mean=lambda values: (values.mean() + 1) / 2)
    assert Quality(gamma=0.5)(view).sum().item() == pytest.approx(0.75, abs=1e-6)


def test_gamma_0_is_quality_alone_and_costs_no_gradient():
    view = FakeView("critic", Linear([0.0]), column(5.0), column(-1.0))
    assert Quality(gamma=0.0)(view).sum().item() == 0.5
    assert view.asked == ["fake"]


def test_random_tells_children_apart_and_repeats():
    random = FITNESS["random"]()
    children = [torch.rand(4, 3, generator=torch.Generator().manual_seed(seed)) for seed in range(200)]
    values = torch.stack([random(FakeView("critic", images={"fake": child})).float() for child in children])
    again = torch.stack([random(FakeView("critic", images={"fake": child})).float() for child in children])
    assert torch.equal(values, again)
    assert 0 <= values.min() < 0.1
    assert 0.9 < values.max() <= 1
    # whether the first or the second of two siblings wins is a coin's throw
    assert 0.35 < (values[::2] > values[1::2]).float().mean() < 0.65


@pytest.mark.parametrize("tree", [{"gamma": -0.1}, {"eps": 0}, {"lambda": 1.0}])
def test_options_without_sense_are_refused(tree):
    with pytest.raises(UserError, match="fitness"):
        build(Quality, tree, "fitness")
