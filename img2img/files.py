"""Files that are whole or absent, and how they are named to people."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from img2img.errors import RunError, UserError


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` to write to; afterwards it is flushed and takes the place of ``path``.

    On any error the temporary file is removed and what was at ``path`` stays as it was.

    Raises:
        RunError: the file system refuses (full, read-only, no permission), naming ``path``.
    """
    # not the whole name: it may be as long as names can be
    temporary = path.with_name(f".{path.name[-40:]}.{os.getpid()}.tmp")
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
        # where the folder could not be made there is nothing to remove, and its error is the one to tell
        with suppress(OSError):
            temporary.unlink()


def check_folder(path: Path, flag: str) -> None:
    """Refuse a folder that cannot be made or written to, before any work is done for it; nothing is made.

    Raises:
        UserError: the line names ``flag``.
    """
    try:
        place = path.resolve()
        while not place.exists():
            place = place.parent
        if not place.is_dir():
            raise UserError(f"{flag} {path}: {place if place != path else 'it'} is a file, a folder is needed")
        # permission bits do not tell: root, read-only and special file systems
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"{flag} {path}: cannot be written to ({reason}); name another folder") from error


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


def inside(path: Path, folder: Path) -> bool:
    """Whether ``path`` is ``folder`` or lies in it, links followed."""
    return path.resolve().is_relative_to(folder.resolve())


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first few, and how many more: ``a.png, b.png and 3 more``."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
