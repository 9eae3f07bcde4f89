"""Weights of a training as they are shipped: in fp16, and saying in their header where they come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from img2img.config import Tree, plain
from img2img.data.config import TARGETS_ALONE
from img2img.errors import UserError
from img2img.weights.checksum import KEY, tensors_checksum
from img2img.weights.file import load_weights, read_header, write_tensors
from img2img.zoo import ZooEntry

# keys of `data` that say where pictures lay and what they were called there, with what says nothing
ELSEWHERE: Tree = {"path": None, "scenes": None, "source": None, "target": None, "layout": "auto"}
FORGOTTEN = ("pattern", "mix")
# of an entry: what a file says of itself wherever it is
SAID = ("description", "data", "licence", "figures", "fails")


def to_fp16(weights: Path, output: Path, entry: ZooEntry) -> None:
    """Write the weights of a training as they are shipped.

    Tensors of two and more dimensions, which are nearly all of the size, are stored in fp16; biases and statistics stay
    as they are. The header forgets where the training's pictures lay, and says under ``release`` what the entry says.

    Raises:
        UserError: no weights, a value that fp16 cannot hold, or a header that still names a place of this machine.
    """
    header, tensors = read_header(weights), load_weights(weights)[1]
    stored = {name: _halved(value, f"{weights}: {name}") for name, value in tensors.items()}
    said = {key: value for key, value in plain(entry).items() if key in SAID}
    shipped = replace(
        header,
        config={**header.config, "data": _anywhere(header.data), "train": _train(header.config.get("train"))},
        release={**said, "bf16_costs": entry.sample.bf16_costs, KEY: tensors_checksum(stored)},
    ).to_json()
    for key, value in _texts(shipped):
        if Path(value).is_absolute():
            raise UserError(f"{weights}: its header would name a place of this machine: {key}: {value}")
    write_tensors(output, stored, shipped)


def _halved(value: torch.Tensor, where: str) -> torch.Tensor:
    if value.ndim < 2 or value.dtype != torch.float32:
        return value
    half = value.half()
    if not torch.isfinite(half).all():
        raise UserError(f"{where} holds values beyond {torch.finfo(torch.float16).max:g}, which fp16 cannot hold")
    return half


def _anywhere(data: Mapping[str, Any]) -> Tree:
    """The ``data`` section without the places of the training's pictures."""
    kept = {key: value for key, value in data.items() if key not in FORGOTTEN}
    elsewhere = {key: value for key, value in ELSEWHERE.items() if key in kept}
    # whether there are sources at all is no matter of where pictures lay
    return {**kept, **elsewhere, **({"layout": data["layout"]} if data.get("layout") in TARGETS_ALONE else {})}


def _train(section: Any) -> Any:
    """The ``train`` section; of weights that it began from the checksum stays, and not where they lay."""
    if not isinstance(section, Mapping) or not isinstance(section.get("begin"), Mapping):
        return section
    given = section["begin"].get("weights")
    return {**section, "begin": {**section["begin"], "weights": None if given is None else Path(given).name}}


def _texts(tree: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All texts in plain values, with the dotted keys they stand under."""
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            yield from _texts(value, f"{key}.{name}" if key else str(name))
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from _texts(value, key)
    elif isinstance(tree, str):
        yield key, tree
