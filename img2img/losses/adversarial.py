"""The adversarial losses of both sides: the view's game on every match and every scale of logits."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from img2img.config import options
from img2img.types import ForwardView


@options
class AdversarialCritic:
    """Sum over matches and scales of the critic's loss in the view's game (scalar)."""

    needs: ClassVar[frozenset[str]] = frozenset({"critic"})

    def __call__(self, view: ForwardView) -> Tensor:
        losses = [
            view.game.critic(real, fake, view.mean)
            for match in view.matches
            for real, fake in zip(view.real(match).logits, view.fake(match).logits, strict=True)
        ]
        return torch.stack(losses).sum()


@options
class AdversarialGenerator:
    """Sum over matches and scales of the generator's loss in the view's game (scalar)."""

    needs: ClassVar[frozenset[str]] = frozenset({"critic"})

    def __call__(self, view: ForwardView) -> Tensor:
        losses = []
        for match in view.matches:
            fakes = view.fake(match).logits
            reals = view.real(match).logits if view.game.needs_real else (None,) * len(fakes)
            for real, fake in zip(reals, fakes, strict=True):
                losses.append(view.game.generator(real, fake, view.mean))
        return torch.stack(losses).sum()
