"""What a network costs: parameters, floating point operations and time, as columns of a table."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from img2img.inference import Translator

TIMED = 5


def cost_columns(
    names: Sequence[str], size: tuple[int, int], networks: Iterable[tuple[str, Translator]]
) -> dict[str, dict[str, str]]:
    """Columns of `COLUMNS` by heading, each method's text by its name, for one picture of ``size`` (width, height)."""
    width, height = size
    columns: dict[str, dict[str, str]] = {}
    for method, translator in networks:
        source = torch.zeros(1, translator.shape.source, height, width)
        mask = torch.zeros(1, 1, height, width) if translator.needs_mask else None
        heads = {
            "params": "parameters (M)",
            "flops": f"GFLOPs at {width}x{height} (2 a multiply-add)",
            "time": f"ms at {width}x{height} ({translator.device.type}, {torch.get_num_threads()} threads)",
        }
        for name in names:
            texts = columns.setdefault(heads[name], {})
            # seeds share their network
            texts[method] = texts.get(method) or COLUMNS[name](translator, source, mask)
    return columns


def _parameters(translator: Translator, source: Tensor, mask: Tensor | None) -> str:
    return f"{sum(parameter.numel() for parameter in translator.network.parameters()) / 1e6:.3f}"


def _flops(translator: Translator, source: Tensor, mask: Tensor | None) -> str:
    counter: Any = FlopCounterMode(display=False)
    with counter:
        translator.tensor(source, mask)
    return f"{counter.get_total_flops() / 1e9:.2f}"


def _time(translator: Translator, source: Tensor, mask: Tensor | None) -> str:
    times = []
    for _ in range(1 + TIMED):
        began = time.perf_counter()
        translator.tensor(source, mask)
        times.append(time.perf_counter() - began)
    # the first is slower: memory and kernels are made
    return f"{statistics.median(times[1:]) * 1e3:.0f}"


COLUMNS = {"params": _parameters, "flops": _flops, "time": _time}
