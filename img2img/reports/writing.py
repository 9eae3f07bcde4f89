"""How figures, counts, sentences and comma-separated rows are written."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from io import StringIO

NOTHING = "–"


def rounded(value: float, digits: int) -> float:
    """A value as it is shown, without a minus before a zero."""
    return round(value, digits) + 0.0


def number(value: float, digits: int) -> str:
    """A value with ``digits`` decimals; ∞ where it is infinite, `NOTHING` where it is nan."""
    return NOTHING if math.isnan(value) else f"{rounded(value, digits):.{digits}f}".replace("inf", "∞")


def signed(value: float, digits: int) -> str:
    """A `number` with its plus sign."""
    return f"{'+' if rounded(value, digits) > 0 else ''}{number(value, digits)}"


def p_value(value: float) -> str:
    """A probability with three decimals, very small ones as ``<0.001``."""
    return "<0.001" if value < 0.001 else number(value, 3)


def counted(count: int, what: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def enumerated(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)


def sentence(text: str) -> str:
    """A text as a sentence: a capital first, one full stop (or its question mark) at its end; nothing of nothing."""
    text = text.strip().rstrip(".")
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith('?') else '.'}" if text else ""


def sentences(texts: Iterable[str]) -> str:
    """Texts as a paragraph of sentences."""
    return " ".join(filter(None, map(sentence, texts)))


def comma_separated(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV with line feeds."""
    file = StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def printable(text: str) -> str:
    """Text that can be encoded: names of files need not be Unicode, what cannot be written is shown as ``?``."""
    return text.encode("utf-8", "replace").decode("utf-8")
