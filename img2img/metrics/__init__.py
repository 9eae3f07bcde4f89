"""Measures of results; ``METRICS`` holds them by name."""

from __future__ import annotations

from img2img.metrics.paired import HIGHER_IS_BETTER, METRICS, PROTOCOL, mean

__all__ = ["HIGHER_IS_BETTER", "METRICS", "PROTOCOL", "mean"]
