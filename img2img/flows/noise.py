"""Pictures (or vectors) out of noise: the unconditional GANs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from img2img.config import options
from img2img.flows.base import OneGenerator, needed
from img2img.types import Batch, Draw, Generators, Match


@options
class Noise(OneGenerator):
    """z is the source: ``z`` numbers, uniform in (-1, 1) or normal; drawn anew for the generator's update.

    Where samples have a class (`data.classes`), what is made beside a sample is of its class: both networks are told.
    """

    z: Annotated[int, Field(ge=1, le=16_384, description="numbers that a picture starts from")] = 100
    distribution: Annotated[
        Literal["uniform", "normal"], Field(description="of each number: uniform in (-1, 1), or N(0, 1)")
    ] = "uniform"

    @property
    def redraws(self) -> bool:
        return True

    @property
    def from_noise(self) -> bool:
        return True

    def prepare(self, batch: Batch, draw: Draw) -> Batch:
        uniform = draw("z", (len(batch), self.z))
        z = uniform * 2 - 1
        if self.distribution == "normal":
            # erfinv(-1) is infinite: a uniform draw may be exactly 0
            z = torch.erfinv(z.clamp(-1 + 1e-6, 1 - 1e-6)) * 2**0.5
        return replace(batch, source=z)

    def images(self, generators: Generators, batch: Batch) -> dict[str, Tensor]:
        return {"fake": generators["generator"](needed(batch.source, "source", "noise"), **_classes(batch))}

    def matches(self, batch: Batch, images: Mapping[str, Tensor], conditional: bool) -> tuple[Match, ...]:
        real = needed(batch.target, "target", "noise")
        return (Match("critic", real, images["fake"], given=_classes(batch)),)


def _classes(batch: Batch) -> dict[str, Tensor]:
    """The samples' classes (N, K), rows of 0 and one 1, that both networks are told; nothing where data have none."""
    return {"classes": batch.extra["classes"]} if "classes" in batch.extra else {}
