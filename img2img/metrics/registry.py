"""Measures by name (one entry each)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor

from img2img.metrics.mae import mae
from img2img.metrics.psnr import psnr
from img2img.metrics.segmentation import class_accuracy, mean_iou, pixel_accuracy
from img2img.metrics.ssim import ssim, ssim_auto
from img2img.metrics.uqi import uqi
from img2img.metrics.vif import vif
from img2img.metrics.vifp import vifp


@dataclass(frozen=True)
class Metric:
    """All that is known of a measure; whoever shows or orders its figures asks here.

    ``name`` is its key here, on command lines and in files. ``measure`` takes (result, target, data_range=) as
    `img2img.metrics` says. ``title`` and ``unit`` stand in tables, with ``digits`` behind the point; ``definition`` is
    its part of a protocol's line. ``mean_of_channels``: of several planes it is the mean of their values, and not one
    value over all samples. ``of_classes``: of label maps, whose ``measure`` takes the counts of
    `img2img.metrics.segmentation.confusion`.
    """

    name: str
    measure: Callable[..., Tensor]
    title: str
    digits: int
    definition: str
    higher_is_better: bool = True
    unit: str = ""
    mean_of_channels: bool = True
    of_classes: bool = False


def _of_classes(name: str, measure: Callable[..., Tensor], title: str, definition: str) -> Metric:
    return Metric(name, measure, title, 4, definition, mean_of_channels=False, of_classes=True)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("psnr", psnr, "PSNR", 2, "PSNR", unit="dB", mean_of_channels=False),
        Metric("ssim", ssim, "SSIM", 4, "SSIM 11x11 Gaussian sigma 1.5, no downsampling"),
        Metric(
            "ssim_auto",
            ssim_auto,
            "SSIM auto",
            4,
            "SSIM 11x11 Gaussian sigma 1.5 after ssim.m's automatic downsampling",
        ),
        Metric("uqi", uqi, "UQI", 4, "UQI 8x8 blocks"),
        Metric("vifp", vifp, "VIFp", 4, "VIFp pixel domain, 4 scales"),
        Metric("vif", vif, "VIF", 4, "VIF steerable pyramid"),
        Metric("mae", mae, "MAE", 2, "MAE on 0 to 255", higher_is_better=False, unit="of 255", mean_of_channels=False),
        _of_classes("pixel_accuracy", pixel_accuracy, "Pixel acc.", "share of pixels of the right class"),
        _of_classes("class_accuracy", class_accuracy, "Class acc.", "mean over a picture's classes of their accuracy"),
        _of_classes("mean_iou", mean_iou, "Mean IoU", "mean over a picture's classes of intersection over union"),
    )
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
