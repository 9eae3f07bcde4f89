"""What the samples of pictures are: type, channels and range, and their way to [-1, 1] and back."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from img2img.compute.transfer import moved
from img2img.config import options

Pixels = np.ndarray[Any, Any]
DType = Literal["uint8", "uint16", "float32"]
Range = tuple[float, float]
# the range of types that have one
FULL: dict[str, Range] = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0)}


@options
class Form:
    """The samples of one side's pictures, and the range that stands for [-1, 1]."""

    dtype: DType = "uint8"
    channels: Annotated[int, Field(ge=1, le=65_536)] = 3
    range: Range = (0.0, 255.0)
    # whether the pages of a TIFF are its channels
    pages: bool = False

    def __post_init__(self) -> None:
        if not self.range[0] < self.range[1] or not np.isfinite(self.range).all():
            raise ValueError(f"range [{self.range[0]:g}, {self.range[1]:g}]: the lowest value comes first")

    @property
    def plain(self) -> bool:
        """8-bit RGB over its full range."""
        return self == Form()

    @property
    def in_png(self) -> bool:
        """Whether a PNG holds such samples exactly, none of them as alpha."""
        return self.dtype != "float32" and self.channels in (1, 3)

    def __str__(self) -> str:
        channels = f"{self.channels} channel{'s' if self.channels > 1 else ''}"
        return f"{channels} of {self.dtype}, {self.range[0]:g} to {self.range[1]:g}"

    def to_tensor(self, pixels: Pixels) -> Tensor:
        """(H, W, C) of any type in the files' units -> (C, H, W) float32 in [-1, 1], clipped."""
        # a copy always: numpy calls a mirrored picture of one column contiguous, and torch refuses its stride
        planes = pixels.transpose(2, 0, 1)
        low, high = self.range
        if self.range == FULL.get(pixels.dtype.name):
            return torch.from_numpy(planes.astype(np.float32, order="C", copy=True)).div_(high / 2).sub_(1)
        values = torch.from_numpy(planes.astype(np.float64, order="C", copy=True))
        return values.sub_(low).div_((high - low) / 2).sub_(1).clamp_(-1, 1).float()

    def as_bytes(self, pixels: Pixels) -> Tensor:
        """(H, W, C) -> (C, H, W) uint8 as the file has it, for `from_bytes`; other types and ranges as `to_tensor`."""
        if pixels.dtype != np.uint8 or self.range != FULL["uint8"]:
            return self.to_tensor(pixels)
        # seen in another order, not brought into it: torch stacks what lies alike without going through its values
        return _copied(pixels).permute(2, 0, 1)

    def to_pixels(self, values: Tensor) -> Pixels:
        """(C, H, W) in [-1, 1] -> (H, W, C) in the files' units and type: clipped, integers rounded half up."""
        low, high = self.range
        units = values.permute(1, 2, 0).contiguous().cpu().double().add_(1).mul_((high - low) / 2).add_(low)
        if self.dtype == "float32":
            made: Pixels = units.clamp_(low, high).float().numpy()
            return made
        return units.add_(0.5).floor_().clamp_(low, high).int().numpy().astype(self.dtype)

    def outside(self, pixels: Pixels) -> int:
        """How many samples lie outside the range."""
        low, high = self.range
        return int(np.count_nonzero((pixels < low) | (pixels > high)))

    def for_eyes(self, pixels: Pixels) -> Pixels:
        """(H, W, C) in the files' units -> (H, W, 3) uint8, the range as 0 to 255: the first channels, or grey."""
        if pixels.dtype == np.uint8 and pixels.shape[2] == 3 and self.range == FULL["uint8"]:
            return pixels
        low, high = self.range
        shown = pixels[:, :, :3] if pixels.shape[2] >= 3 else np.repeat(pixels[:, :, :1], 3, axis=2)
        levels = (shown.astype(np.float64) - low) * (255 / (high - low))
        eyes: Pixels = np.clip(np.floor(levels + 0.5), 0, 255).astype(np.uint8)
        return eyes


def _copied(pixels: Pixels) -> Tensor:
    """(H, W, C) uint8 as a tensor of its own, contiguous."""
    # mirrored by torch: numpy takes four times as long, pixel by pixel
    mirrored = pixels.strides[1] < 0
    rows = torch.from_numpy((pixels[:, ::-1] if mirrored else pixels).copy(order="C"))
    return rows.flip(1) if mirrored else rows


def from_bytes(values: Tensor) -> Tensor:
    """uint8 samples -> float32 in [-1, 1], the bits that `Form.to_tensor` gives them on a CPU; others as they are."""
    if values.dtype != torch.uint8:
        return values
    # looked up, not computed: CUDA divides by a number by multiplying with its reciprocal
    return _levels(values.device)[values.int()].contiguous()


@lru_cache(maxsize=8)
def _levels(device: torch.device) -> Tensor:
    """What each of 256 levels is in [-1, 1]."""
    levels = Form(channels=1).to_tensor(np.arange(256, dtype=np.uint8).reshape(1, 256, 1))
    return moved(levels.flatten(), device)


@dataclass(frozen=True)
class Forms:
    """The forms of both sides."""

    source: Form = field(default_factory=Form)
    target: Form = field(default_factory=Form)

    @property
    def plain(self) -> bool:
        """Whether both are 8-bit RGB."""
        return self.source.plain and self.target.plain

    @property
    def one(self) -> bool:
        """Whether results are in the units of what was translated: type and range are those of both sides."""
        return (self.source.dtype, self.source.range) == (self.target.dtype, self.target.range)

    @property
    def alike(self) -> bool:
        """Whether a source can be compared with its target sample by sample, grey counting as R = G = B."""
        return self.one and (
            self.source.channels == self.target.channels or {1, 3} == {self.source.channels, self.target.channels}
        )

    @property
    def back(self) -> Forms:
        """Of the way back."""
        return Forms(self.target, self.source)

    def of(self, side: str) -> Form:
        """That of ``source``, or of ``target`` (whatever else)."""
        return self.source if side == "source" else self.target


def seen(pixels: Pixels) -> Pixels:
    """(H, W, C) of any type as (H, W, 3) uint8 to look at, its own lowest and highest value as 0 and 255."""
    low, high = float(pixels.min()), float(pixels.max())
    return Form(dtype="float32", channels=pixels.shape[2], range=(low, high if high > low else low + 1)).for_eyes(
        pixels
    )
