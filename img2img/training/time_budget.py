"""A training that must end with a clock: the number of steps that fit, found anew on the way.

The probe before step 0 sees a few seconds of a machine whose load changes. So the total is resolved again, from what
steps, validations and checkpoints have really taken: at a sixteenth, an eighth, a quarter and half of the clock from
their mean since the start, and at every further sixteenth from what a step took since the last look, where the end
would otherwise miss the clock by more than `TOLERANCE`. Half of the steps left at the last look are a look too, so that
a probe that was far too slow cannot end the run. The clock itself ends it where the next step would not fit any more.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from img2img.progress import duration

Clock = Callable[[], float]

# shares of the clock at which the total is looked at: the first ones always resolve it
FIRST_HALF = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
MOMENTS = (*FIRST_HALF, *(sixteenth / 16 for sixteenth in range(9, 16)))
# in the second half the schedule is left in peace where the end misses the clock by less than this share of it
TOLERANCE = 0.025
# no more than this share of the clock is kept back for the validation and the checkpoint at the end
MOST_ENDING = 0.5


@dataclass
class Spent:
    """What a checkpoint keeps of the clock; seconds since step 0, over all starts.

    ``apart_s`` went into validations and checkpoints, whose last two took ``validation_s`` and ``checkpoint_s`` on
    average (None: there was none). ``looks`` of `MOMENTS` have passed, the next look is at ``look_step`` at the latest;
    ``mark_step`` and ``mark_s`` are the step of the last look and the seconds in steps until then.
    """

    elapsed_s: float = 0.0
    apart_s: float = 0.0
    validation_s: float | None = None
    checkpoint_s: float | None = None
    looks: int = 0
    look_step: int = 0
    mark_step: int = 0
    mark_s: float = 0.0
    step_s: float | None = None


class TimeBudget:
    """``seconds`` of training, from the first step to the last checkpoint, and how many steps fit into them.

    Args:
        total: steps planned at first.
        validate_every, checkpoint_every: steps between validations and between checkpoints.
        validation_s: seconds a validation took before the start, None where nothing is validated.
        clock: seconds from any origin.
    """

    def __init__(
        self,
        seconds: float,
        total: int,
        *,
        validate_every: int,
        checkpoint_every: int,
        validation_s: float | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.seconds = seconds
        self.validate_every, self.checkpoint_every = validate_every, checkpoint_every
        self.clock = clock
        self.spent = Spent(validation_s=validation_s, look_step=_half_way(0, total))
        self._began = clock()

    def start(self) -> None:
        """The clock runs from here on, from where an earlier start left it."""
        self._began = self.clock()

    def elapsed(self) -> float:
        """Seconds since step 0, over all starts."""
        return self.spent.elapsed_s + self.clock() - self._began

    def summary(self) -> str:
        """The clock that was asked for and how much of it has passed, for people."""
        return f"planned {duration(self.seconds)}, took {duration(self.elapsed())}"

    @contextmanager
    def validating(self) -> Iterator[None]:
        """Within, a validation is made."""
        began = self.clock()
        yield
        self.spent.validation_s = self._apart(began, self.spent.validation_s)

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Within, a checkpoint is written."""
        began = self.clock()
        yield
        self.spent.checkpoint_s = self._apart(began, self.spent.checkpoint_s)

    def _apart(self, began: float, before: float | None) -> float:
        seconds = self.clock() - began
        self.spent.apart_s += seconds
        return seconds if before is None else (before + seconds) / 2

    def due(self, step: int) -> bool:
        """Whether the total is to be looked at after ``step`` steps, of which the last was just made."""
        spent = self.spent
        moment = MOMENTS[spent.looks] if spent.looks < len(MOMENTS) else math.inf
        if step >= spent.look_step or self.elapsed() >= moment * self.seconds:
            return True
        return self._fitting(step, spent.step_s or self._mean_step(step)) == step

    def resolve(self, step: int, total: int) -> int:
        """Steps of the whole run, as the clock looks after ``step`` of ``total``; ``step`` itself ends the run."""
        spent, elapsed = self.spent, self.elapsed()
        first_half = spent.looks < len(FIRST_HALF)
        step_s = self._mean_step(step) if first_half else self._mean_step(step, spent.mark_step, spent.mark_s)
        fitting = self._fitting(step, step_s)
        miss = elapsed + (total - step) * step_s + self._between(step, total) + self._ending() - self.seconds
        if not first_half and fitting > step and abs(miss) <= TOLERANCE * self.seconds:
            fitting = total
        spent.looks = bisect_right(MOMENTS, elapsed / self.seconds)
        spent.look_step = _half_way(step, fitting)
        spent.mark_step, spent.mark_s, spent.step_s = step, elapsed - spent.apart_s, step_s
        return fitting

    def _mean_step(self, step: int, since_step: int = 0, since_s: float = 0.0) -> float:
        """Seconds a step took, without validations and checkpoints."""
        seconds = self.elapsed() - self.spent.apart_s - since_s
        return max(1e-9, seconds / max(1, step - since_step))

    def _fitting(self, step: int, step_s: float) -> int:
        """The total, ``step`` at least, whose end is nearest to the clock's."""
        room = self.seconds - self.elapsed() - self._ending()
        totals = range(step, step + 2 + max(0, int(room / step_s)))
        fit = bisect_right(totals, room + step_s / 2, key=lambda n: (n - step) * step_s + self._between(step, n))
        return step + max(0, fit - 1)

    def _between(self, step: int, total: int) -> float:
        """Seconds of the validations and checkpoints from ``step`` on, until the last step of ``total``."""
        seconds = 0.0
        for every, each in (
            (self.validate_every, self.spent.validation_s),
            (self.checkpoint_every, self.spent.checkpoint_s),
        ):
            if total > step and each:
                seconds += ((total - 1) // every - (step - 1) // every) * each
        return seconds

    def _ending(self) -> float:
        """Seconds to keep back for the validation and the checkpoint after the last step."""
        ending = (self.spent.validation_s or 0.0) + (self.spent.checkpoint_s or 0.0)
        return min(ending, MOST_ENDING * self.seconds)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: numbers alone."""
        return {**asdict(self.spent), "elapsed_s": self.elapsed()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.spent = Spent(**state)


def _half_way(step: int, total: int) -> int:
    return step + max(1, -(-(total - step) // 2))
