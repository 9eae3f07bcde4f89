"""Weights files: safetensors whose header holds all that is needed to use them again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from img2img.errors import UserError
from img2img.files import atomic_write_bytes

FORMAT = "img2img weights 1"


def save_weights(path: Path, networks: nn.ModuleDict, header: Mapping[str, Any]) -> None:
    """Generators as safetensors; ``header`` (JSON) holds all that is needed to use them again."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in networks.state_dict().items()}
    # one key alone: the order of several is random, and the same weights should be the same file
    atomic_write_bytes(path, save(tensors, {FORMAT: json.dumps(header)}))


def load_weights(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """(header, tensors) of a weights file.

    Raises:
        UserError: no such file, or one of something else.
    """
    if not path.exists():
        raise UserError(f"{path}: no such weights file")
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            if FORMAT not in metadata:
                raise UserError(f"{path}: a safetensors file, but not weights written by img2img train")
            return json.loads(metadata[FORMAT]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        if not os.access(path, os.R_OK):
            # what safetensors raises says that there is no such file
            raise UserError(f"{path}: Permission denied") from error
        raise UserError(f"{path}: not a weights file written by img2img train ({type(error).__name__})") from error
