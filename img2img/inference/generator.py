"""A generator as its flow plays it: whatever it gives, the flow says which image is the result."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from img2img.errors import RunError, UserError
from img2img.networks.neck import central_half
from img2img.types import Batch, Flow


def result_of(flow: Flow, network: nn.Module, batch: Batch) -> Tensor:
    """The result among the images that ``flow`` makes of a batch with the generator that translates."""
    return flow.images({flow.networks[0]: network}, batch)["fake"]


def finite(values: Tensor) -> Tensor:
    """``values``, if all of them are numbers: no picture should be made of others.

    Raises:
        RunError: some are not.
    """
    # one that is no number makes the sum none; not the sum in half precision, which ends at 65504
    if not bool(torch.isfinite(values.sum(dtype=torch.float32))):
        raise RunError("the network gave values that are no numbers: its training diverged, or --precision is too low")
    return values


def check_reach(flow: Flow, *masks: Tensor) -> None:
    """Refuse masks (..., H, W), above 0 inside the hole, that reach where a ``flow`` has nothing to fill it with.

    Raises:
        UserError: outside of the picture's central half, of a flow that makes that half alone.
    """
    for mask in masks if flow.centre_only else ():
        inside, height, width = central_half(mask), mask.shape[-2], mask.shape[-1]
        if int((mask > 0).sum()) > int((inside > 0).sum()):
            raise UserError(
                f"the hole reaches beyond the {inside.shape[-1]}x{inside.shape[-2]} px in the middle of the picture "
                f"({width}x{height}), which is all that these weights fill; cut the picture so that its hole lies "
                f"there, or take weights of flow inpaint"
            )


class WithinFlow(nn.Module):
    """A generator within its flow, as something that maps one tensor to another, whatever the generator itself gives.

    With ``masked`` the last channel is the mask, 1 inside the hole; what lies under it is replaced by ``fill``, the
    levels of 0 to 255 of each other channel, if there are any.
    """

    def __init__(self, flow: Flow, network: nn.Module, fill: Sequence[int], masked: bool) -> None:
        super().__init__()
        self.masked = masked
        self.fill = [level / 127.5 - 1 for level in fill]
        self.flow = flow
        self.network = network
        self.multiple: int = int(getattr(network, "multiple", 1))
        self.minimum: int = int(getattr(network, "minimum", 1))
        radius = getattr(network, "radius", None)
        self.radius: int | None = None if radius is None else int(radius)

    def forward(self, x: Tensor) -> Tensor:
        if not self.masked:
            return result_of(self.flow, self.network, Batch(source=x))
        source, mask = x[:, :-1], x[:, -1:]
        if self.fill:
            source = torch.where(mask > 0, source.new_tensor(self.fill).view(1, -1, 1, 1), source)
        return result_of(self.flow, self.network, Batch(source=source, mask=mask))
