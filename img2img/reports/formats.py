"""Every format of a table by name (one line each)."""

from __future__ import annotations

from collections.abc import Callable

from img2img.reports.latex import latex
from img2img.reports.markdown import markdown
from img2img.reports.plain import as_csv, as_json
from img2img.reports.table import Table

FORMATS: dict[str, Callable[[Table], str]] = {
    "md": markdown,
    "latex": latex,
    "csv": as_csv,
    "json": as_json,
}
