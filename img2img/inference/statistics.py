"""Normalisation and dropout as they are where results are made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from img2img.compute.precision import kernels, uncompiled
from img2img.recipes.method import Inference

NORMS = (nn.modules.batchnorm._NormBase,)
DROPOUTS = (nn.modules.dropout._DropoutNd,)


@contextmanager
def as_results_are_made(network: nn.Module, inference: Inference) -> Iterator[None]:
    """Within, ``network`` normalises and drops out as its config says for results; no buffer moves.

    It is computed as it is written, fp32 without TF32: a result is the same however training was made faster.
    """
    modules = list(network.modules())
    before = [module.training for module in modules]
    tracking = [module for module in modules if isinstance(module, NORMS) and module.track_running_stats]
    network.eval()
    try:
        for module in modules:
            if isinstance(module, DROPOUTS):
                module.training = inference.dropout
            elif isinstance(module, NORMS) and inference.norm == "batch":
                module.training = True
        if inference.norm == "batch":
            for module in tracking:
                module.track_running_stats = False
        with torch.inference_mode(), uncompiled(), kernels():
            yield
    finally:
        for module in tracking:
            module.track_running_stats = True
        for module, training in zip(modules, before, strict=True):
            module.training = training
