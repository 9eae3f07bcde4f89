"""Measures of two sets of samples, real and made, that have no pairs.

All take (N, F) tensors of any real dtype on any device and compute in float64; samples of more dimensions are
flattened. What a number says depends on the space the samples lie in, and most depend on their count: both belong
beside it. Definitions follow Xu et al. 2018, "An empirical study on evaluation metrics of generative adversarial
networks", and the papers each names.
"""

from __future__ import annotations

from img2img.metrics.sets.classes import inception_score, mode_score
from img2img.metrics.sets.distances import median_distance
from img2img.metrics.sets.kernels import kid, mmd, mmd_name
from img2img.metrics.sets.mixtures import modes
from img2img.metrics.sets.neighbours import nearest_neighbour, precision_recall
from img2img.metrics.sets.transport import frechet, wasserstein

__all__ = [
    "frechet",
    "inception_score",
    "kid",
    "median_distance",
    "mmd",
    "mmd_name",
    "mode_score",
    "modes",
    "nearest_neighbour",
    "precision_recall",
    "wasserstein",
]
