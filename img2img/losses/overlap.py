"""Context-Encoder's pixel loss: of the patch alone, heavier where the patch overlaps what is known."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from img2img.config import options
from img2img.errors import UserError
from img2img.losses.games import at_least_fp32
from img2img.networks.neck import central_half
from img2img.types import ForwardView


@options
class OverlapL2:
    """Mean over all elements of the patch of w d^2: w is ``weight`` where the picture is known, 1 inside the hole.

    Pathak et al. 2016, section 4 (train.lua: the weighted sum is divided by the number of all elements).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"target", "image:patch"})
    weight: Annotated[float, Field(gt=0, description="weight of the overlap, the hole's being 1")] = 10.0

    def __call__(self, view: ForwardView) -> Tensor:
        target, mask = view.batch.target, view.batch.mask
        if target is None or mask is None:
            raise UserError("overlap_l2 needs data with a target and a mask")
        difference = at_least_fp32(view.images["patch"]) - at_least_fp32(central_half(target))
        weights = torch.where(central_half(mask) > 0.5, 1.0, self.weight).to(difference.dtype)
        return (weights * difference**2).mean()
