"""Spectral normalisation of layers (Miyato et al. 2018)."""

from __future__ import annotations

from typing import TypeVar

from torch import nn
from torch.nn.utils import parametrizations

Layer = TypeVar("Layer", bound=nn.Module)


def spectral(layer: Layer, wanted: bool) -> Layer:
    """``layer`` with its weight divided by its largest singular value, where ``wanted``.

    One power iteration a training forward; the weight of a convolution is taken as (out, in x kh x kw), equation 8.
    """
    if wanted:
        parametrizations.spectral_norm(layer)
    return layer
