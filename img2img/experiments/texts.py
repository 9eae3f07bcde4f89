"""Tables of texts in each form, and figures that others printed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from img2img.experiments.job import Part
from img2img.experiments.table import QuotedTable
from img2img.reports import latex, markdown
from img2img.reports.writing import sentences


@dataclass(frozen=True)
class Texts:
    """A table: headings, rows of texts (the first cell a name), and what must be known of them."""

    title: str
    heads: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def part(self) -> Part:
        """The table as a part, in Markdown and LaTeX."""
        rows = [[markdown.escape(cell) for cell in row] for row in self.rows]
        heads = [markdown.escape(head) for head in self.heads]
        below = sentences(self.notes) if self.notes else ""
        md = markdown.plain_table(heads, 1, rows) + (f"\n\n{markdown.escape(below)}" if below else "")
        tex = latex.plain_table(self.heads, 1, self.rows, self.title, "results")
        return Part(self.title, {"md": md, "latex": tex + (f"\n\n{latex.escape(below)}" if below else "")})


def listed_part(title: str, lines: Sequence[str]) -> Part:
    """Sentences, one below the other, as a part in Markdown and LaTeX."""
    md = "\n".join(f"- {markdown.escape(line)}" for line in lines)
    tex = "\n".join(["\\begin{itemize}", *(f"\\item {latex.escape(line)}" for line in lines), "\\end{itemize}"])
    return Part(title, {"md": md, "latex": tex})


def quoted(table: QuotedTable) -> Part:
    """Figures as they were printed, marked as such."""
    rows = [[f"{name} (quoted)", *cells] for name, cells in table.rows.items()]
    return Texts(f"Quoted: {table.title}", ("method", *table.columns), rows, (table.note,)).part()


def shown(value: float, digits: int) -> str:
    """A number for a cell; a dash where there is none."""
    if math.isnan(value):
        return "–"
    return f"{value:.{digits}f}"
