"""Work on many files by several threads, answers in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Answer = TypeVar("Answer")


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(work: Callable[[Given], Answer], things: Iterable[Given], threads: int) -> Iterator[Answer]:
    """The answers in order; decoding gives Python's lock free, so that threads use all cores.

    Few are in the making at a time, so that memory does not grow with their number, and a break does not wait for all.
    """
    with ThreadPoolExecutor(threads) as pool:
        begun: deque[Future[Answer]] = deque()
        try:
            for thing in things:
                begun.append(pool.submit(work, thing))
                if len(begun) > 4 * threads:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()
