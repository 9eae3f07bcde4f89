"""Two sets as matrices, and the distances between their samples, in float64 and by blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from img2img.errors import UserError

# rows of a distance matrix held at a time: 1024 x 10,000 float64 are 80 MB
ROWS = 1024
# up to so many numbers a sample, differences are taken one by one, which is exact for equal samples
EXACT = 32


def checked(real: Tensor, made: Tensor, needed: int = 2) -> tuple[Tensor, Tensor]:
    """Both sets as (N, F) float64, at least ``needed`` samples each; further dimensions are flattened.

    Raises:
        UserError: too few samples, samples of different size, values that are no finite numbers.
    """
    sets = tuple(_matrix(values, name, needed) for values, name in ((real, "real"), (made, "made")))
    if sets[0].shape[1] != sets[1].shape[1]:
        raise UserError(
            f"the real samples hold {sets[0].shape[1]} numbers each and the made ones {sets[1].shape[1]}; "
            f"sets are compared in one space"
        )
    return sets[0], sets[1]


def _matrix(values: Tensor, name: str, needed: int) -> Tensor:
    if values.ndim < 2:
        raise UserError(f"the {name} set has the shape {tuple(values.shape)}; (samples, numbers) is needed")
    if len(values) < needed:
        raise UserError(f"the {name} set has {len(values)} samples; at least {needed} are needed")
    values = values.detach().reshape(len(values), -1).double()
    bad = ~torch.isfinite(values).all(1)
    if bad.any():
        first = int(bad.nonzero()[0])
        raise UserError(f"the {name} set: {int(bad.sum())} samples hold NaN or infinity, the first is {first}")
    return values


def same_count(real: Tensor, made: Tensor, measure: str) -> None:
    """Refuse sets of different size, of which ``measure`` has another meaning.

    Raises:
        UserError: naming both sizes.
    """
    if len(real) != len(made):
        raise UserError(
            f"{measure} is of sets of one size, and there are {len(real)} real and {len(made)} made samples; "
            f"take {min(len(real), len(made))} of each"
        )


def squared_blocks(x: Tensor, y: Tensor) -> Iterator[tuple[int, Tensor]]:
    """(first row, squared distances of up to `ROWS` rows of x to all of y); exactly 0 from a sample to itself."""
    itself = x is y
    centre = x.mean(0)
    x, y = x - centre, y - centre
    norms = y.square().sum(1)
    for start in range(0, len(x), ROWS):
        rows = x[start : start + ROWS]
        if x.shape[1] <= EXACT:
            block = torch.cdist(rows, y, compute_mode="donot_use_mm_for_euclid_dist").square_()
        else:
            block = torch.addmm(norms[None], rows, y.T, alpha=-2).add_(rows.square().sum(1, keepdim=True)).clamp_(min=0)
        if itself:
            block.diagonal(start).zero_()
        yield start, block


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """(N, M) squared Euclidean distances of (N, F) and (M, F) float64."""
    return torch.cat([block for _, block in squared_blocks(x, y)])


def median_distance(x: Tensor) -> float:
    """Median Euclidean distance of the pairs of one set (N, F), of up to 2000 samples spread evenly over it."""
    some = x[:: -(-len(x) // 2000)].double()
    distances = squared_distances(some, some)
    over, under = torch.triu_indices(len(some), len(some), 1)
    return float(distances[over, under].sqrt().median())
