"""What is said of a table: in a line above it, and below it in notes without which its figures are read wrongly."""

from __future__ import annotations

import math

from img2img.metrics import METRICS
from img2img.reports.statistics import RESAMPLES
from img2img.reports.table import Table
from img2img.reports.writing import counted, enumerated, sentences

SEEDS_MARK = "†"


def title(table: Table) -> str:
    """What is measured, over how many images and under which protocol, in a few words."""
    metrics = enumerated([METRICS[metric].title for metric in table.metrics])
    return f"Mean {metrics} over {_extent(table)} (protocol {_protocol(table)})"


def notes(table: Table) -> list[str]:
    """The protocol, the marks, what is left out, spreads, the table's own notes, published rows, the data."""
    marks = ["Best bold, second underlined"] if len(table.methods) > 1 else []
    found = [f"Protocol {table.protocol}", *marks, *_about_left_out(table), *_about_spread(table), *table.notes]
    return [*found, *_about_quoted(table), str(table.card.get("line", ""))]


def paragraph(table: Table) -> str:
    """All of it as running text."""
    return sentences([f"Means over {_extent(table)}", *notes(table)])


def comparison_title(table: Table) -> str:
    """What the comparisons of a table are."""
    return f"Differences to {table.against}, paired by image (protocol {_protocol(table)}, {_extent(table)})"


def comparison_notes(table: Table) -> list[str]:
    """How the differences of a table's comparisons are taken and tested."""
    comparisons = table.compare()
    over = "images" if table.scene_count is None else "the mean differences of scenes"
    tests = counted(sum(not math.isnan(comparison.p) for comparison in comparisons), "test")
    found = [
        f"Difference: the row's mean minus that of {table.against}, over the images where both are finite",
        f"Test: two-sided Wilcoxon signed-rank over {over} (n), its p as it is and adjusted by Holm for {tests}",
        "Effect: matched-pairs rank-biserial correlation, positive where the row's values are the larger",
    ]
    if left_out := sum(comparison.left_out for comparison in comparisons):
        found.append(f"Pairs left out since a value is infinite or undefined: {left_out} in all")
    if any(len(table.seeds(method)) > 1 for method in table.methods):
        found.append("Where there are several seeds, an image's value is the mean over them")
    return found


def _extent(table: Table) -> str:
    scenes = "" if table.scene_count is None else f" of {counted(table.scene_count, 'scene')}"
    return counted(len(table.images), "image") + scenes


def _protocol(table: Table) -> str:
    """The protocol's name, which its line begins with."""
    return table.protocol.partition(":")[0]


def _about_left_out(table: Table) -> list[str]:
    alike: dict[tuple[str, int, int], list[str]] = {}
    for metric in table.metrics:
        for method in table.methods:
            alike.setdefault((metric, *table.left_out(method, metric)), []).append(method)
    parts = []
    for (metric, infinite, undefined), methods in alike.items():
        counts = [f"{infinite} infinite"] * (infinite > 0) + [f"{undefined} undefined"] * (undefined > 0)
        if counts:
            parts.append(f"{METRICS[metric].title} of {', '.join(methods)}: {' and '.join(counts)}")
    return [f"Left out of the means: {'; '.join(parts)}"] if parts else []


def _about_spread(table: Table) -> list[str]:
    several = {method: len(table.seeds(method)) for method in table.methods if len(table.seeds(method)) > 1}
    who = ", ".join(several)
    over = f"{next(iter(several.values()), 0)} seeds"
    if len(set(several.values())) > 1:
        who, over = ", ".join(f"{method} {count}" for method, count in several.items()), "seeds"
    found = []
    if several and table.spread == "std":
        found.append(f"± marked {SEEDS_MARK} is over {over} ({who}): the standard deviation of the seeds' means")
    elif several:
        found.append(f"Means over {over} ({who})")
    if table.spread == "std" and len(several) < len(table.methods):
        found.append(f"±{' unmarked' if several else ''} is the standard deviation over images")
    if table.spread == "interval":
        of = "images" if table.scene_count is None else "scenes"
        fixed = ", the seeds taken as they are" if several else ""
        how = f"percentile, {RESAMPLES:,} resamples of {of}{fixed}"
        found.append(f"In brackets the 95 % bootstrap interval of the mean ({how})")
    return found


def _about_quoted(table: Table) -> list[str]:
    origins = list(dict.fromkeys(row.origin for row, _ in table.numbered_quotes))
    found = [
        "Rows marked (quoted) are published figures, not measured here: their protocol differs from the one above "
        "or is not known to be the same, so they are never best or second"
    ] * bool(origins)
    for number, (source, protocol, data, certainty) in enumerate(origins, 1):
        about = {"protocol: ": protocol, "data: ": data, "": certainty}
        parts = [f"{word}{text.strip().rstrip('.')}" for word, text in about.items() if text.strip()]
        found.append("; ".join([f"{f'[{number}]' if len(origins) > 1 else 'Quoted'} from {source}", *parts]))
    return found
