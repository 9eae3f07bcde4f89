"""The adversarial losses of both sides: the scene's game on every match and every scale of logits."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from img2img.config import options
from img2img.types import Scene


@options
class AdversarialCritic:
    """Sum over matches and scales of the critic's loss in the scene's game (scalar)."""

    needs: ClassVar[frozenset[str]] = frozenset({"critic"})

    def __call__(self, scene: Scene) -> Tensor:
        losses = [
            scene.game.critic(real, fake, scene.mean)
            for match in scene.matches
            for real, fake in zip(scene.real(match).logits, scene.fake(match).logits, strict=True)
        ]
        return torch.stack(losses).sum()


@options
class AdversarialGenerator:
    """Sum over matches and scales of the generator's loss in the scene's game (scalar)."""

    needs: ClassVar[frozenset[str]] = frozenset({"critic"})

    def __call__(self, scene: Scene) -> Tensor:
        losses = []
        for match in scene.matches:
            fakes = scene.fake(match).logits
            reals = scene.real(match).logits if scene.game.needs_real else (None,) * len(fakes)
            for real, fake in zip(reals, fakes, strict=True):
                losses.append(scene.game.generator(real, fake, scene.mean))
        return torch.stack(losses).sum()
