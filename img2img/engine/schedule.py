"""Learning-rate schedules: functions of the step, nothing to save."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Protocol

from pydantic import Field

from img2img.config import options

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


# the factor on the learning rates of everybody, or of each side by name
Rates = float | Mapping[str, float]


def factor_of(rates: Rates, side: str) -> float:
    """The factor of one side (``generator`` or ``critic``)."""
    return rates[side] if isinstance(rates, Mapping) else rates


class Schedule(Protocol):
    """Factor on the learning rate at a step of a run of ``total`` steps."""

    @property
    def needs_total(self) -> bool:
        """Whether the factor depends on how long the run is."""
        ...

    def factor(self, step: int, total: int) -> Rates:
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


@dataclass(frozen=True)
class BySide:
    """A schedule for each side."""

    generator: Schedule
    critic: Schedule

    @property
    def needs_total(self) -> bool:
        return self.generator.needs_total or self.critic.needs_total

    def factor(self, step: int, total: int) -> Rates:
        sides = {"generator": self.generator, "critic": self.critic}
        return {side: factor_of(schedule.factor(step, total), side) for side, schedule in sides.items()}


SCHEDULES: dict[str, type] = {"constant": Constant, "linear": Linear, "cosine": Cosine}
