"""Make the middle of a picture and paste it into its hole: Context-Encoder's way (Pathak et al. 2016, train.lua)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from img2img.config import options
from img2img.flows.base import needed
from img2img.flows.inpaint import Inpaint
from img2img.networks.neck import central_half
from img2img.types import Batch, Generators, Match


@options
class Patch(Inpaint):
    """As ``inpaint``, but nothing outside of the picture's central half is asked of the generator.

    The critic is shown that half alone, as the generator made it and as it is in the target: an overlap that is known
    within it (``data.hole.overlap``) is judged as well, but comes back untouched. ``images["patch"]`` is that half.
    """

    @property
    def makes(self) -> tuple[str, ...]:
        return (*super().makes, "patch")

    @property
    def centre_only(self) -> bool:
        return True

    @property
    def conditions(self) -> bool:
        return False

    def images(self, generators: Generators, batch: Batch) -> dict[str, Tensor]:
        images = super().images(generators, batch)
        return {**images, "patch": central_half(images["output"])}

    def matches(self, batch: Batch, images: Mapping[str, Tensor], conditional: bool) -> tuple[Match, ...]:
        target = needed(batch.target, "target", "patch")
        return (Match("critic", central_half(target), images["patch"]),)
