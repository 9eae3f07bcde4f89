"""Tables for programs: CSV and JSON, with all that the table knows."""

from __future__ import annotations

import json
import math
from typing import Any

from img2img.config import plain
from img2img.reports.table import Table
from img2img.reports.writing import comma_separated

HEADS = (
    "method", "metric", "mean", "std_over_images", "std_over_seeds", "seeds", "low", "high", "images", "scenes",
    "infinite", "undefined", "difference", "p", "p_holm", "effect", "compared_with", "kind", "protocol", "source",
)  # fmt: skip


def as_csv(table: Table) -> str:
    """CSV, a line a method and metric: mean, spreads, interval, what is left out, comparison, further columns."""
    heads = (*HEADS, *table.columns)
    rows = [*_measured(table), *_quoted(table)]
    return comma_separated([heads, *([row.get(head, "") for head in heads] for row in rows)]).rstrip("\n")


def _measured(table: Table) -> list[dict[str, Any]]:
    comparisons = {(comparison.method, comparison.metric): plain(comparison) for comparison in table.compare()}
    rows: list[dict[str, Any]] = []
    for method in table.methods:
        for metric in table.metrics:
            comparison = comparisons.get((method, metric), {})
            rows.append(
                {
                    **{head: texts.get(method, "") for head, texts in table.columns.items()},
                    "method": method,
                    "metric": metric,
                    **_figures(table, method, metric),
                    "images": len(table.images),
                    "scenes": "" if table.scene_count is None else table.scene_count,
                    **{key: comparison.get(key, "") for key in ("difference", "p", "p_holm", "effect")},
                    "compared_with": comparison.get("against", ""),
                    "kind": "measured",
                    "protocol": table.protocol,
                }
            )
    return rows


def _quoted(table: Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for row, _ in table.numbered_quotes:
        about = {"method": row.method, "kind": "quoted", "protocol": row.protocol, "source": row.source}
        rows += [{**about, "metric": name, "mean": row.values[name]} for name in table.metrics if name in row.values]
    return rows


def _figures(table: Table, method: str, metric: str) -> dict[str, Any]:
    low, high = table.interval(method, metric)
    infinite, undefined = table.left_out(method, metric)
    return {
        "mean": table.mean(method, metric)[0],
        "std_over_images": table.std_over_images(method, metric),
        "std_over_seeds": table.std_over_seeds(method, metric),
        "seeds": len(table.seeds(method)),
        "low": low,
        "high": high,
        "infinite": infinite,
        "undefined": undefined,
    }


def as_json(table: Table) -> str:
    """JSON with the protocol and the card; infinite values as the string "Infinity", undefined ones null."""
    record = {
        "protocol": table.protocol,
        "images": len(table.images),
        "scenes": table.scene_count,
        "notes": table.notes,
        "methods": {
            name: {metric: _figures(table, name, metric) for metric in table.metrics} for name in table.methods
        },
        "columns": table.columns,
        "comparisons": table.compare(),
        "quoted": table.quoted,
        "card": table.card,
    }
    return json.dumps(_finite(plain(record)), indent=1, allow_nan=False, ensure_ascii=False, default=str)


def _finite(value: Any) -> Any:
    """JSON has no word for what is infinite or undefined."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value
