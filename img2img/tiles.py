"""Any height and width through any network: padding to its multiple, and overlapping tiles above a memory budget."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad

from img2img.errors import UserError

Tile = int | Literal["auto", "off"]
BLEND = 16
WHOLE_PIXELS = 1_500_000
TILE_SIDE = 768


class Network(Protocol):
    """What tiling must know of a network (see `img2img.networks.base.Generator`)."""

    multiple: int
    minimum: int
    radius: int | None

    def __call__(self, x: Tensor) -> Tensor: ...


def parse_tile(text: str) -> Tile:
    """``auto``, ``off`` or a side in pixels.

    Raises:
        UserError: anything else.
    """
    if text in ("auto", "off"):
        return text  # type: ignore[return-value]
    if text.isdecimal() and int(text) >= 16:
        return int(text)
    raise UserError(f"--tile {text}: use auto, off, or a side of at least 16 px")


def padded(x: Tensor, multiple: int, minimum: int) -> Tensor:
    """Pad right and below to a multiple (and a least side): mirrored where that is possible, else the edge repeated."""
    height, width = x.shape[-2:]
    down = _up(max(height, minimum), multiple) - height
    right = _up(max(width, minimum), multiple) - width
    while down or right:
        # reflection can add at most one pixel less than there is; a side of one pixel can only be repeated
        step_down, step_right = min(down, x.shape[-2] - 1), min(right, x.shape[-1] - 1)
        if (down and not step_down) or (right and not step_right):
            edge_down = down if down and not step_down else 0
            edge_right = right if right and not step_right else 0
            x = pad(x, (0, edge_right, 0, edge_down), mode="replicate")
            down, right = down - edge_down, right - edge_right
            continue
        x = pad(x, (0, step_right, 0, step_down), mode="reflect")
        down, right = down - step_down, right - step_right
    return x


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def whole(network: Network, x: Tensor) -> Tensor:
    """The network on the whole picture, padded and cropped back."""
    height, width = x.shape[-2:]
    return network(padded(x, network.multiple, network.minimum))[..., :height, :width]


def run(network: Network, x: Tensor, *, tile: Tile = "auto") -> Tensor:
    """(N, C, H, W) of any size through ``network``.

    ``auto`` takes the picture whole up to 1.5 megapixels and tiles of 768 px above. Tiles overlap by the receptive
    field's radius (128 px where it is the whole picture: results then differ from the whole) and are blended linearly
    over 16 px more; only pixels whose receptive field lies within their tile are used, so that where the radius is
    finite and statistics are fixed tiles equal the whole.
    """
    height, width = x.shape[-2:]
    if tile == "off" or (tile == "auto" and height * width <= WHOLE_PIXELS):
        return whole(network, x)
    side = TILE_SIDE if tile == "auto" else tile
    multiple = network.multiple
    margin = 128 if network.radius is None else network.radius
    margin = _up(margin, multiple)
    side = max(_up(side, multiple), _up(network.minimum, multiple))
    if side < 2 * (margin + BLEND) + multiple:
        side = _up(2 * (margin + BLEND) + multiple, multiple)
    if side >= height and side >= width:
        return whole(network, x)
    total: Tensor | None = None
    weights = torch.zeros(1, 1, height, width, device=x.device)
    for top, bottom in spans(height, side, margin, multiple):
        for left, right in spans(width, side, margin, multiple):
            made = whole(network, x[..., top:bottom, left:right]).float()
            window = _window(top, bottom, height, margin)[:, None] * _window(left, right, width, margin)[None]
            window = window.to(x.device)
            if total is None:
                total = torch.zeros(*made.shape[:2], height, width, device=x.device)
            total[..., top:bottom, left:right] += made * window
            weights[..., top:bottom, left:right] += window
    if total is None:
        return whole(network, x)
    return total.div_(weights)


def spans(length: int, side: int, margin: int, multiple: int) -> Iterator[tuple[int, int]]:
    """Tiles along one axis, starts aligned to ``multiple``; neighbours share ``2 * margin + BLEND`` pixels at least."""
    if length <= side:
        yield 0, length
        return
    stride = max(multiple, (side - 2 * margin - BLEND) // multiple * multiple)
    start = 0
    while start + side < length:
        yield start, start + side
        start += stride
    yield start, length


def _window(start: int, stop: int, length: int, margin: int) -> Tensor:
    """Weights along one axis: 0 within ``margin`` of a cut side, a ramp of `BLEND` pixels, then 1."""
    place = torch.arange(start, stop, dtype=torch.float32)
    weight = torch.ones(stop - start)
    if start > 0:
        weight = torch.minimum(weight, (place - start - margin + 1) / (BLEND + 1))
    if stop < length:
        weight = torch.minimum(weight, (stop - margin - place) / (BLEND + 1))
    return weight.clamp(0, 1)
