"""How often a small map must be doubled to become a picture."""

from __future__ import annotations

from img2img.errors import UserError

# sides of the smallest map, the smallest that fits is taken
SMALLEST = range(4, 17)


def doublings(size: int | None, name: str) -> tuple[int, int]:
    """(side of the smallest map, doublings up to ``size``): 4 for powers of two, 7 for 28, 9 for 72.

    Args:
        name: the network's, for the error.

    Raises:
        UserError: no picture side that is at least twice a whole side of 4 to 16, or none at all.
    """
    for first in SMALLEST:
        times = (size or 0) // first
        if times * first == size and times >= 2 and not times & (times - 1):
            return first, times.bit_length() - 1
    fitting = [side for side in range(8, 257) if any(side == first * 2**n for first in SMALLEST for n in range(1, 5))]
    nearest = sorted(sorted(fitting, key=lambda side: abs(side - (size or 32)))[:2])
    raise UserError(
        f"{name}: the picture side must be 4 to 16 px doubled once or more, got {size}; "
        f"{nearest[0]} or {nearest[1]} do (data.crop; data.side for rows of an array)"
    )
