"""Measures by name (one line each)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor

from img2img.metrics.paired import mae, psnr, ssim, ssim_auto, uqi, vifp
from img2img.metrics.vif import vif


@dataclass(frozen=True)
class Metric:
    """A paired measure: its function of (result, target, data_range=) and how its figures are shown."""

    measure: Callable[..., Tensor]
    title: str
    digits: int
    higher_is_better: bool = True
    unit: str = ""


METRICS: dict[str, Metric] = {
    "psnr": Metric(psnr, "PSNR", 2, unit="dB"),
    "ssim": Metric(ssim, "SSIM", 4),
    "ssim_auto": Metric(ssim_auto, "SSIM auto", 4),
    "uqi": Metric(uqi, "UQI", 4),
    "vifp": Metric(vifp, "VIFp", 4),
    "vif": Metric(vif, "VIF", 4),
    "mae": Metric(mae, "MAE", 2, higher_is_better=False, unit="of 255"),
}


def mean(values: Iterable[float]) -> tuple[float, int]:
    """Mean of the finite values and how many are left out (identical pictures have an infinite PSNR).

    All infinite gives ``inf``; none at all gives ``nan``.
    """
    values = list(values)
    finite = [value for value in values if math.isfinite(value)]
    if finite:
        return math.fsum(finite) / len(finite), len(values) - len(finite)
    infinite = [value for value in values if value == math.inf]
    return (math.inf if infinite else math.nan), len(values)
