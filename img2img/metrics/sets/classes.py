"""Inception score and mode score, of the class probabilities that a classifier gives made and real pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from img2img.errors import UserError


def inception_score(made: Tensor, splits: int = 10) -> tuple[float, float]:
    """exp E KL(p(y|x) || p(y)) of probabilities (N, classes): mean and standard deviation over ``splits`` parts.

    Parts are runs of samples in their order, as the original program's; the published form has 10 of 5000 (Salimans
    et al. 2016). 1: every sample alike or undecided; at most the number of classes.

    Raises:
        UserError: fewer than ``splits`` samples times 2; rows that are no probabilities.
    """
    made = _probabilities(made, "made", 2 * splits)
    scores = torch.stack([_information(part).exp() for part in made.tensor_split(splits)])
    return float(scores.mean()), float(scores.std(correction=0))


def mode_score(real: Tensor, made: Tensor) -> float:
    """exp(E KL(p(y|x) || p(y)) - KL(p(y) || p*(y))) of probabilities (N, classes), p* the mean over real samples.

    Of the made samples otherwise, all in one (Xu et al. 2018, section 2.2): the inception score, less what the classes
    are made in other shares than they are real in.

    Raises:
        UserError: fewer than 2 samples; rows that are no probabilities.
    """
    real, made = _probabilities(real, "real", 2), _probabilities(made, "made", 2)
    if real.shape[1] != made.shape[1]:
        raise UserError(f"{real.shape[1]} classes of the real and {made.shape[1]} of the made samples; one is needed")
    return float((_information(made) - _divergence(made.mean(0), real.mean(0))).exp())


def _information(probabilities: Tensor) -> Tensor:
    return _divergence(probabilities, probabilities.mean(0)).mean()


def _divergence(p: Tensor, q: Tensor) -> Tensor:
    """Kullback-Leibler over the last dimension, in nats; 0 log 0 is 0."""
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1)


def _probabilities(values: Tensor, name: str, needed: int) -> Tensor:
    if values.ndim != 2 or values.shape[1] < 2:
        raise UserError(f"the {name} set's probabilities have the shape {tuple(values.shape)}; (samples, classes)")
    if len(values) < needed:
        raise UserError(f"the {name} set has {len(values)} samples; at least {needed} are needed")
    values = values.detach().double()
    sums = values.sum(1)
    # NaN fails every comparison
    if not bool(((values >= 0).all(1) & ((sums - 1).abs() < 1e-3)).all()):
        raise UserError(f"the {name} set's probabilities must be at least 0 and sum to 1 in every row")
    return values / sums[:, None]
