"""Measures of results and the protocols they are taken under, by name.

A measure is a pure function of batched pictures, computed in float64, one a file. All take (N, C, H, W) tensors of any
real dtype, on any device, whose samples lie in [0, data_range], and give (N,) float64: PSNR and MAE over all samples of
a picture, the others the mean of its channels' values. The range is always said, never guessed. Definitions, special
cases and the authors' programs are those of docs/metrics.md.
"""

from __future__ import annotations

from img2img.metrics.protocols import PROTOCOLS, Protocol, Value, measure, read_protocol
from img2img.metrics.registry import METRICS, Metric, mean
from img2img.metrics.sets.registry import set_numbers

__all__ = [
    "METRICS",
    "PROTOCOLS",
    "Metric",
    "Protocol",
    "Value",
    "higher_is_better",
    "mean",
    "measure",
    "read_protocol",
]


def higher_is_better(name: str) -> bool:
    """Whether more is better of a measure of pictures, or of one number of sets of samples.

    Raises:
        UserError: neither.
    """
    return METRICS[name].higher_is_better if name in METRICS else set_numbers([name])[name].higher_is_better
