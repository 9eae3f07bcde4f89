"""Fill the hole: the generator sees the picture without it, the result is the picture with the hole filled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from img2img.config import options
from img2img.flows.base import OneGenerator, needed
from img2img.types import Batch, Generators, Match


@options
class Inpaint(OneGenerator):
    """``source`` holds the picture with its hole filled by a constant, ``mask`` is 1 inside the hole.

    ``images["fake"]`` is the composite (the known pixels are the source's own), ``images["output"]`` what the network
    made of the whole picture. With ``see_mask`` the mask is one more input channel.
    """

    see_mask: Annotated[bool, Field(description="the mask is one more input channel of the generator")] = False

    @property
    def makes(self) -> tuple[str, ...]:
        return ("fake", "output")

    @property
    def needs_mask(self) -> bool:
        return True

    @property
    def needs_pairs(self) -> bool:
        return True

    @property
    def conditions(self) -> bool:
        return True

    def images(self, generators: Generators, batch: Batch) -> dict[str, Tensor]:
        source = needed(batch.source, "source", "inpaint")
        mask = needed(batch.mask, "mask", "inpaint")
        seen = torch.cat([source, mask * 2 - 1], dim=1) if self.see_mask else source
        output = generators["generator"](seen)
        return {"fake": torch.where(mask > 0.5, output.to(source.dtype), source), "output": output}

    def matches(self, batch: Batch, images: Mapping[str, Tensor], conditional: bool) -> tuple[Match, ...]:
        target = needed(batch.target, "target", "inpaint")
        return (Match("critic", target, images["fake"], batch.source if conditional else None),)
