"""Weighted losses: from a YAML's ``{name: weight}`` to what the step sums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from img2img.config import choose
from img2img.engine.rules import Term
from img2img.errors import UserError

Weights = dict[str, float | dict[str, Any]]


def terms(weights: Weights, register: Mapping[str, type[Any]], where: str) -> tuple[Term, ...]:
    """The losses of a ``{name: weight}`` or ``{name: {weight: ..., every: ..., option: ...}}`` mapping.

    Raises:
        UserError: unknown losses or options, a weight that is no number of at least 0, an ``every`` below 1.
    """
    result = []
    for name, value in weights.items():
        tree = {"weight": value} if not isinstance(value, dict) else dict(value)
        weight = tree.pop("weight", 1.0)
        if isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0:
            raise UserError(f"{where}.{name}: a weight is a number of at least 0, got {weight!r}")
        every = tree.pop("every", 1)
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise UserError(f"{where}.{name}: every is a number of steps of at least 1, got {every!r}")
        loss = choose(register, {"name": name, **tree}, "loss", where)
        result.append(Term(name, float(weight), loss, every))
    return tuple(result)


def needs(loss: Any) -> frozenset[str]:
    """What a loss asks of a forward: ``target``, ``critic``, ``features``, ``image:NAME``."""
    wanted: frozenset[str] = getattr(loss, "needs", frozenset())
    return wanted
