"""What an evaluation leaves behind: tables, values of each picture, figures, a page to look at, and its card."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from img2img.errors import UserError, unknown
from img2img.evaluation import record
from img2img.evaluation.entries import INPUT, Files
from img2img.evaluation.outcome import Evaluation
from img2img.files import atomic
from img2img.images import Pixels
from img2img.images.raster import read_any, to_look_at
from img2img.metrics import METRICS
from img2img.reports.figures import save_png, zoomed_grid
from img2img.reports.formats import FORMATS
from img2img.reports.pages.evaluation import Page, Shot, write_page
from img2img.reports.plots import metric_plot
from img2img.reports.table import Table

ROWS_IN_FIGURE = 4


def check_formats(formats: Sequence[str]) -> None:
    """Refuse unknown formats before any work."""
    for name in formats:
        if name not in FORMATS:
            raise unknown("format", name, FORMATS, "--format")
    if not formats:
        raise UserError(f"--format: at least one is needed (known: {', '.join(sorted(FORMATS))})")


def render(evaluation: Evaluation, form: str) -> str:
    """The table in a format."""
    return FORMATS[form](evaluation.table)


def write_report(evaluation: Evaluation, output: Path, formats: Sequence[str]) -> list[str]:
    """Write everything to ``output``, in the place of an earlier report; lines that say what lies where."""
    table = evaluation.table
    _remove_earlier(output)
    lines = []

    def text(name: str, content: str, what: str) -> None:
        with atomic(output / name) as temporary:
            temporary.write_text(content, encoding="utf-8", errors="surrogateescape")
        lines.append(f"{what}: {output / name}")

    for form in formats:
        text(_table_file(form), render(evaluation, form) + "\n", "table")
    text("per_image.csv", table.per_image(), "values of each picture")
    text("card.json", json.dumps({**table.card, **evaluation.when}, indent=1) + "\n", "card")
    if evaluation.explained:
        text("explain.txt", evaluation.explanation() + "\n", "under every protocol")
    save_png(output / "comparison.png", _comparison(evaluation))
    lines.append(f"before and after: {output / 'comparison.png'}")
    for metric in table.metrics:
        about = METRICS[metric]
        values = {method: table.values(method, metric) for method in table.methods}
        title = f"{about.title}{f' ({about.unit})' if about.unit else ''}"
        plot = metric_plot(values, list(evaluation.targets), title, about.higher_is_better)
        save_png(output / f"plot_{metric}.png", plot)
    lines.append(f"each picture's values drawn: {output / 'plot_*.png'}")
    write_page(output / "report.html", _page(evaluation))
    plots = [f"plot_{metric}.png" for metric in table.metrics]
    explained = ["explain.txt"] * bool(evaluation.explained)
    tables = list(map(_table_file, formats))
    files = [*tables, "per_image.csv", "card.json", *explained, "comparison.png", *plots, "report.html"]
    text(record.NAME, json.dumps(record.record_of(evaluation, output, files), indent=1) + "\n", "for img2img verify")
    lines.append(f"page to look at: {output / 'report.html'}")
    return lines


def _table_file(form: str) -> str:
    return f"table.{'tex' if form == 'latex' else form}"


def _remove_earlier(output: Path) -> None:
    """Remove what an earlier report left here and this one may not write: it would be taken for this one's."""
    for name in (*map(_table_file, FORMATS), *(f"plot_{metric}.png" for metric in METRICS), "explain.txt", record.NAME):
        (output / name).unlink(missing_ok=True)


def _comparison(evaluation: Evaluation) -> Pixels:
    """A grid of source, each method and target for the first pictures, with what tells them apart enlarged."""
    columns = {**({"input": evaluation.sources} if evaluation.sources else {}), **evaluation.results}
    columns["target"] = evaluation.targets
    stems = list(evaluation.targets)[:ROWS_IN_FIGURE]
    rows = [[_shown(evaluation, stem, files) for files in columns.values()] for stem in stems]
    return zoomed_grid(rows, list(columns), source=0 if evaluation.sources else None)


def _shown(evaluation: Evaluation, stem: str, files: Files) -> Pixels:
    """A picture (H, W, 3) uint8 in the size it was measured in."""
    pixels = to_look_at(read_any(files[stem]))
    return pixels if evaluation.fitting is None else evaluation.fitting.apply(stem, pixels)


def interval_text(table: Table, method: str, metric: str) -> str:
    """A mean as the page shows it: with its interval, and how many values are left out."""
    digits = METRICS[metric].digits
    mean, left_out = table.mean(method, metric)
    low, high = table.interval(method, metric)
    between = "" if math.isnan(low) else f" [{low:.{digits}f}, {high:.{digits}f}]"
    return f"{mean:.{digits}f}{between}{f' ({left_out} left out)' if left_out else ''}"


def _page(evaluation: Evaluation) -> Page:
    table = evaluation.table
    metrics = {name: METRICS[name] for name in table.metrics}
    best = {
        (row, column)
        for row, method in enumerate(table.methods)
        for column, name in enumerate(metrics, 1)
        if method in table.best(name)
    }
    heads = [
        f"{metric.title}{f' ({metric.unit})' if metric.unit else ''}, 95 % interval" for metric in metrics.values()
    ]
    return Page(
        title=f"{', '.join(evaluation.results)} on {len(evaluation.targets)} pictures",
        protocol=table.protocol,
        methods=list(evaluation.results),
        metrics=metrics,
        shots=_shots(evaluation),
        base=INPUT if evaluation.sources else None,
        head=["method", *heads],
        rows=[[method, *(interval_text(table, method, name) for name in metrics)] for method in table.methods],
        best=frozenset(best),
        notes=table.notes,
        card={**table.card, **evaluation.when},
    )


def _shots(evaluation: Evaluation) -> list[Shot]:
    """Each picture with its values, and the reasons of those that are undefined."""
    values: dict[str, dict[str, dict[str, float]]] = {}
    reasons: dict[str, dict[str, dict[str, str]]] = {}
    for score in evaluation.table.scores:
        row = f"{score.method}-seed{score.seed}" if score.seed else score.method
        values.setdefault(score.image, {}).setdefault(row, {})[score.metric] = score.value
        if math.isnan(score.value):
            reasons.setdefault(score.image, {}).setdefault(row, {})[score.metric] = score.reason
    fitting = evaluation.fitting
    return [
        Shot(
            name=stem,
            target=target,
            results={name: files[stem] for name, files in evaluation.results.items()},
            values=values[stem],
            reasons=reasons.get(stem, {}),
            source=evaluation.sources[stem] if evaluation.sources else None,
            fitted=None if fitting is None else partial(fitting.apply, stem),
        )
        for stem, target in evaluation.targets.items()
    ]
