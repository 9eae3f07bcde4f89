"""Memory of this process: how the C library keeps what was freed, and the peak so far."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3


def keep_freed_memory() -> bool:
    """Let glibc keep large freed blocks for the next step instead of returning them to the system.

    By default each large tensor is mapped anew and its pages are zeroed on first touch, in every step: measured at
    10 to 16 % of a pix2pix step on a CPU. False where the C library has no such setting.
    """
    return _set((M_MMAP_THRESHOLD, 2**30), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 2**26))


def keep_memory_small() -> None:
    """Let what large tensors took go back to the system as soon as they are freed; to be called before the first.

    Otherwise glibc's threshold for that grows with what is freed, and the holes between freed blocks stay. Huge pages,
    which torch asks for where Linux allows it, make mapping memory anew cheaper: 6 megapixels through a half-width
    ID-CGAN network took 7.6 s so, 12.6 s without huge pages, 9.3 s with blocks of 2 to 32 MB given back as well (PAN's
    network then takes 190 MB less), and 7.9 s with `keep_freed_memory` at 1.5 times the memory.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    _set((M_MMAP_THRESHOLD, 2**25))


def give_back_freed_memory() -> None:
    """Return what the C library keeps of freed memory to the system: milliseconds, for use between large tiles."""
    libc = _libc()
    if libc is not None:
        libc.malloc_trim(0)


def give_back_all() -> None:
    """Return what the C library and CUDA's allocator keep of freed memory, for use after memory ran out."""
    # this room is entered before torch is there
    import torch

    give_back_freed_memory()
    torch.cuda.empty_cache()


def _set(*options: tuple[int, int]) -> bool:
    """Set options of the C library; whether it took all of them."""
    libc = _libc()
    return libc is not None and min(libc.mallopt(*option) for option in options) > 0


def _libc() -> Any:
    """glibc, or None where there is none."""
    try:
        libc = ctypes.CDLL("libc.so.6") if sys.platform.startswith("linux") else None
        return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
    except OSError:
        return None


def peak_bytes() -> int:
    """Most memory this process has held so far (resident, in bytes); 0 where the system does not tell."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                # not getrusage: a process started by a larger one begins with its parent's peak there
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource  # there is none on Windows
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is Python's, torch's or a library's way of saying that memory ran out."""
    text = str(error)
    said = ("not enough memory", "out of memory", "can't allocate memory")
    return isinstance(error, MemoryError) or any(words in text for words in said)
