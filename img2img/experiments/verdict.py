"""What a table's own test says of its rows, in words."""

from __future__ import annotations

import math

from img2img.evaluation.entries import INPUT
from img2img.metrics import METRICS
from img2img.reports.statistics import LEVEL, fewest_pairs
from img2img.reports.table import Comparison, Table
from img2img.reports.writing import counted


def verdict(table: Table) -> list[str]:
    """A sentence for each row beside `Table.against` and the untouched input, and each metric.

    A difference counts where the paired test's p, adjusted for all comparisons of the table, is below 1 - `LEVEL`.
    Where there are too few pictures for that test to show any difference whatever, the sentence says so. The test is
    over pictures (their values are means over seeds); how far seeds lie apart stands beside.
    """
    return [_sentence(table, each) for each in table.compare() if each.method != INPUT]


def _sentence(table: Table, its: Comparison) -> str:
    about = METRICS[its.metric]
    unit = f" {about.unit}" if about.unit else ""
    pairs = its.images if its.scenes is None else its.scenes
    found = [] if math.isnan(its.p_holm) else [f"p {its.p_holm:.2g}, adjusted"]
    found.append(f"over {counted(pairs, 'picture' if its.scenes is None else 'scene')}")
    spreads = [table.std_over_seeds(name, its.metric) for name in (its.method, its.against)]
    if not any(map(math.isnan, spreads)):
        found.append(f"seeds spread by {' and '.join(f'{spread:.{about.digits}f}' for spread in spreads)}")
    begin = f"{its.method} against {its.against}, {about.title}: {its.difference:+.{about.digits}f}{unit}"
    return f"{begin} ({', '.join(found)}): {_word(its, pairs, len(table.compare()))}"


def _word(its: Comparison, pairs: int, comparisons: int) -> str:
    """better, worse, or why neither can be said."""
    needed = fewest_pairs((1 - LEVEL) / comparisons)
    if pairs < needed:
        return f"undecided, {needed} would be needed to show any difference"
    if math.isnan(its.p_holm) or its.p_holm >= 1 - LEVEL or its.difference == 0:
        return "no difference shown"
    return "better" if (its.difference > 0) == METRICS[its.metric].higher_is_better else "worse"
