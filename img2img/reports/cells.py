"""The cells of a table as text, for every format that people read."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from img2img.metrics import METRICS
from img2img.reports.caption import SEEDS_MARK
from img2img.reports.table import Table
from img2img.reports.writing import NOTHING, number, p_value, signed

COMPARED = ("method", "metric", "difference", "p", "p (Holm)", "effect", "n")


class Markup(NamedTuple):
    """How a format escapes text, and its templates (with ``{}``) for the best and the second of a column."""

    escape: Callable[[str], str]
    bold: str
    underlined: str


def heads(table: Table) -> list[str]:
    """What stands above the columns, not escaped."""
    found = ["method"]
    for metric in table.metrics:
        about = METRICS[metric]
        unit = f" ({about.unit})" if about.unit else ""
        found.append(f"{about.title}{unit} {'↑' if about.higher_is_better else '↓'}")
    return [*found, *table.columns]


def measured(table: Table, markup: Markup) -> list[list[str]]:
    """A row a method, escaped."""
    return [
        [
            markup.escape(method),
            *(_mean(table, method, metric, markup) for metric in table.metrics),
            *(markup.escape(texts.get(method, NOTHING)) for texts in table.columns.values()),
        ]
        for method in table.methods
    ]


def _mean(table: Table, method: str, metric: str, markup: Markup) -> str:
    value, left_out = table.mean(method, metric)
    digits = METRICS[metric].digits
    text = markup.escape(number(value, digits))
    if method in table.best(metric):
        text = markup.bold.format(text)
    elif method in table.second(metric):
        text = markup.underlined.format(text)
    words = _spread(table, method, metric)
    if left_out and math.isfinite(value):
        words.append(f"({left_out} left out)")
    return " ".join([text, *map(markup.escape, words)])


def _spread(table: Table, method: str, metric: str) -> list[str]:
    digits = METRICS[metric].digits
    if table.spread == "std":
        several = len(table.seeds(method)) > 1
        spread = table.std_over_seeds(method, metric) if several else table.std_over_images(method, metric)
        return [] if math.isnan(spread) else [f"± {number(spread, digits)}{SEEDS_MARK if several else ''}"]
    if table.spread == "interval":
        low, high = table.interval(method, metric)
        return [] if math.isnan(low) else [f"[{number(low, digits)}, {number(high, digits)}]"]
    return []


def quoted(table: Table, markup: Markup) -> list[list[str]]:
    """A row a published method, escaped."""
    shown = table.numbered_quotes
    several = any(source > 1 for _, source in shown)
    rows = []
    for row, source in shown:
        cells = [f"{row.method} (quoted){f' [{source}]' if several else ''}"]
        for metric in table.metrics:
            # neither more decimals than the source prints nor fewer
            column = [other.values[metric] for other, origin in shown if origin == source and metric in other.values]
            cells.append(number(row.values.get(metric, math.nan), max(map(_decimals, column), default=0)))
        rows.append([markup.escape(cell) for cell in [*cells, *[NOTHING] * len(table.columns)]])
    return rows


def _decimals(value: float) -> int:
    return max(0, -int(Decimal(repr(value)).normalize().as_tuple().exponent))


def compared(table: Table, markup: Markup) -> list[list[str]]:
    """A row a comparison under `COMPARED`, escaped."""
    rows = []
    for comparison in table.compare():
        about = METRICS[comparison.metric]
        row = [
            comparison.method,
            about.title,
            signed(comparison.difference, about.digits),
            p_value(comparison.p),
            p_value(comparison.p_holm),
            signed(comparison.effect, 2),
            str(comparison.images if comparison.scenes is None else comparison.scenes),
        ]
        rows.append([markup.escape(cell) for cell in row])
    return rows
