"""What a person sees of a long job: a bar on a terminal, plain lines with the time elsewhere; always on stderr."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def say(line: str) -> None:
    """One message on stderr."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def say_if_slow(line: str, *, after_s: float = 3.0, shown: bool = True) -> Iterator[None]:
    """Within, ``line`` is said once if it takes longer than ``after_s`` seconds, even in the middle of one call."""
    timer = threading.Timer(after_s, say, (line,))
    timer.daemon = True
    if shown:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


class Reporter:
    """Progress of ``total`` units called ``unit``; quiet where ``shown`` is false (ranks other than 0).

    ``total`` may be set anew where it was not known at first, or changes; a ``transient`` bar is gone afterwards.
    """

    def __init__(
        self,
        total: int,
        unit: str,
        *,
        done: int = 0,
        shown: bool = True,
        every_s: float = 10.0,
        transient: bool = False,
    ) -> None:
        self.total, self.unit, self.done, self.first = total, unit, done, done
        self.shown = shown
        self.every_s = every_s
        self.transient = transient
        self.began = self.last = time.monotonic()
        self.text = ""
        self.measured = done
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> Self:
        console = Console(stderr=True)
        if self.shown and console.is_terminal:
            self.bar = Progress(
                TextColumn(self.unit),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[text]}"),
                console=console,
                transient=self.transient,
            )
            self.bar.start()
            self.task = self.bar.add_task(self.unit, total=self.total, completed=self.done, text="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        """``done`` units are done; ``values`` replace the text beside the bar, which later says of which unit."""
        self.done = done
        if values is not None:
            self.text = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
            self.measured = done
        old = self.text and self.measured < done
        self._show(done, f"{self.text}  (of {self.unit} {self.measured})" if old else self.text)

    def within(self, part: str, done: int, total: int) -> None:
        """Of the unit in work ``done`` of ``total`` parts, called ``part``, are done: for units that take minutes."""
        self._show(self.done + done / total, f"{part} {done}/{total}" if done < total else "")

    def _show(self, done: float, text: str) -> None:
        if not self.shown:
            return
        if self.bar is not None:
            self.bar.update(self.task, completed=done, total=self.total, text=text)
            return
        now = time.monotonic()
        if now - self.last >= self.every_s or done == self.total == self.done:
            self.last = now
            left = (now - self.began) / max(1e-3, done - self.first) * (self.total - done)
            clock = time.strftime("%H:%M:%S")
            say(f"{clock} {self.unit} {self.done}/{self.total}, {duration(left)} left  {text}".rstrip())

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    def note(self, line: str) -> None:
        """A line above the bar."""
        if not self.shown:
            return
        if self.bar is not None:
            self.bar.console.print(line, highlight=False, markup=False)
        else:
            say(f"{time.strftime('%H:%M:%S')} {line}")


def duration(seconds: float) -> str:
    """Seconds for people: ``48 s``, ``3 min 10 s``, ``2 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
