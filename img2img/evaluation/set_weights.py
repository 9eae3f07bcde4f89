"""Weights that make samples from noise, measured as sets against the data they learnt from, or others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from img2img.config import build
from img2img.data import open_data
from img2img.data.config import MADE, DataConfig
from img2img.errors import UserError
from img2img.evaluation.set_sources import SetSource, data_source, weights_source
from img2img.evaluation.sets import SetTable, compare_sets
from img2img.flows import starts_from_noise
from img2img.inference import load, weights_header


def makes_samples(weights: Sequence[tuple[str, str]]) -> bool:
    """Whether these (method, weights) make samples from noise.

    Raises:
        UserError: some do and some translate pictures; no weights.
    """
    found = {name: starts_from_noise(weights_header(file)["method"]) for name, file in weights}
    if len(set(found.values())) > 1:
        made, others = (next(name for name, noise in found.items() if noise is kind) for kind in (True, False))
        raise UserError(f"--weights: {made} makes samples from noise and {others} translates pictures; measure apart")
    return any(found.values())


def compare_weights(
    weights: Sequence[tuple[str, str]],
    data: str | None,
    part: str | None,
    names: Sequence[str],
    space: str,
    samples: int | None,
    device: torch.device,
) -> SetTable:
    """Samples 0 and following of each (method, weights) against what the first one's training held out.

    Where it held nothing out, against all of its data; with ``data`` against all of these, cut as its own were.

    Raises:
        UserError: weights or data that do not fit; two of one name; as `compare_sets`.
    """
    labels = [name for name, _ in weights]
    if len(set(labels)) < len(labels):
        raise UserError("--weights: two have one name; sets are not averaged over seeds: give each its own")
    real, note = _real(weights_header(weights[0][1]), data, part)
    made = [weights_source(name, file, load(file, str(device))) for name, file in weights]
    return compare_sets(real, made, names, space, samples, device, [note])


def _real(header: Mapping[str, Any], data: str | None, part: str | None) -> tuple[SetSource, str]:
    config = build(DataConfig, header["config"]["data"], "the weights' data section")
    if config.layout not in MADE and data is None and config.path is None:
        raise UserError("these weights do not say what they learnt from: give --data")
    changes: dict[str, Any] = {"path": data, "validation": 0.0} if data is not None else {}
    opened = open_data(replace(config, mix=(), **changes), int(header.get("seed", 0)))
    origin = data or config.path or (config.mixture if config.layout == "mixture" else config.layout)
    if data is not None:
        return data_source("real", origin, opened.train), f"real samples: all of {data}"
    if opened.validation is not None and config.layout != "mixture":
        return data_source("real", origin, opened.validation), "real samples: those that training held out"
    if part == "validation" and config.layout != "mixture":
        raise UserError(f"no samples of {origin} were held out for validation; leave --part out, or give --data")
    fresh = config.layout == "mixture"
    return data_source("real", origin, opened.train), (
        "real samples: drawn anew" if fresh else "real samples: those trained on, as none were held out"
    )
