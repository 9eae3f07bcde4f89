"""Tables of means over images, in the formats papers and programs want."""

from __future__ import annotations

import csv
import json
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO

from img2img.metrics import HIGHER_IS_BETTER, PROTOCOL, mean

Row = tuple[str, str, str, float]
DIGITS = {"psnr": 2, "ssim": 4, "mae": 2}
TITLES = {"psnr": "PSNR (dB)", "ssim": "SSIM", "mae": "MAE (of 255)"}
SPECIAL = {"\\": r"\textbackslash{}", "_": r"\_", "&": r"\&", "%": r"\%", "#": r"\#", "$": r"\$", "{": r"\{",
           "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Per-image values of methods: rows of (method, image, metric, value); ``notes`` are for the caption."""

    methods: tuple[str, ...]
    metrics: tuple[str, ...]
    images: int
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def values(self, method: str, metric: str) -> list[float]:
        """The values of each image."""
        return [value for name, _, measure, value in self.rows if name == method and measure == metric]

    def mean(self, method: str, metric: str) -> tuple[float, int]:
        """Mean over images, and how many are left out since their value is infinite or undefined."""
        return mean(self.values(method, metric))

    def best(self, metric: str) -> str | None:
        """The method with the best mean."""
        means = {name: self.mean(name, metric)[0] for name in self.methods}
        means = {name: value for name, value in means.items() if not math.isnan(value)}
        choose = max if HIGHER_IS_BETTER[metric] else min
        return choose(means, key=lambda name: means[name]) if means else None

    def caption(self) -> str:
        """What the figures are means of, and what must be known to read them right."""
        return "; ".join([f"{self.images} images", f"mean over images of {PROTOCOL}", *self.notes])

    def per_image(self) -> str:
        """CSV with columns method, image, metric, value, reason (of an undefined value)."""
        file = StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["method", "image", "metric", "value", "reason"])
        for method, image, metric, value in self.rows:
            reason = "picture smaller than the 11x11 window" if math.isnan(value) else ""
            writer.writerow([method, image, metric, repr(value), reason])
        return file.getvalue()


def _cell(table: Table, method: str, metric: str) -> str:
    value, left_out = table.mean(method, metric)
    digits = DIGITS.get(metric, 4)
    text = f"{value:.{digits}f}" if math.isfinite(value) else str(value)
    return f"{text} ({left_out} left out)" if left_out and math.isfinite(value) else text


def markdown(table: Table) -> str:
    """A Markdown table, the best of each column bold, the protocol below."""
    arrows = {True: "↑", False: "↓"}
    heads = [f"{TITLES[metric]} {arrows[HIGHER_IS_BETTER[metric]]}" for metric in table.metrics]
    lines = ["| method | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
    for method in table.methods:
        cells = [_cell(table, method, metric) for metric in table.metrics]
        cells = [f"**{c}**" if table.best(m) == method else c for c, m in zip(cells, table.metrics, strict=True)]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", f"{table.caption()}."])


def latex(table: Table) -> str:
    """A booktabs table, the best of each column bold."""
    arrows = {True: r"$\uparrow$", False: r"$\downarrow$"}
    heads = [f"{TITLES[metric]} {arrows[HIGHER_IS_BETTER[metric]]}" for metric in table.metrics]
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{escape(table.caption())}.}}",
             rf"\begin{{tabular}}{{l{'r' * len(heads)}}}", r"\toprule",
             "Method & " + " & ".join(heads) + r" \\", r"\midrule"]  # fmt: skip
    for method in table.methods:
        cells = [_cell(table, method, metric) for metric in table.metrics]
        cells = [
            rf"\textbf{{{c}}}" if table.best(m) == method else c for c, m in zip(cells, table.metrics, strict=True)
        ]
        lines.append(f"{escape(method)} & " + " & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"])


def escape(text: str) -> str:
    """Text for LaTeX."""
    return "".join(SPECIAL.get(letter, letter) for letter in text)


def comma_separated(table: Table) -> str:
    """CSV of means and standard deviations over images."""
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["method", "metric", "mean", "std_over_images", "images", "left_out"])
    for method in table.methods:
        for metric in table.metrics:
            value, left_out = table.mean(method, metric)
            finite = [v for v in table.values(method, metric) if math.isfinite(v)]
            spread = statistics.stdev(finite) if len(finite) > 1 else math.nan
            writer.writerow([method, metric, repr(value), repr(spread), table.images, left_out])
    return file.getvalue().rstrip("\n")


def as_json(table: Table) -> str:
    """JSON with the protocol; infinite values as the string "Infinity", undefined ones null."""

    def plain(value: float) -> float | str | None:
        return value if math.isfinite(value) else ("Infinity" if value > 0 else None)

    methods = {name: {metric: plain(table.mean(name, metric)[0]) for metric in table.metrics} for name in table.methods}
    record = {"protocol": PROTOCOL, "images": table.images, "notes": table.notes, "methods": methods}
    return json.dumps(record, indent=1)


FORMATS: dict[str, Callable[[Table], str]] = {
    "md": markdown,
    "latex": latex,
    "csv": comma_separated,
    "json": as_json,
}
