"""Sets of samples against a real one, without pairs: what is measured, on how many, and the table of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from img2img.data.array_files import Values
from img2img.errors import UserError, unknown
from img2img.evaluation.card import versions
from img2img.evaluation.set_sources import SetSource
from img2img.metrics.sets import median_distance
from img2img.metrics.sets.registry import SetNumber, fitting, measure_sets, set_numbers
from img2img.metrics.sets.spaces import SPACES
from img2img.progress import say
from img2img.reports.markdown import plain_table
from img2img.reports.writing import comma_separated

# samples of each set where nobody says: the assignment of more takes minutes
SAMPLES = 2000
# the row of real samples that are not among the measured ones: what a perfect set would score
OTHERS = "real, others"
# their best value is 0.5: neither end is better
TWO_ENDED = ("1nn_accuracy", "1nn_real", "1nn_made")


@dataclass(frozen=True)
class SetTable:
    """Numbers of each set against the real one, all of ``samples`` samples on ``space``; ``rows`` by set."""

    space: str
    samples: int
    numbers: Mapping[str, SetNumber]
    rows: Mapping[str, Mapping[str, float]]
    origins: Mapping[str, str]
    median: float
    notes: Sequence[str] = field(default=())

    def best(self, number: str) -> list[str]:
        """The sets with the best value, of those that were made; none where both ends are bad."""
        made = {name: row[number] for name, row in self.rows.items() if name != OTHERS}
        if number in TWO_ENDED or len(made) < 2:
            return []
        wanted = (max if self.numbers[number].higher_is_better else min)(made.values())
        return [name for name, value in made.items() if value == wanted]


def compare_sets(
    real: SetSource,
    made: Sequence[SetSource],
    names: Sequence[str] = (),
    space: str = "pixels",
    samples: int | None = None,
    device: torch.device | None = None,
    notes: Sequence[str] = (),
) -> SetTable:
    """Each of ``made`` against ``real``, as many samples of each; and others of the real ones, where there are enough.

    Args:
        names: of measures, or of their numbers; empty: all that these sets allow.
        space: of `SPACES`.
        samples: of each set; None: as many as the smallest has, up to `SAMPLES`.

    Raises:
        UserError: unknown names; sets that do not fit together, or are too small for ``samples`` or a measure.
    """
    if space not in SPACES:
        raise unknown("space", space, SPACES, "--features")
    set_numbers(names)
    count = _count([real, *made], samples)
    spaced = SPACES[space](device or torch.device("cpu"))
    known = _checked(real, real.some(count, 0))
    ground = spaced(known, real.mixture)
    rows: dict[str, dict[str, float]] = {}
    lines: list[str] = [*notes]
    others = real.count is None or real.count >= 2 * count
    for source in [*([real] if others else []), *made]:
        again = source is real
        values = _checked(source, source.some(count, 0, skip=count if again else 0))
        if values.shape[1:] != known.shape[1:]:
            raise UserError(
                f"{source.origin}: its samples are {_shape(values)}, those of {real.origin} {_shape(known)}; sets are "
                f"compared in one space"
            )
        found = spaced(values, None)
        if not names:
            names, left = fitting(ground, found)
            lines += left
        say(f"measuring {OTHERS if again else source.name}: {count} samples on {ground.space}")
        rows[OTHERS if again else source.name] = measure_sets(ground, found, names)
    return SetTable(
        space=ground.space,
        samples=count,
        numbers=set_numbers(names),
        rows=rows,
        origins={source.name: source.origin for source in (real, *made)},
        median=median_distance(ground.features),
        notes=tuple(lines),
    )


def _count(sources: Sequence[SetSource], asked: int | None) -> int:
    smallest = min(sources, key=lambda source: math.inf if source.count is None else source.count)
    most = SAMPLES if smallest.count is None else smallest.count
    if asked is not None and smallest.count is not None and smallest.count < asked:
        raise UserError(f"--samples {asked}: {smallest.origin} has {smallest.count} samples; ask for no more")
    return min(most, SAMPLES) if asked is None else asked


def _checked(source: SetSource, values: Values) -> Values:
    if values.dtype != np.uint8 and not np.isfinite(values).all():
        bad = int((~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))).sum())
        raise UserError(f"{source.origin}: {bad} of {len(values)} samples hold NaN or infinity")
    return values


def _shape(values: Values) -> str:
    if values.dtype == np.uint8:
        return f"pictures of {values.shape[2]}x{values.shape[1]} px"
    return f"rows of {values.shape[1]} numbers"


def markdown(table: SetTable) -> str:
    """The table in Markdown, the best of each column bold, with what its numbers are of."""
    heads = ["set", *(f"{number.title}, {table.space}" for number in table.numbers.values()), "samples"]
    rows = []
    for name, row in table.rows.items():
        cells = []
        for number, about in table.numbers.items():
            text = f"{row[number]:.{about.digits}f}"
            cells.append(f"**{text}**" if name in table.best(number) else text)
        rows.append([name, *cells, str(table.samples)])
    return "\n".join([plain_table(heads, 1, rows), "", *(f"{line}  " for line in _lines(table))]).rstrip()


def _lines(table: SetTable) -> list[str]:
    origins = list(table.origins.items())
    lines = [
        f"Real: {origins[0][1]}. {table.samples} samples of each set, at random and none twice; space: {table.space}."
    ]
    if any("median" in number for number in table.numbers):
        lines.append(f"median: the median distance between real samples, {table.median:.4g}.")
    if OTHERS in table.rows:
        lines.append(f"{OTHERS}: as many other real samples, what a perfect set scores at this count.")
    return [*lines, *table.notes]


def as_json(table: SetTable) -> str:
    """All that the table knows; the name of each number says what it is of."""
    tree: dict[str, Any] = {
        "space": table.space,
        "samples": table.samples,
        "median_distance": table.median,
        "sets": table.origins,
        "rows": {
            name: {f"{number}_on_{table.space}": row[number] for number in table.numbers}
            for name, row in table.rows.items()
        },
        "notes": list(table.notes),
        "versions": versions(),
    }
    return json.dumps(tree, indent=1)


def as_csv(table: SetTable) -> str:
    """A line a set and number: set, number, space, samples, value."""
    lines = [
        [name, number, table.space, str(table.samples), repr(row[number])]
        for name, row in table.rows.items()
        for number in table.numbers
    ]
    return comma_separated([["set", "number", "space", "samples", "value"], *lines]).rstrip("\n")


SET_FORMATS = {"md": markdown, "json": as_json, "csv": as_csv}
