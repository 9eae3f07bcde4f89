"""Feature matching as in pix2pixHD: the generator alone, over all hidden layers; the critic never works against it."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from img2img.config import options
from img2img.losses.games import at_least_fp32
from img2img.types import ForwardView


@options
class FeatureMatching:
    """Mean over scales of 4 / (n + 1) times the sum over layers of L1(fake, constant real) (Wang et al. 2018, eq. 4).

    n + 1 is the number of hidden layers of one scale, as in the authors' program.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"critic", "features"})

    def __call__(self, view: ForwardView) -> Tensor:
        losses = []
        for match in view.matches:
            real, fake = view.real(match), view.fake(match)
            scales = len(fake.logits)
            per_scale = max(1, len(fake.features) // scales)
            for mine, theirs in zip(fake.features, real.features, strict=True):
                distance = (at_least_fp32(mine) - at_least_fp32(theirs.detach())).abs().mean()
                losses.append(distance * 4.0 / per_scale / scales)
        return torch.stack(losses).sum()
