"""Pixel losses between the fake and the target: means over all elements."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from img2img.config import options
from img2img.errors import UserError
from img2img.losses.games import at_least_fp32
from img2img.types import ForwardView


def pair(view: ForwardView) -> tuple[Tensor, Tensor]:
    """(fake, target) of a forward, at least fp32."""
    target = view.batch.target
    if target is None:
        raise UserError("a pixel loss needs data with a target")
    return at_least_fp32(view.images["fake"]), at_least_fp32(target)


@options
class L1:
    """Mean absolute difference."""

    needs: ClassVar[frozenset[str]] = frozenset({"target"})

    def __call__(self, view: ForwardView) -> Tensor:
        fake, target = pair(view)
        return (fake - target).abs().mean()


@options
class L2:
    """Mean squared difference (no root)."""

    needs: ClassVar[frozenset[str]] = frozenset({"target"})

    def __call__(self, view: ForwardView) -> Tensor:
        fake, target = pair(view)
        return ((fake - target) ** 2).mean()


@options
class Charbonnier:
    """Mean of sqrt(d^2 + eps^2): L1, smooth at zero (Charbonnier et al. 1994)."""

    needs: ClassVar[frozenset[str]] = frozenset({"target"})
    eps: Annotated[float, Field(gt=0, description="difference below which it is smooth, on values in [-1, 1]")] = 1e-3

    def __call__(self, view: ForwardView) -> Tensor:
        fake, target = pair(view)
        return torch.sqrt((fake - target) ** 2 + self.eps**2).mean()
