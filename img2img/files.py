"""Files that are whole or absent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from img2img.errors import RunError


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` to write to; afterwards it is flushed and takes the place of ``path``.

    On any error the temporary file is removed and what was at ``path`` stays as it was.

    Raises:
        RunError: the file system refuses (full, read-only, no permission), naming ``path``.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror or error}") from error
    except RuntimeError as error:
        # torch and safetensors report a full disk as RuntimeError
        raise RunError(f"{path}: cannot be written: {' '.join(str(error).split())[:200]}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def atomic_write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` so that ``path`` is whole or as it was."""
    with atomic(path) as temporary:
        temporary.write_bytes(data)
