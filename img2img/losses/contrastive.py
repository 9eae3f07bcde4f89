"""CUT's losses (Park et al. 2020): a patch of the result is told from others of its picture by the one it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy

from img2img.config import options
from img2img.losses.games import at_least_fp32
from img2img.types import ForwardView

Temperature = Annotated[float, Field(gt=0, description="what similarities are divided by")]


def patch_nce(images: Mapping[str, Tensor], prefix: str, temperature: float) -> Tensor:
    """Mean over layers n and places of the cross-entropy of finding a query's key among its picture's keys (eq. 3).

    Args:
        images: ``{prefix}query{n}`` and ``{prefix}key{n}``, n from 1: (N, P, F) of length 1; keys are constants.
    """
    losses: list[Tensor] = []
    while (query := images.get(f"{prefix}query{len(losses) + 1}")) is not None:
        key = images[f"{prefix}key{len(losses) + 1}"].detach()
        queries, keys = (at_least_fp32(values).flatten(1, -2) for values in (query, key))
        logits = queries @ keys.transpose(1, 2) / temperature
        own = torch.arange(logits.shape[1], device=logits.device).expand(len(logits), -1)
        losses.append(cross_entropy(logits.flatten(0, 1), own.flatten()))
    return torch.stack(losses).mean()


@options
class PatchNce:
    """PatchNCE between results and sources; negatives are the picture's own other places (eq. 3)."""

    needs: ClassVar[frozenset[str]] = frozenset({"image:query1", "image:key1"})
    temperature: Temperature = 0.07

    def __call__(self, view: ForwardView) -> Tensor:
        return patch_nce(view.images, "", self.temperature)


@options
class IdentityNce:
    """PatchNCE between targets and what the generator makes of them, so that it leaves them alone (section 3.3)."""

    needs: ClassVar[frozenset[str]] = frozenset({"image:same_query1", "image:same_key1"})
    temperature: Temperature = 0.07

    def __call__(self, view: ForwardView) -> Tensor:
        return patch_nce(view.images, "same_", self.temperature)
