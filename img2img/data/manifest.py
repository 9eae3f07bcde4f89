"""Which files a data set consists of, so that a resumed run can tell whether they are the same."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from img2img.data.samples import Pictures
from img2img.errors import UserError


def files_of(*parts: Pictures) -> list[Path]:
    """The files of all pictures, of each the source first."""
    items = [item for pictures in parts for item in pictures.items]
    return [file for item in items for file in (item.source, item.target, item.mask) if file is not None]


def manifest(root: Path, files: Sequence[Path]) -> dict[str, Any]:
    """Names below ``root``, sizes and SHA-256 of all files, and one hash over names and contents.

    Raises:
        UserError: a file cannot be read.
    """
    entries = []
    total = hashlib.sha256()
    # one target may belong to many sources
    for file in dict.fromkeys(files):
        try:
            content = file.read_bytes()
        except OSError as error:
            raise UserError(f"{file}: cannot be read: {error.strerror}") from error
        digest = hashlib.sha256(content).hexdigest()
        # masks may lie outside of it
        name = os.path.relpath(file, root)
        entries.append({"name": name, "bytes": len(content), "sha256": digest})
        total.update(f"{name}\0{digest}\n".encode("utf-8", "surrogateescape"))
    return {"files": entries, "hash": total.hexdigest()}
