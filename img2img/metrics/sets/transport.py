"""Wasserstein distance by optimal assignment, and the Frechet distance of two Gaussians."""

from __future__ import annotations

import torch
from torch import Tensor

from img2img.metrics.sets.distances import checked, same_count, squared_distances


def wasserstein(real: Tensor, made: Tensor) -> float:
    """1-Wasserstein distance of two sets (N, F) of one size: the mean Euclidean distance of the best assignment.

    In the units of the samples. Between two draws of one distribution it is not 0, and falls with N slowly in many
    dimensions: compare it at one N (Xu et al. 2018, section 2.2). Time grows with N^3; 2000 take seconds.

    Raises:
        UserError: sets of different size; bad sets.
    """
    from scipy.optimize import linear_sum_assignment

    real, made = checked(real, made, needed=1)
    same_count(real, made, "the Wasserstein distance")
    costs = squared_distances(real, made).sqrt_().cpu().numpy()
    rows, columns = linear_sum_assignment(costs)
    return float(costs[rows, columns].mean())


def frechet(real: Tensor, made: Tensor) -> float:
    """Squared Frechet distance of the Gaussians of (N, F) and (M, F): |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)).

    Covariances over N - 1, as FID's (Heusel et al. 2017, eq. 6). Biased upwards at small N: compare it at one N. The
    name FID belongs to Inception's features.

    Raises:
        UserError: fewer than F + 1 samples, of which a covariance has no full rank; bad sets.
    """
    real, made = checked(real, made, needed=int(real[0].numel()) + 1)
    apart = (real.mean(0) - made.mean(0)).square().sum()
    first, second = (torch.cov(x.T).reshape(x.shape[1], x.shape[1]) for x in (real, made))
    values, vectors = torch.linalg.eigh(first)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    # the eigenvalues of C C' are those of this symmetric matrix, and are not negative but for rounding
    shared = torch.linalg.eigvalsh(root @ second @ root).clamp(min=0).sqrt().sum()
    return float(apart + first.trace() + second.trace() - 2 * shared)
