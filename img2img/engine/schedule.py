"""Learning-rate schedules: functions of the step, nothing to save."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Protocol

from pydantic import Field

from img2img.config import options

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Schedule(Protocol):
    """Factor on the learning rate at a step of a run of ``total`` steps."""

    needs_total: ClassVar[bool]

    def factor(self, step: int, total: int) -> float:
        """The factor at ``step`` (from 0)."""
        ...


def _warm(step: int, warmup_steps: int) -> float:
    return min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0


@options
class Constant:
    """Factor 1, after a linear warm-up over ``warmup_steps``."""

    needs_total: ClassVar[bool] = False
    warmup_steps: Annotated[Count, Field(description="steps over which the rate grows to the full one")] = 0

    def factor(self, step: int, total: int) -> float:
        return _warm(step, self.warmup_steps)


@options
class Linear:
    """Constant for the first ``hold`` share of the run, then linear to zero (pix2pix and CycleGAN: hold 0.5)."""

    needs_total: ClassVar[bool] = True
    hold: Annotated[Share, Field(description="share of the run at the full rate")] = 0.5
    warmup_steps: Annotated[Count, Field(description="steps over which the rate grows to the full one")] = 0

    def factor(self, step: int, total: int) -> float:
        left = (total - step) / max(1.0, total * (1 - self.hold))
        return _warm(step, self.warmup_steps) * min(1.0, left)


@options
class Cosine:
    """Half a cosine from 1 to ``floor`` over the run, after the warm-up (Loshchilov and Hutter 2017)."""

    needs_total: ClassVar[bool] = True
    floor: Annotated[Share, Field(description="factor at the end of the run")] = 0.0
    warmup_steps: Annotated[Count, Field(description="steps over which the rate grows to the full one")] = 0

    def factor(self, step: int, total: int) -> float:
        done = max(0, step - self.warmup_steps) / max(1, total - self.warmup_steps)
        wave = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        return _warm(step, self.warmup_steps) * (self.floor + (1 - self.floor) * wave)


SCHEDULES: dict[str, type[Schedule]] = {"constant": Constant, "linear": Linear, "cosine": Cosine}
