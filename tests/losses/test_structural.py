"""The SSIM loss against the measure of another program."""

from __future__ import annotations

import pytest
import torch
from fake_view import FakeView
from skimage.metrics import structural_similarity

from conftest import picture
from img2img.errors import UserError
from img2img.images import to_tensor
from img2img.losses import GENERATOR_LOSSES
from img2img.types import Batch


def value(fake: torch.Tensor, target: torch.Tensor, **extra: float) -> torch.Tensor:
    return GENERATOR_LOSSES["ssim"](**extra)(FakeView("generator", images={"fake": fake}, batch=Batch(target=target)))


def test_it_is_one_minus_the_mean_similarity_of_pictures_in_minus_one_to_one():
    pairs = [(picture(number), 255 - picture(number + 5) // 2) for number in range(2)]
    expected = [
        1 - structural_similarity(target, fake, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5,
                                  use_sample_covariance=False)
        for fake, target in pairs
    ]  # fmt: skip
    fake, target = (torch.cat([to_tensor(pair[side]) for pair in pairs]) for side in (0, 1))
    loss = value(fake, target)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(sum(expected) / 2, abs=1e-6)
    assert value(target, target).item() == pytest.approx(0, abs=1e-6)


def test_following_its_gradient_makes_the_picture_alike():
    target = to_tensor(picture(1))
    fake = torch.zeros_like(target).requires_grad_()
    optimizer = torch.optim.Adam([fake], lr=0.02)
    before = value(fake, target).item()
    for _ in range(30):
        optimizer.zero_grad()
        value(fake, target).backward()
        optimizer.step()
    assert value(fake, target).item() < before / 2


def test_a_crop_under_the_window_is_refused():
    with pytest.raises(UserError, match="at least its window, 11 px"):
        value(torch.zeros(1, 3, 10, 32), torch.zeros(1, 3, 10, 32))
    assert value(torch.zeros(1, 3, 10, 32), torch.zeros(1, 3, 10, 32), window=7).item() == 0
