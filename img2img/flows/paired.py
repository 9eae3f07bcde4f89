"""Source to target, image by image: de-raining, edges to photo, labels to photo."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from img2img.config import options
from img2img.flows.base import OneGenerator, needed
from img2img.types import Batch, Generators, Match


@options
class Paired(OneGenerator):
    """One generator; the critic is shown the target against the fake (Isola et al. 2017, eq. 1 and 2)."""

    @property
    def needs_pairs(self) -> bool:
        return True

    @property
    def conditions(self) -> bool:
        return True

    def images(self, generators: Generators, batch: Batch) -> dict[str, Tensor]:
        return {"fake": generators["generator"](needed(batch.source, "source", "paired"))}

    def matches(self, batch: Batch, images: Mapping[str, Tensor], conditional: bool) -> tuple[Match, ...]:
        target = needed(batch.target, "target", "paired")
        return (Match("critic", target, images["fake"], batch.source if conditional else None),)
