"""pix2pixHD's losses over several scales against its program's sums, written out plainly."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from fake_view import FakeView
from torch import nn
from torch.nn.functional import avg_pool2d

from img2img.losses import CRITIC_LOSSES, GENERATOR_LOSSES
from img2img.losses.games import LeastSquares
from img2img.networks import CRITICS

# as the authors' program halves a picture
half = partial(avg_pool2d, kernel_size=3, stride=2, padding=1, count_include_pad=False)


def built(**options: object) -> nn.Module:
    torch.manual_seed(0)
    return CRITICS["multiscale"](**{"width": 4, **options}).build(in_channels=3, size=64).double()


def pictures(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3, 36, 44, generator=generator, dtype=torch.float64) * 2 - 1


@pytest.mark.parametrize(("scales", "layers"), [(1, 3), (2, 3), (3, 3), (3, 2)])
def test_feature_matching_is_the_authors_sum(scales, layers):
    """sum_i 1/num_D sum_j 4/(n_layers + 1) L1(D_i^j(fake), D_i^j(real)), over all outputs of a scale but the last."""
    critic, real, fake = built(scales=scales, layers=layers), pictures(3), pictures(4)
    expected = 0.0
    x, y = real, fake
    for own in critic.critics:
        for block in own.blocks:
            x, y = block(x), block(y)
            expected += (y - x).abs().mean() * (4.0 / (layers + 1)) * (1.0 / scales)
        real, fake = half(real), half(fake)
        x, y = real, fake
    made = GENERATOR_LOSSES["feature_matching"]()(FakeView("generator", critic, pictures(3), pictures(4)))
    torch.testing.assert_close(made, expected)


def test_the_game_is_summed_over_scales():
    """The authors' GANLoss adds the scales up; the critic's loss is halved by the method's weight 0.5."""
    critic, real, fake = built(), pictures(5), pictures(6)
    on_real, on_fake = critic(real).logits, critic(fake).logits
    assert len(on_real) == 3
    generator = sum((logits - 1).square().mean() for logits in on_fake)
    critics = sum((r - 1).square().mean() + f.square().mean() for r, f in zip(on_real, on_fake, strict=True))
    view = FakeView("generator", critic, real, fake, game=LeastSquares())
    torch.testing.assert_close(GENERATOR_LOSSES["adversarial"]()(view), generator)
    torch.testing.assert_close(
        CRITIC_LOSSES["adversarial"]()(FakeView("critic", critic, real, fake, game=LeastSquares())), critics
    )
