"""Measures of results and the protocols they are taken under, by name."""

from __future__ import annotations

from img2img.metrics.protocols import PROTOCOLS, Protocol, Value, measure, read_protocol
from img2img.metrics.registry import METRICS, Metric, mean

__all__ = ["METRICS", "PROTOCOLS", "Metric", "Protocol", "Value", "mean", "measure", "read_protocol"]
