"""CycleGAN's losses (Zhu et al. 2017)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from img2img.config import options
from img2img.errors import UserError
from img2img.losses.games import at_least_fp32
from img2img.types import ForwardView


def _sides(view: ForwardView) -> tuple[Tensor, Tensor]:
    source, target = view.batch.source, view.batch.target
    if source is None or target is None:
        raise UserError("cycle losses need data with source and target")
    return at_least_fp32(source), at_least_fp32(target)


@options
class CycleConsistency:
    """L1 between each picture and itself after both translations, both ways summed (eq. 2)."""

    needs: ClassVar[frozenset[str]] = frozenset({"image:cycled_source", "image:cycled_target"})

    def __call__(self, view: ForwardView) -> Tensor:
        source, target = _sides(view)
        there = (at_least_fp32(view.images["cycled_source"]) - source).abs().mean()
        back = (at_least_fp32(view.images["cycled_target"]) - target).abs().mean()
        return there + back


@options
class Identity:
    """L1 between a picture that is already in a generator's output domain and what it makes of it (section 5.2)."""

    needs: ClassVar[frozenset[str]] = frozenset({"image:same_source", "image:same_target"})

    def __call__(self, view: ForwardView) -> Tensor:
        source, target = _sides(view)
        kept_target = (at_least_fp32(view.images["same_target"]) - target).abs().mean()
        kept_source = (at_least_fp32(view.images["same_source"]) - source).abs().mean()
        return kept_target + kept_source
