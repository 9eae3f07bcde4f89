"""pix2pixHD's critics against those of its paper and program, written out plainly."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import leaky_relu

from img2img.errors import UserError
from img2img.networks import CRITICS


def built(channels: int = 3, **options: object) -> nn.Module:
    torch.manual_seed(0)
    return CRITICS["multiscale"](**{"width": 4, **options}).build(in_channels=channels, size=64).double()


def pictures(seed: int, channels: int = 3, height: int = 36, width: int = 44) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, channels, height, width, generator=generator, dtype=torch.float64) * 2 - 1


def halved(x: torch.Tensor) -> torch.Tensor:
    """The mean over 3x3 pixels around every second one, of those that lie in the picture."""
    height, width = x.shape[2:]
    rows = [range(max(0, y - 1), min(height, y + 2)) for y in range(0, height, 2)]
    columns = [range(max(0, y - 1), min(width, y + 2)) for y in range(0, width, 2)]
    means = [[x[:, :, r.start : r.stop, c.start : c.stop].mean((2, 3)) for c in columns] for r in rows]
    return torch.stack([torch.stack(row, -1) for row in means], -2)


@pytest.mark.parametrize("scales", [1, 2, 3])
def test_each_critic_judges_its_own_size_full_size_first(scales):
    critic, x = built(scales=scales), pictures(1)
    verdict = critic(x)
    assert len(verdict.logits) == scales
    assert len(verdict.features) == 4 * scales
    for number, own in enumerate(critic.critics):
        alone = own(x)
        torch.testing.assert_close(verdict.logits[number], alone.logits[0])
        torch.testing.assert_close(verdict.features[4 * number : 4 * number + 4], alone.features)
        x = halved(x)
    weights = [own.last.weight for own in critic.critics]
    assert len({weight.data_ptr() for weight in weights}) == scales


def test_a_scale_is_the_authors_patchgan():
    """k4, padded by 2: 64 px become 33, 17, 9, 10 and 11; no norm in the first layer, instance norm in the others."""
    (critic,) = built(scales=1).critics
    x = pictures(2, height=64, width=64)
    sizes = []
    for block in critic.blocks:
        conv = block[0]
        assert conv.bias is not None
        x = nn.functional.conv2d(x, conv.weight, conv.bias, conv.stride, padding=2)
        if sizes:
            mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, correction=0)
            x = (x - mean) / (variance + 1e-5).sqrt()
        x = leaky_relu(x, 0.2)
        sizes.append(x.shape[-1])
    logits = critic(pictures(2, height=64, width=64)).logits[0]
    torch.testing.assert_close(logits, nn.functional.conv2d(x, critic.last.weight, critic.last.bias, padding=2))
    assert [*sizes, logits.shape[-1]] == [33, 17, 9, 10, 11]


def test_vectors_are_refused_by_name():
    with pytest.raises(UserError, match="'multiscale' judges pictures; these data are vectors: take mlp"):
        CRITICS["multiscale"]().build(in_channels=2, size=None)
