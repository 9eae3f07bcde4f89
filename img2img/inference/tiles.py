"""Any height and width through any network: padding to its multiple, and overlapping tiles above a memory budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad

from img2img.errors import UserError

Tile = int | Literal["auto", "off"]
Take = Callable[[int, int, int, int], Tensor]
Put = Callable[[int, int, Tensor], None]
# pixels over which neighbours are blended: where tiles equal the whole it only smooths over the rounding of sums
BLEND = 8
# what is discarded at cut sides, and blended, for networks whose every pixel depends on the whole picture: a U-Net's
# tiles of 512 px were measured at 0.0 levels of 255 from the whole so, at 0.1 with 64 and 128, at 2.2 with 0 and 256
WIDE_MARGIN, WIDE_BLEND = 96, 64


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
    down = round_up(max(height, minimum), multiple) - height
    right = round_up(max(width, minimum), multiple) - width
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


def round_up(value: int, multiple: int) -> int:
    """The least multiple that is no less than ``value``."""
    return -(-value // multiple) * multiple


def whole(network: Network, x: Tensor) -> Tensor:
    """The network on the whole picture, padded and cropped back."""
    height, width = x.shape[-2:]
    return network(padded(x, network.multiple, network.minimum))[..., :height, :width]


@dataclass(frozen=True)
class Span:
    """One axis of a tile: the network sees ``start`` to ``stop``; ``first`` to ``last`` of that is kept.

    The first ``head`` and the last ``tail`` kept pixels are shared with the neighbours.
    """

    start: int
    stop: int
    first: int
    last: int
    head: int = 0
    tail: int = 0


@dataclass(frozen=True)
class Tiling:
    """How a picture is cut into rows and columns of tiles; ``pixels`` are those of the largest tile, padded."""

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]
    pixels: int

    @property
    def tiles(self) -> int:
        """How many there are; 1 is the whole picture."""
        return len(self.rows) * len(self.columns)


def blend_of(radius: int | None) -> tuple[int, int]:
    """What tiles of a network discard at each cut side, and over how much of the rest they are blended, in px."""
    return (WIDE_MARGIN, WIDE_BLEND) if radius is None else (radius, BLEND)


class _Axis:
    """How one axis may be cut for a network; sides are multiples of the network's, neighbours share ``overlap``."""

    def __init__(self, length: int, network: Network) -> None:
        self.length = length
        self.multiple = network.multiple
        self.margin, blend = blend_of(network.radius)
        self.overlap = round_up(2 * self.margin + blend, network.multiple)
        self.shared = self.overlap - 2 * self.margin
        self.whole = round_up(max(length, network.minimum), network.multiple)
        # no pixel may belong to three tiles
        self.smallest = max(
            round_up(network.minimum, network.multiple), round_up(self.shared, network.multiple) + self.overlap
        )

    def count(self, side: int) -> int:
        """How many tiles of this side are needed."""
        return 1 if side >= self.length else 1 + -(-(self.length - side) // (side - self.overlap))

    def side(self, count: int) -> int:
        """The least side of which so many are enough."""
        if count == 1:
            return self.whole
        return max(self.smallest, round_up(-(-(self.length - self.overlap) // count), self.multiple) + self.overlap)

    def spans(self, side: int) -> tuple[Span, ...]:
        """The tiles of this side; the last one ends where the picture does."""
        count = self.count(side)
        made = []
        for number in range(count):
            start = number * (side - self.overlap)
            first, last = number == 0, number == count - 1
            stop = self.length if last else start + side
            made.append(
                Span(
                    start,
                    stop,
                    start if first else start + self.margin,
                    stop if last else stop - self.margin,
                    0 if first else self.shared,
                    0 if last else self.shared,
                )
            )
        return tuple(made)


def lay_out(network: Network, height: int, width: int, *, tile: Tile = "auto", limit: int | None = None) -> Tiling:
    """The tiles of a picture.

    Tiles start at multiples of the network's, overlap by the receptive field's radius on each side (`WIDE_MARGIN`
    where that is the whole picture) and by what is blended.

    Args:
        tile: ``auto`` cuts so that the least is computed while a tile has at most ``limit`` pixels; a number cuts into
            tiles of that side (enlarged where overlaps need it); ``off`` does not cut.
        limit: pixels, or None for no limit. Where not even the smallest tile fits, it is taken all the same: look at
            the tiling's ``pixels``.
    """
    down, across = _Axis(height, network), _Axis(width, network)
    if tile == "off" or (tile == "auto" and limit is None):
        sides = down.whole, across.whole
    elif tile == "auto":
        sides = _sides(down, across, limit or 0)
    else:
        side = round_up(tile, network.multiple)
        sides = min(down.whole, max(side, down.smallest)), min(across.whole, max(side, across.smallest))
    return Tiling(down.spans(sides[0]), across.spans(sides[1]), sides[0] * sides[1])


def _sides(down: _Axis, across: _Axis, limit: int) -> tuple[int, int]:
    """Height and width of tiles of at most ``limit`` pixels of which the fewest pixels are computed in all."""
    best = min(down.whole, down.smallest), min(across.whole, across.smallest)
    if best[0] * best[1] > limit:
        return best
    least: float = float("inf")
    fewest = down.count(limit // best[1] // down.multiple * down.multiple)
    for count in range(fewest, down.count(best[0]) + 1):
        height = min(down.whole, down.side(count))
        widest = limit // height // across.multiple * across.multiple
        width = min(across.whole, across.side(across.count(widest)))
        computed = down.count(height) * height * across.count(width) * width
        if height * width <= limit and computed < least:
            best, least = (height, width), computed
        if width == across.whole:
            break  # more rows would only overlap more
    return best


def stream(network: Network, cut: Tiling, take: Take, put: Put) -> None:
    """A picture through a network tile by tile; nothing of the picture's size is held here.

    Neighbours are blended linearly. Of finished tiles only the pixels shared with tiles to come are kept. Where the
    receptive field's radius is finite and statistics are fixed, the result is that of the whole but for rounding.

    Args:
        take: gives the pixels from (top, bottom, left, right) as (N, C, bottom - top, right - left).
        put: receives finished pixels (N, C, h, w) and where their upper left one belongs, each pixel once.
    """
    below: list[Tensor | None] = [None] * len(cut.columns)
    for row in cut.rows:
        right: Tensor | None = None
        for place, column in enumerate(cut.columns):
            made = whole(network, take(row.start, row.stop, column.start, column.stop))
            made = made[..., row.first - row.start : row.last - row.start, :]
            made = made[..., column.first - column.start : column.last - column.start].float()
            made, right = _joined(made, -1, column, right)
            made, below[place] = _joined(made, -2, row, below[place])
            put(row.first, column.first, made)


def _joined(made: Tensor, axis: int, span: Span, before: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """``made`` with its share of the tile before added and that of the tile after taken off."""
    after = None
    if span.tail:
        after = made.narrow(axis, made.shape[axis] - span.tail, span.tail).clone()
        made = made.narrow(axis, 0, made.shape[axis] - span.tail)
    if span.head and before is not None:
        ramp = torch.arange(1, span.head + 1, device=made.device) / (span.head + 1)
        ramp = ramp if axis == -1 else ramp[:, None]
        made = torch.cat(
            [
                torch.lerp(before, made.narrow(axis, 0, span.head), ramp),
                made.narrow(axis, span.head, made.shape[axis] - span.head),
            ],
            axis,
        )
    return made, after
