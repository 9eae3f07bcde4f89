"""CycleGAN's two losses, with constants that tell every comparison apart."""

from __future__ import annotations

import pytest
import torch
from fake_view import FakeView

from img2img.errors import UserError
from img2img.losses import GENERATOR_LOSSES
from img2img.types import Batch


def view(images: dict[str, torch.Tensor], source: float = 0.0, target: float = 10.0) -> FakeView:
    side = (2, 3, 4, 4)
    return FakeView("generator", images=images, batch=Batch(torch.full(side, source), torch.full(side, target)))


def full(value: float) -> torch.Tensor:
    return torch.full((2, 3, 4, 4), value, requires_grad=True)


def test_cycle_is_the_sum_of_both_ways():
    images = {
        "cycled_source": full(0.25),
        "cycled_target": full(10.5),
        "fake": full(9.0),
        "fake_source": full(-3.0),
    }
    assert GENERATOR_LOSSES["cycle"]()(view(images)).item() == pytest.approx(0.75)


def test_identity_compares_within_the_domain_a_generator_makes():
    # G_AB(B) against B, G_BA(A) against A; against the other domain it would be 10.25 + 9.5
    images = {"same_target": full(10.25), "same_source": full(0.5)}
    assert GENERATOR_LOSSES["identity"]()(view(images)).item() == pytest.approx(0.75)
    perfect = {"same_target": full(10.0), "same_source": full(0.0)}
    assert GENERATOR_LOSSES["identity"]()(view(perfect)).item() == 0


@pytest.mark.parametrize(
    ("name", "keys"), [("cycle", ("cycled_source", "cycled_target")), ("identity", ("same_source", "same_target"))]
)
def test_gradients_reach_both_ways_with_the_sign_of_the_difference(name, keys):
    images = {key: full(5.0) for key in keys}
    gradients = torch.autograd.grad(GENERATOR_LOSSES[name]()(view(images)), list(images.values()))
    # 5 lies above the source's 0 and below the target's 10
    assert [gradient.mean().sign().item() for gradient in gradients] == [1.0, -1.0]


@pytest.mark.parametrize("name", ["cycle", "identity"])
def test_what_it_needs_is_said_and_one_sided_data_are_refused(name):
    loss = GENERATOR_LOSSES[name]()
    images = {need.removeprefix("image:"): full(1.0) for need in loss.needs}
    assert loss(view(images)).isfinite()
    with pytest.raises(UserError, match="source and target"):
        loss(FakeView("generator", images=images, batch=Batch(source=full(0.0))))
