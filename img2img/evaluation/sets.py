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
from img2img.errors import UserError
from img2img.evaluation.card import versions
from img2img.evaluation.set_sources import SetSource
from img2img.metrics.sets import median_distance
from img2img.metrics.sets.against import AgainstReal
from img2img.metrics.sets.registry import ON, SetNumber, fitting, in_space, set_numbers, spaces_of
from img2img.metrics.sets.spaces import PIXELS, SPACES
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
    """Numbers of each set against the real one, by their full names, all of ``samples`` samples; ``rows`` by set.

    ``space``: what numbers of the samples themselves are of, ``pixels`` or ``values``. ``medians``: the median distance
    between real samples in each space.
    """

    space: str
    samples: int
    numbers: Mapping[str, SetNumber]
    rows: Mapping[str, Mapping[str, float]]
    origins: Mapping[str, str]
    medians: Mapping[str, float]
    notes: Sequence[str] = field(default=())

    def space_of(self, number: str) -> str:
        """The space that a number is taken in."""
        said = self.numbers[number].space
        return self.space if said == PIXELS.name else said

    def best(self, number: str) -> list[str]:
        """The sets with the best value, of those that were made; none where both ends are bad."""
        made = {name: row[number] for name, row in self.rows.items() if name != OTHERS}
        if in_space(number)[0] in TWO_ENDED or len(made) < 2:
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
        names: of measures, or of their numbers, with their space or without; empty: all that these sets allow.
        space: of `SPACES`, of the names that say none.
        samples: of each set; None: as many as the smallest has, up to `SAMPLES`.

    Raises:
        UserError: unknown names; sets that do not fit together, or are too small for ``samples`` or a measure.
    """
    set_numbers(names, space=space)
    count = _count([real, *made], samples)
    known = _checked(real, real.some(count, 0))
    against = AgainstReal(known, real.mixture, device, space)
    lines: list[str] = [*notes]
    if not names:
        names, left = fitting(against.extent())
        lines += left
    against.check(names)
    numbers = set_numbers(names, space=space)
    spaces = spaces_of(names, space)
    rows: dict[str, dict[str, float]] = {}
    others = real.count is None or real.count >= 2 * count
    for source in [*([real] if others else []), *made]:
        again = source is real
        values = _checked(source, source.some(count, 0, skip=count if again else 0))
        if values.shape[1:] != known.shape[1:]:
            raise UserError(
                f"{source.origin}: its samples are {_shape(values)}, those of {real.origin} {_shape(known)}; sets are "
                f"compared in one space"
            )
        places = ", ".join(against.extent(place).space for place in spaces)
        say(f"measuring {OTHERS if again else source.name}: {count} samples on {places}")
        rows[OTHERS if again else source.name] = against.measured(values, names)
    lines += [f"{place}: {SPACES[place].line}." for place in spaces if place != PIXELS.name]
    return SetTable(
        space=against.extent(PIXELS.name).space,
        samples=count,
        numbers=numbers,
        rows=rows,
        origins={source.name: source.origin for source in (real, *made)},
        medians={against.extent(place).space: median_distance(against.ground(place).features) for place in spaces},
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
    heads = ["set", *(f"{about.title}, {table.space_of(number)}" for number, about in table.numbers.items()), "samples"]
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
    spaces = ", ".join(table.medians)
    lines = [f"Real: {origins[0][1]}. {table.samples} samples of each set, at random and none twice; space: {spaces}."]
    for space, median in table.medians.items():
        if any("median" in number and table.space_of(number) == space for number in table.numbers):
            lines.append(f"median: the median distance between real samples on {space}, {median:.4g}.")
    if OTHERS in table.rows:
        lines.append(f"{OTHERS}: as many other real samples, what a perfect set scores at this count.")
    return [*lines, *table.notes]


def as_json(table: SetTable) -> str:
    """All that the table knows; the name of each number says what it is of."""
    tree: dict[str, Any] = {
        "space": ", ".join(table.medians),
        "samples": table.samples,
        "median_distance": table.medians,
        "sets": table.origins,
        "rows": {
            name: {f"{bare}{ON}{space}": row[number] for number, bare, space in _parted(table)}
            for name, row in table.rows.items()
        },
        "notes": list(table.notes),
        "versions": versions(),
    }
    return json.dumps(tree, indent=1)


def as_csv(table: SetTable) -> str:
    """A line a set and number: set, number, space, samples, value."""
    lines = [
        [name, bare, space, str(table.samples), repr(row[number])]
        for name, row in table.rows.items()
        for number, bare, space in _parted(table)
    ]
    return comma_separated([["set", "number", "space", "samples", "value"], *lines]).rstrip("\n")


def _parted(table: SetTable) -> list[tuple[str, str, str]]:
    """(full name, number, space) of each column."""
    spaces = {number: table.space_of(number) for number in table.numbers}
    return [(number, number.removesuffix(f"{ON}{space}"), space) for number, space in spaces.items()]


SET_FORMATS = {"md": markdown, "json": as_json, "csv": as_csv}
