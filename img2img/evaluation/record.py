"""What a report keeps so that others can check it: what its tables need beside the values, sums of its files."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from img2img.config import plain
from img2img.errors import UserError
from img2img.evaluation.entries import INPUT
from img2img.evaluation.outcome import Evaluation
from img2img.files import inside
from img2img.reports.table import Table

NAME = "report.json"
FORMAT = "img2img report 1"
# beside the rows of results, whose names hold no slash
TARGET, MASK = "/target", "/mask"
# of a Table, what does not follow from per_image.csv and card.json
KEPT = ("methods", "metrics", "protocol", "notes", "scenes", "against", "columns", "quoted", "spread")


def sha256(path: Path) -> str:
    """Of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record_of(evaluation: Evaluation, output: Path, files: Sequence[str]) -> dict[str, Any]:
    """The record of a report: its table's settings, and the SHA-256 of its ``files`` and of all pictures.

    Pictures below ``output`` stand by their path in it, others by where they lie.
    """
    sides = {TARGET: evaluation.targets, INPUT: evaluation.sources, MASK: evaluation.masks}
    rows = {**{side: files for side, files in sides.items() if files is not None}, **evaluation.results}
    fitting = evaluation.fitting
    return {
        "format": FORMAT,
        "table": {key: plain(getattr(evaluation.table, key)) for key in KEPT},
        "fit": None if fitting is None else fitting.how,
        "data": dict(evaluation.data),
        "pictures": {
            row: {stem: {"file": _place(file, output), "sha256": sha256(file)} for stem, file in pictures.items()}
            for row, pictures in rows.items()
        },
        "files": {name: sha256(output / name) for name in files},
    }


def _place(file: Path, output: Path) -> str:
    return str(file.resolve().relative_to(output.resolve())) if inside(file, output) else str(file.resolve())


def read_record(report: Path) -> dict[str, Any]:
    """The record of a report.

    Raises:
        UserError: no report, one of an earlier version, or a damaged record.
    """
    path = report / NAME
    if not path.is_file():
        raise UserError(f"{report}: holds no {NAME}, which evaluate --output writes; evaluate again with this version")
    try:
        record = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
        if record["format"] != FORMAT:
            raise ValueError(f"format {record['format']!r}")
        for key, kind in (("table", Mapping), ("pictures", Mapping), ("files", Mapping), ("data", Mapping)):
            if not isinstance(record[key], kind):
                raise TypeError(f"{key} is none")
        return dict(record)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not the record of a report ({error})") from error


def values_of(table: Table) -> dict[str, dict[str, dict[str, float]]]:
    """Values by image, row (method, or a seed of it) and metric."""
    values: dict[str, dict[str, dict[str, float]]] = {}
    for score in table.scores:
        row = f"{score.method}-seed{score.seed}" if score.seed else score.method
        values.setdefault(score.image, {}).setdefault(row, {})[score.metric] = score.value
    return values


def apart(one: float, other: float) -> float:
    """How far two values are apart; infinite where only one of them is finite or both are infinite otherwise."""
    if one == other or (math.isnan(one) and math.isnan(other)):
        return 0.0
    distance = abs(one - other)
    return distance if math.isfinite(distance) else math.inf
