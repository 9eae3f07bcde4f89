"""Two generators and two critics on unpaired pictures (Zhu et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from torch import Tensor

from img2img.config import options
from img2img.flows.base import OneGenerator, needed
from img2img.types import Batch, Generators, Match, Side


@options
class Cycle(OneGenerator):
    """``to_target`` makes targets of sources, ``to_source`` sources of targets.

    With ``identity`` each generator is also run on pictures that are already its output domain's (for the identity
    loss of the paper's section 5.2), two further generator forwards.
    """

    identity: Annotated[
        bool, Field(description="also run each generator on pictures of its output domain (for the identity loss)")
    ] = True

    @property
    def sides(self) -> Mapping[str, Side]:
        return {"to_target": "target", "to_source": "source"}

    @property
    def way_back(self) -> str | None:
        return "to_source"

    @property
    def critics(self) -> tuple[str, ...]:
        return ("critic_target", "critic_source")

    @property
    def makes(self) -> tuple[str, ...]:
        made = ("fake", "fake_source", "cycled_source", "cycled_target")
        return (*made, "same_target", "same_source") if self.identity else made

    def images(self, generators: Generators, batch: Batch) -> dict[str, Tensor]:
        source = needed(batch.source, "source", "cycle")
        if "to_source" not in generators:
            # results alone are asked for, which need no way back
            return {"fake": generators["to_target"](source)}
        target = needed(batch.target, "target", "cycle")
        to_target, to_source = generators["to_target"], generators["to_source"]
        images = {"fake": to_target(source), "fake_source": to_source(target)}
        images["cycled_source"] = to_source(images["fake"])
        images["cycled_target"] = to_target(images["fake_source"])
        if self.identity:
            images["same_target"] = to_target(target)
            images["same_source"] = to_source(source)
        return images

    def matches(self, batch: Batch, images: Mapping[str, Tensor], conditional: bool) -> tuple[Match, ...]:
        source = needed(batch.source, "source", "cycle")
        target = needed(batch.target, "target", "cycle")
        return (
            Match("critic_target", target, images["fake"]),
            Match("critic_source", source, images["fake_source"]),
        )
