"""A checksum of tensors that does not depend on the file around them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch

KEY = "tensors_sha256"


def tensors_checksum(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over name, type, shape and bytes of tensors on the CPU, in the order of their names; hexadecimal."""
    total = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        total.update(f"{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode("utf-8", "surrogateescape"))
        # as bytes first: numpy has no bfloat16
        total.update(value.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def checksum_in(header: Any) -> str | None:
    """The checksum that a parsed header holds; None where it holds none, as files of a training do not."""
    release = header.get("release") if isinstance(header, Mapping) else None
    found = release.get(KEY) if isinstance(release, Mapping) else None
    return found if isinstance(found, str) else None
