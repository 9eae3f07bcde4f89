"""What the nearest neighbours of samples say: 1-NN accuracy, and improved precision and recall."""

from __future__ import annotations

import torch
from torch import Tensor

from img2img.metrics.sets.distances import checked, same_count, squared_blocks, squared_distances

# neighbours whose squared distance differs by less, of the mean squared distance, are equally near
TIE = 1e-12


def nearest_neighbour(real: Tensor, made: Tensor) -> dict[str, float]:
    """Leave-one-out accuracy of the 1-NN classifier of real against made, (N, F) each (Xu et al. 2018, section 2.2).

    0.5: not to be told apart; 1: apart; below 0.5: made samples lie closer to single real ones than these to each
    other (copies: 0). Of equally near neighbours of both sets each counts its share.

    Returns:
        1nn_accuracy, and its parts over real and over made samples: 1nn_real, 1nn_made.

    Raises:
        UserError: sets of different size; bad sets.
    """
    real, made = checked(real, made)
    same_count(real, made, "1-NN accuracy")
    union, count = torch.cat([real, made]), len(real)
    right = torch.empty(2 * count, dtype=torch.float64, device=union.device)
    slack = TIE * 2 * float((union - union.mean(0)).square().sum(1).mean())
    for start, squared in squared_blocks(union, union):
        squared.diagonal(start).fill_(torch.inf)
        near = squared <= squared.amin(1, keepdim=True) + slack
        among_real = near[:, :count].sum(1) / near.sum(1)
        of_real = torch.arange(start, start + len(squared), device=union.device) < count
        right[start : start + len(squared)] = torch.where(of_real, among_real, 1 - among_real)
    parts = float(right[:count].mean()), float(right[count:].mean())
    return {"1nn_accuracy": sum(parts) / 2, "1nn_real": parts[0], "1nn_made": parts[1]}


def precision_recall(real: Tensor, made: Tensor, k: int = 3) -> tuple[float, float]:
    """Improved precision and recall of (N, F) and (M, F) (Kynkaanniemi et al. 2019, eq. 1 and 2).

    Precision: share of made samples within a ball of a real one, whose radius is the distance to its k-th nearest
    other real sample. Recall: the same with the sets exchanged.

    Raises:
        UserError: sets of no more than ``k`` samples; bad sets.
    """
    real, made = checked(real, made, needed=k + 1)
    return _covered(real, made, k), _covered(made, real, k)


def _covered(centres: Tensor, samples: Tensor, k: int) -> float:
    """Share of the samples within a ball of a centre."""
    # a centre is its own nearest, at distance 0
    radii = torch.cat([block.kthvalue(k + 1, 1).values for _, block in squared_blocks(centres, centres)])
    inside = (squared_distances(samples, centres) <= radii).any(1)
    return float(inside.double().mean())
