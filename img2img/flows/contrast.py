"""One generator on unpaired pictures, held to its input by patches of its own features (CUT, Park et al. 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from img2img.config import options
from img2img.flows.base import OneGenerator, needed
from img2img.types import Batch, Draw, Generators, Match, Side


@options
class Contrast(OneGenerator):
    """The generator's encoder sees the picture that went in and the one that came out, at the same random places.

    ``query{n}`` and ``key{n}`` are (N, P, F) features of length 1 at P places, of what came out and of what went in, in
    the n-th of ``layers``, each projected by a head of its own: the network ``head{n}``, trained with the generator. A
    generator is called with ``layers`` by name for its features. With ``identity`` targets go the same way
    (``same_target``, ``same_query{n}``, ``same_key{n}``).
    """

    layers: Annotated[
        tuple[Annotated[int, Field(ge=0, le=256)], ...],
        Field(
            min_length=1,
            max_length=32,
            description="layers compared: 0 the picture, then the generator's halvings, then its blocks",
        ),
    ] = (0, 1, 2, 3, 7)
    patches: Annotated[
        int, Field(ge=2, le=65_536, description="places compared in each layer, or all where it has fewer")
    ] = 256
    identity: Annotated[
        bool, Field(description="also translate targets, and compare them with themselves (for identity_nce)")
    ] = True
    flip: Annotated[
        bool, Field(description="half of the pictures are mirrored before the generator, and back after it (FastCUT)")
    ] = False

    @property
    def sides(self) -> Mapping[str, Side]:
        # heads make neither side: they are built for the features that they are given
        return {"generator": "target", **{f"head{number}": "target" for number in self._numbers}}

    @property
    def makes(self) -> tuple[str, ...]:
        names = [f"{kind}{number}" for kind in ("query", "key") for number in self._numbers]
        same = ["same_target", *(f"same_{name}" for name in names)] if self.identity else []
        return ("fake", *names, *same)

    @property
    def _numbers(self) -> range:
        return range(1, len(self.layers) + 1)

    def prepare(self, batch: Batch, draw: Draw) -> Batch:
        height, width = needed(batch.source, "source", "contrast").shape[-2:]
        drawn = {"places": draw("places", (len(batch), height * width))}
        if self.flip:
            drawn["flip"] = draw("flip", (len(batch), 1, 1, 1))
        return replace(batch, extra={**batch.extra, **drawn})

    def images(self, generators: Generators, batch: Batch) -> dict[str, Tensor]:
        source = needed(batch.source, "source", "contrast")
        if "head1" not in generators:
            # results alone are asked for
            return {"fake": generators["generator"](source)}
        fake = generators["generator"](self._mirrored(source, batch))
        images = {"fake": fake, **self._compared(generators, source, fake, batch)}
        if self.identity:
            target = needed(batch.target, "target", "contrast")
            same = generators["generator"](self._mirrored(target, batch))
            compared = self._compared(generators, target, same, batch)
            images |= {"same_target": same, **{f"same_{name}": values for name, values in compared.items()}}
        return images

    def matches(self, batch: Batch, images: Mapping[str, Tensor], conditional: bool) -> tuple[Match, ...]:
        return (Match("critic", needed(batch.target, "target", "contrast"), images["fake"]),)

    def _mirrored(self, values: Tensor, batch: Batch) -> Tensor:
        """The samples whose lot it is, left to right; twice is once back."""
        return torch.where(batch.extra["flip"] < 0.5, values.flip(-1), values) if self.flip else values

    def _compared(self, generators: Generators, given: Tensor, made: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Queries of ``made`` and keys of ``given`` (N, C, H, W)."""
        features = [self._mirrored(values, batch) for values in generators["generator"](made, layers=self.layers)]
        places = [self._places(batch.extra["places"], values) for values in features]
        compared = self._projected("query", generators, features, places)
        # keys are constants (Park et al. 2020, eq. 2). After the queries: weights that autocast has cast without a
        # graph would go on being used so
        with torch.no_grad():
            features = generators["generator"](given, layers=self.layers)
            return {**compared, **self._projected("key", generators, features, places)}

    def _places(self, lots: Tensor, features: Tensor) -> Tensor:
        """(N, P) places in a layer, none twice: those of its places that drew the largest of the (N, H W) ``lots``."""
        size = features.shape[2] * features.shape[3]
        return lots[:, :size].topk(min(self.patches, size)).indices

    def _projected(
        self, kind: str, generators: Generators, features: list[Tensor], places: list[Tensor]
    ) -> dict[str, Tensor]:
        heads: list[nn.Module] = [generators[f"head{number}"] for number in self._numbers]
        projected = {}
        for number, head, values, chosen in zip(self._numbers, heads, features, places, strict=True):
            index = chosen[:, None].expand(-1, values.shape[1], -1)
            patches = values.flatten(2).gather(2, index).transpose(1, 2)
            projected[f"{kind}{number}"] = head(patches.flatten(0, 1)).unflatten(0, patches.shape[:2])
        return projected
