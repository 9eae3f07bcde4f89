"""Files that are whole or absent, and how they are named to people."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import unicodedata
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
        # elsewhere folders cannot be opened
        if hasattr(os, "O_DIRECTORY"):
            _sync(path.parent)
    except (OSError, RuntimeError) as error:
        kept = f"; the {path.name} that was there is kept" if is_there(path) else ""
        raise RunError(f"{path}: cannot be written: {_refusal(temporary, error)}{kept}") from error
    finally:
        # where the folder could not be made there is nothing to remove, and its error is the one to tell
        with suppress(OSError):
            temporary.unlink()


def _refusal(temporary: Path, error: OSError | RuntimeError) -> str:
    """Why a file system refused to write ``temporary``, with the cure where there is one.

    torch and safetensors say so in a RuntimeError of their own words, which tell a person nothing.
    """
    limit = file_size_limit()
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, RuntimeError) and temporary.is_file():
        if limit is not None and temporary.stat().st_size >= limit:
            number = errno.EFBIG
        elif shutil.disk_usage(temporary.parent).free < 2**20:
            number = errno.ENOSPC
    if number == errno.EFBIG:
        allowed = "" if limit is None else f" of {limit / 2**20:.3g} MB"
        return f"the limit{allowed} on the size of a file is reached (ulimit -f unlimited lifts it)"
    if number is None:
        return " ".join(str(error).split())[:200]
    return os.strerror(number)


def file_size_limit() -> int | None:
    """The bytes that a file may have by the limits of this process (``ulimit -f``); None: any number."""
    try:
        import resource  # there is none on Windows
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return None if soft == resource.RLIM_INFINITY else soft


def is_there(path: Path) -> bool:
    """Whether a file is there; one whose name is longer than names can be is not."""
    try:
        return path.is_file()
    except OSError:
        return False


def stem(name: Path | str) -> str:
    """By what pictures are matched: the path without its ending, in the composed form of Unicode (NFC).

    File systems and archives differ in whether an accented letter is one character or two.
    """
    return composed(str(Path(name).with_suffix("")))


def loosened(name: str) -> str:
    """A name without what is a habit of writing: capitals, and zeros before numbers (``Img_0007`` as ``img_7``)."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", name).casefold()


def composed(name: str) -> str:
    """A name in the composed form of Unicode (NFC), in which names are compared."""
    return unicodedata.normalize("NFC", name)


def json_bytes(text: str) -> bytes:
    """JSON as UTF-8; bytes of names that are none become escapes, which JSON reads back to the same name."""
    return text.encode("utf-8", "backslashreplace")


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
    # Windows flushes only what may be written
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
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
