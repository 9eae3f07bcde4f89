"""Tables in Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from img2img.reports import caption, cells
from img2img.reports.table import Table
from img2img.reports.writing import sentences


def markdown(table: Table) -> str:
    """A Markdown table, the best of each column bold and the second underlined, the protocol below."""
    heads = cells.heads(table)
    lines = _table(heads, 1, cells.measured(table, MARKUP))
    if quoted := cells.quoted(table, MARKUP):
        lines += ["| *published* |" + " |" * (len(heads) - 1), *map(_row, quoted)]
    lines += ["", escape(caption.paragraph(table))]
    if compared := cells.compared(table, MARKUP):
        lines += ["", *_table(cells.COMPARED, 2, compared), "", escape(sentences(caption.comparison_notes(table)))]
    return "\n".join(lines)


def plain_table(heads: Sequence[str], words: int, rows: Sequence[Sequence[str]]) -> str:
    """A table of texts, the first ``words`` columns aligned as text; marks in cells are kept."""
    return "\n".join(_table(heads, words, rows))


def _table(heads: Sequence[str], words: int, rows: Sequence[Sequence[str]]) -> list[str]:
    """``words``: how many columns from the left are aligned as text."""
    rule = "|" + "---|" * words + "---:|" * (len(heads) - words)
    return [_row([escape(head) for head in heads]), rule, *map(_row, rows)]


def _row(row: Sequence[str]) -> str:
    return f"| {' | '.join(row)} |"


def escape(text: str) -> str:
    """Text for a cell of a Markdown table."""
    text = " ".join(text.split())
    return re.sub(r"[\\|*`~]|<(?=[A-Za-z/!?])|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text)


MARKUP = cells.Markup(escape, "**{}**", "<u>{}</u>")
