"""All of a translation as one module: values in [0, 1] of any size in, values in [0, 1] of the same size out."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from img2img.errors import UserError
from img2img.inference.generator import WithinFlow
from img2img.inference.statistics import DROPOUTS
from img2img.inference.translator import Translator

# what may be of any length, of pictures
AXES = {0: "batch", 2: "height", 3: "width"}


class PictureGraph(nn.Module):
    """A translator's network with all that surrounds it, so that whoever runs the graph need know nothing of it.

    What it computes is what `Translator.tensor` does to a picture as a whole: padding right and below to the network's
    multiple (mirrored, as often as needed; the edge where there is one pixel alone), the network within its flow, the
    crop back, the mean of the channels where the training's targets were grey, the clamp. The network's levels of
    [-1, 1] are made of, and become, those of [0, 1].

    Args:
        dtype: in which the network computes; input and output are float32.
        clamped: whether results are clamped to [0, 1]; without it whoever runs the graph has to, after joining tiles.

    Raises:
        UserError: these weights have no graph, with the reason (see `refuse`).
    """

    axes = AXES

    def __init__(self, translator: Translator, dtype: torch.dtype = torch.float32, *, clamped: bool = True) -> None:
        super().__init__()
        refuse(translator)
        self.channels = translator.shape.source
        self.clamped = clamped
        self.dtype = dtype
        self.masked = translator.takes_mask
        self.inputs = {"image": "float32 NCHW in [0, 1]"}
        if self.masked:
            self.inputs["mask"] = "float32 N1HW, 1 inside the hole"
        self.grey_targets = translator.grey_targets
        self.within_flow = WithinFlow(translator.flow, frozen(translator, dtype), translator.fill, self.masked)

    def forward(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """(N, C, H, W) in [0, 1], and (N, 1, H, W) above 0.5 inside the hole, -> (N, C', H, W) in [0, 1]."""
        height, width = image.shape[2:]
        x = image * 2 - 1
        if mask is not None:
            x = torch.cat([x, (mask > 0.5).to(x.dtype)], dim=1)
        x = x.index_select(2, self._mirrored(height)).index_select(3, self._mirrored(width))
        result = self.within_flow(x.to(self.dtype)).float()[:, :, :height, :width]
        return shown(result, self.grey_targets, self.clamped)

    @property
    def interface(self) -> str:
        """What it takes and gives, in a line."""
        colour = "RGB " if self.channels == 3 else ""
        mask = ", mask float32 (batch, 1, height, width), 1 inside the hole" if self.masked else ""
        return (
            f"input: image float32 (batch, {self.channels}, height, width), {colour}in [0, 1], any size{mask}; "
            f"output: result, like image"
        )

    def example(self) -> tuple[Tensor, ...]:
        """Inputs that it can be traced with: sides that differ from each other and from the multiples."""
        side = 2 * self.within_flow.multiple + self.within_flow.minimum
        return tuple(torch.rand(2, count, side + 3, side + 5) for count in (self.channels, 1)[: len(self.inputs)])

    def _mirrored(self, length: int) -> Tensor:
        """Which pixel of ``length`` stands at each place of the padded axis."""
        multiple = self.within_flow.multiple
        # rounded up without negative numbers, which ONNX divides towards zero
        least = torch.sym_max(length, self.within_flow.minimum)  # type: ignore[no-untyped-call]
        padded = (least + multiple - 1) // multiple * multiple
        # a tensor: of a plain number the exporter would take it that no side is one pixel, and leave out the clamp
        period = (torch.scalar_tensor(length, dtype=torch.int64) * 2 - 2).clamp(min=1)
        place = torch.arange(padded).remainder(period)
        return torch.minimum(place, period - place)


def frozen(translator: Translator, dtype: torch.dtype) -> nn.Module:
    """A copy of a translator's network on the CPU that makes each result as the translator does."""
    network: nn.Module = copy.deepcopy(translator.network).cpu().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    if translator.inference.norm == "batch":
        network = each_by_itself(network)
    return network.eval().requires_grad_(False).to(dtype)


def shown(result: Tensor, grey: bool, clamped: bool) -> Tensor:
    """(N, C, H, W) in [-1, 1] in [0, 1], with one level in all channels where targets were ``grey``."""
    if grey:
        result = result.mean(1, keepdim=True).expand(-1, result.shape[1], -1, -1)
    values: Tensor = result / 2 + 0.5
    return values.clamp(0, 1) if clamped else values


def refuse(translator: Translator) -> None:
    """Refuse weights whose results are no pictures, or no function of what they are made of.

    Raises:
        UserError: with the reason.
    """
    if getattr(translator.network, "vector", False):
        raise UserError("these weights cannot be exported: they make vectors, no pictures")
    if getattr(translator.network, "whole_only", False):
        raise UserError(
            "these weights cannot be exported: their network resizes every picture to the one size that it was trained "
            "at; use img2img infer"
        )
    drawn = [part for part in translator.network.modules() if isinstance(part, DROPOUTS) and part.p > 0]
    if translator.inference.dropout and drawn:
        raise UserError(
            "these weights cannot be exported: their results are drawn with dropout "
            "(generator.inference.dropout: true), and a file gives one picture one result; "
            "train with generator.inference.dropout=false"
        )


def each_by_itself(network: nn.Module) -> nn.Module:
    """``network`` with batch normalisation by each picture's own statistics, as if it were alone in its batch.

    That is how results are made with ``generator.inference.norm: batch``; a graph that took the statistics over its
    batch would give a picture another result beside other neighbours.
    """
    for name, part in network.named_children():
        if isinstance(part, nn.BatchNorm2d):
            alone = nn.InstanceNorm2d(part.num_features, eps=part.eps, affine=part.affine)
            if part.affine:
                alone.weight, alone.bias = part.weight, part.bias
            setattr(network, name, alone)
        else:
            each_by_itself(part)
    return network
