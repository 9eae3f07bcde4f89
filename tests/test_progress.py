"""What a person sees of a long job where there is no terminal: lines with what is done and how long it will take."""

from __future__ import annotations

import re

import pytest

from img2img import progress
from img2img.progress import Reporter, duration, say_if_slow


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The time, to be set by a test."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in capsys.readouterr().err.splitlines()]


def test_time_left_is_that_of_what_was_done_in_this_call(clock, capsys):
    with Reporter(10, "picture", done=4) as reporter:
        clock[0] += 20
        reporter.advance(6, {"psnr": 21.5})
        clock[0] += 5
        reporter.advance(7)
        clock[0] += 5
        reporter.advance(10)
    assert lines(capsys) == ["picture 6/10, 40 s left  psnr 21.5", "picture 10/10, 0 s left  psnr 21.5  (of picture 6)"]


def test_parts_of_a_long_unit_are_counted_too(clock, capsys):
    with Reporter(2, "picture") as reporter:
        clock[0] += 30
        reporter.within("tile", 1, 4)
        reporter.within("tile", 2, 4)
        clock[0] += 90
        reporter.within("tile", 4, 4)
        reporter.advance(1)
        clock[0] += 60
        reporter.within("tile", 2, 4)
        reporter.within("tile", 4, 4)
        reporter.advance(2)
    assert lines(capsys) == [
        "picture 0/2, 3 min 30 s left  tile 1/4",
        "picture 0/2, 2 min 00 s left",
        "picture 1/2, 1 min 00 s left  tile 2/4",
        "picture 2/2, 0 s left",
    ]


def test_other_processes_are_quiet(clock, capsys):
    with Reporter(1, "picture", shown=False) as reporter:
        clock[0] += 30
        reporter.within("tile", 1, 2)
        reporter.advance(1)
    assert lines(capsys) == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (7500, "2 h 05 min")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(("shown", "slow", "said"), [(True, True, 1), (True, False, 0), (False, True, 0)])
def test_what_takes_long_is_said_and_what_does_not_is_not(shown, slow, said, monkeypatch, capsys):
    running = []

    class Timer:
        def __init__(self, seconds, call, arguments):
            assert seconds == 2.0
            self.call = lambda: call(*arguments)

        def start(self):
            running.append(self.call)

        def cancel(self):
            running.clear()

    monkeypatch.setattr(progress.threading, "Timer", Timer)
    with say_if_slow("looking ...", after_s=2.0, shown=shown):
        if slow:
            for call in running:
                call()
    assert running == []
    assert lines(capsys) == ["looking ..."] * said


def test_a_total_may_become_known_on_the_way(clock, capsys):
    with Reporter(2, "step") as reporter:
        clock[0] += 10
        reporter.advance(1)
        reporter.total = 5
        clock[0] += 10
        reporter.advance(2)
    assert lines(capsys) == ["step 1/2, 10 s left", "step 2/5, 30 s left"]
