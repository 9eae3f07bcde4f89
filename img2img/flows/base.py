"""What most flows share: one generator, one critic, nothing drawn, no mask."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from img2img.config import options
from img2img.errors import UserError
from img2img.types import Batch, Draw, Side


def needed(value: Tensor | None, name: str, flow: str) -> Tensor:
    """``value``, or the error that the data have none for this flow."""
    if value is None:
        raise UserError(
            f"flow {flow!r} needs data with a {name}; this data set has none (give --data; see data.layout)"
        )
    return value


@options
class OneGenerator:
    """The properties of `img2img.types.Flow` for one generator and one critic; a flow states what differs."""

    @property
    def sides(self) -> Mapping[str, Side]:
        return {"generator": "target"}

    @property
    def networks(self) -> tuple[str, ...]:
        return tuple(self.sides)

    @property
    def way_back(self) -> str | None:
        return None

    @property
    def critics(self) -> tuple[str, ...]:
        return ("critic",)

    @property
    def conditions(self) -> bool:
        return False

    @property
    def makes(self) -> tuple[str, ...]:
        return ("fake",)

    @property
    def redraws(self) -> bool:
        return False

    @property
    def from_noise(self) -> bool:
        return False

    @property
    def needs_pairs(self) -> bool:
        return False

    @property
    def needs_mask(self) -> bool:
        return False

    @property
    def centre_only(self) -> bool:
        return False

    def prepare(self, batch: Batch, draw: Draw) -> Batch:
        return batch
