"""What a figure must be known with: protocol, data, weights, versions, and whether its pictures chose the weights."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from img2img.evaluation.request import Request
from img2img.weights.file import weights_path

PACKAGES = ("img2img", "torch", "numpy", "scipy", "pillow", "opencv-python-headless", "tifffile")
# of a weights file's header
KEPT = ("task", "method", "seed", "step", "which", "chosen_by", "config", "forms")


def card_of(
    request: Request, digests: Mapping[str, str], results: Mapping[str, Any], fit: str, made: str = ""
) -> dict[str, Any]:
    """The card of figures: ``digests`` of the targets' pixels by picture, what the ``results`` of each row are.

    ``fit`` says how sizes were made to agree; empty where none was asked for. ``made`` how sources were made of clean
    photos; empty where the data bring them.
    """
    hashed = data_hash(digests)
    return {
        "line": f"data set {hashed[:12]} ({len(digests)} pairs)",
        "protocol": request.protocol.label,
        "protocol_source": request.protocol.source,
        "protocol_open": request.protocol.open,
        **({"fit": fit} if fit else {}),
        **({"sources": made} if made else {}),
        "metrics": list(request.protocol.names(request.metrics)),
        "pairs": len(digests),
        "data_hash": hashed,
        "results": dict(results),
        "versions": versions(),
    }


def data_hash(digests: Mapping[str, str]) -> str:
    """SHA-256 over names and ``digests`` of the targets' pixels, in the order of the names; hexadecimal."""
    total = hashlib.sha256()
    for stem, value in sorted(digests.items()):
        total.update(f"{stem}\0{value}\0".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def versions() -> dict[str, str]:
    """Python's and those of the packages that figures depend on."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def about_weights(weights: str, header: Mapping[str, Any]) -> dict[str, Any]:
    """What the card keeps of weights: where they lie, and what their header says of their training.

    ``begun_from`` says which other weights that training began from, where it did.
    """
    kept = {key: header[key] for key in KEPT if key in header}
    begun = header.get("config", {}).get("train", {}).get("begin", {})
    with weights_path(weights).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"weights": weights, "sha256": sha256, **kept, **({"begun_from": begun} if begun.get("weights") else {})}


def when_and_where(began: float) -> dict[str, Any]:
    """Date, seconds since ``began`` (of `time.time`) and machine: all that differs from one evaluation to the next."""
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(began)),
        "seconds": round(time.time() - began, 3),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
    }


def chosen_on(name: str, header: Mapping[str, Any], digests: Sequence[str]) -> str | None:
    """What must be said where the pictures that are reported also chose the weights; None where none of them did."""
    known = set(header.get("chosen_on", ()))
    count = sum(value in known for value in digests)
    if not count:
        return None
    which = "these pictures" if count == len(digests) else f"{count} of these pictures"
    return f"{which} also chose the best weights of {name} (by {header['chosen_by']}), so they are no test of them"
