"""Where a training is: what a checkpoint keeps of it, the time since the last log line, what a callback is told."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from img2img.errors import UserError

STOP = "stop"


@dataclass
class Progress:
    """What moves besides the engine: step, the best validation so far and how long ago that was."""

    step: int = 0
    best: float | None = None
    since_best: int = 0
    finished: bool = False
    last_metrics: dict[str, float] = field(default_factory=dict)

    def judge(self, value: float | None, higher_is_better: bool) -> bool:
        """Whether a validation's ``value`` (None: not measured) is a new best, which it then becomes."""
        better = False
        if value is not None and math.isfinite(value):
            better = self.best is None or (value > self.best if higher_is_better else value < self.best)
        elif value == math.inf:
            # identical pictures give an infinite PSNR: nothing can be better
            better = self.best != math.inf
        if better:
            self.best, self.since_best = value, 0
        else:
            self.since_best += 1
        return better


@dataclass
class Interval:
    """The time since the last log line: when it began, seconds waited for data, steps made."""

    began: float = field(default_factory=time.monotonic)
    waited: float = 0.0
    steps: int = 0

    @property
    def seconds(self) -> float:
        """Its length."""
        return max(1e-9, time.monotonic() - self.began)


@dataclass(frozen=True)
class Status:
    """What the callback of a training is told.

    Attributes:
        step: steps made.
        total: steps in all; it may change where ``train.minutes`` says how long.
        losses: means since the last log line by their names in log.jsonl (``generator/l1``, ``critic/adversarial``);
            empty where only a validation was made.
        validation: the measures of a validation by name; empty where there was none.
        best: the best value of the selection metric so far, None before the first.
    """

    step: int
    total: int
    losses: Mapping[str, float]
    validation: Mapping[str, float]
    best: float | None


# gives "stop" to end the run, saved, or None
Callback = Callable[[Status], str | None]


def wants_to_stop(answer: object) -> bool:
    """Whether a callback's ``answer`` ends the run.

    Raises:
        UserError: it is neither ``"stop"`` nor None.
    """
    if answer not in (None, STOP):
        raise UserError(f"callback: gave {answer!r}; it may give {STOP!r}, which ends the run, or None")
    return answer == STOP
