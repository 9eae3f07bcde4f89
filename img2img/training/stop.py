"""What ends a training between two steps: signals, and a callback that asks for it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """SIGTERM and SIGINT as flags that the loop reads between steps; a second SIGINT interrupts at once."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.asked = False  # by a callback

    @property
    def wanted(self) -> bool:
        """Whether the training is to end."""
        return self.asked or self.signal is not None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.signal == signal.SIGINT and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within, the signals are noted instead of ending the process."""
        before = {}
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                before[number] = signal.signal(number, self._handle)
        except ValueError:  # not the main thread: the caller's handlers stay
            before = {}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
