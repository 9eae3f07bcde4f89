"""Critic losses that differentiate the critic with respect to its input, in fp32."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from img2img.config import options
from img2img.losses.games import at_least_fp32
from img2img.types import ForwardView, Match, Shown

EPS = 1e-12


def squared_gradient(view: ForwardView, match: Match, shown: Shown) -> Tensor:
    """(N,) squared norms, over all dimensions of a sample, of the critic's gradient at the images that are shown.

    What is differentiated is what the games see of a sample: its logits' mean over the map, summed over scales. It is
    differentiated by the images alone: the condition beside them is no variable of the critic's that anybody moves.
    """
    images = shown.images.detach().requires_grad_()
    variable = Shown(images, None if shown.condition is None else shown.condition.detach())
    with torch.enable_grad():
        logits = torch.stack(
            [at_least_fp32(logit).flatten(1).mean(1) for logit in view.judge(match, variable).logits]
        ).sum()
        (gradient,) = torch.autograd.grad(logits, images, create_graph=True)
    return gradient.flatten(1).square().sum(1)


def mixed(share: Tensor, one: Shown, other: Shown) -> Shown:
    """``share`` (N, 1, ...) of one and the rest of the other; their conditions too, as old fakes have others."""
    images = share * one.images + (1 - share) * other.images.detach()
    if one.condition is None or other.condition is None:
        return Shown(images)
    return Shown(images, share * one.condition + (1 - share) * other.condition.detach())


@options
class GradientPenalty:
    """mean (||grad D(x^)|| - 1)^2, x^ between real and fake, one weight a sample (Gulrajani et al. 2017, eq. 3)."""

    needs: ClassVar[frozenset[str]] = frozenset({"critic"})
    penalty: ClassVar[bool] = True

    def __call__(self, view: ForwardView) -> Tensor:
        values = []
        for match in view.matches:
            real, fake = view.shown(match)
            sizes = (len(real.images), *[1] * (real.images.ndim - 1))
            between = mixed(view.draw(f"gradient_penalty/{match.critic}", sizes), real, fake)
            values.append(((squared_gradient(view, match, between) + EPS).sqrt() - 1).square().mean())
        return torch.stack(values).sum()


@options
class R1:
    """Half the mean squared gradient at real samples (Mescheder et al. 2018, eq. 9); the weight is its gamma."""

    needs: ClassVar[frozenset[str]] = frozenset({"critic"})
    penalty: ClassVar[bool] = True

    def __call__(self, view: ForwardView) -> Tensor:
        values = [squared_gradient(view, match, view.shown(match)[0]).mean() / 2 for match in view.matches]
        return torch.stack(values).sum()


@options
class Dragan:
    """mean (||grad D(x + d)|| - 1)^2 at real samples, d = ``spread`` * std(batch) * U[0, 1) (Kodali et al. 2017)."""

    needs: ClassVar[frozenset[str]] = frozenset({"critic"})
    penalty: ClassVar[bool] = True
    across_batch: ClassVar[bool] = True
    spread: Annotated[float, Field(gt=0, description="reach of the noise, in standard deviations of the batch")] = 0.5

    def __call__(self, view: ForwardView) -> Tensor:
        values = []
        for match in view.matches:
            real, _ = view.shown(match)
            square, level = view.reduce(real.images.square().mean()), view.reduce(real.images.mean())
            noise = view.draw(f"dragan/{match.critic}", tuple(real.images.shape))
            moved = real.images + self.spread * (square - level.square()).clamp_min(0).sqrt() * noise
            near = Shown(moved, real.condition)
            values.append(((squared_gradient(view, match, near) + EPS).sqrt() - 1).square().mean())
        return torch.stack(values).sum()
