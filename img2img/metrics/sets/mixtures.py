"""How a set covers a mixture whose modes are known."""

from __future__ import annotations

from torch import Tensor

from img2img.metrics.sets.distances import checked, squared_distances

# a sample is of high quality within so many standard deviations of the nearest centre
RADIUS = 3.0
# a mode is covered by so large a share of all samples, of high quality there
SHARE = 0.005


def modes(
    made: Tensor, centres: Tensor, sigma: float, radius: float = RADIUS, share: float = SHARE
) -> tuple[int, float]:
    """(modes covered, high-quality share) of samples (N, F) of a mixture with ``centres`` (K, F).

    ``sigma`` is the standard deviation of a mode in each coordinate. A perfect set of two coordinates has a share of
    0.989, as 1 - exp(-4.5).

    Raises:
        UserError: bad sets.
    """
    centres, made = checked(centres, made, needed=1)
    squared, nearest = squared_distances(made, centres).min(1)
    good = squared <= (radius * sigma) ** 2
    hits = nearest[good].bincount(minlength=len(centres))
    return int((hits >= max(1.0, share * len(made))).sum()), float(good.double().mean())
