"""Random numbers as functions of names: nothing to save, nothing that depends on workers, order or batch size."""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def stable_seed(*parts: int | str) -> int:
    """A 63-bit seed from (seed, stream name, epoch, index, ...); the same on every machine and Python."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return (
        int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "little") >> 1
    )


def generator(*parts: int | str) -> np.random.Generator:
    """A numpy generator for one named stream."""
    return np.random.Generator(np.random.PCG64(stable_seed(*parts)))


def torch_generator(*parts: int | str) -> torch.Generator:
    """A torch CPU generator for one named stream."""
    return torch.Generator().manual_seed(stable_seed(*parts))
