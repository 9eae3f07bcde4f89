"""Tables in LaTeX for booktabs: a short caption above, all that must be known of the figures in notes below."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from img2img.reports import caption, cells
from img2img.reports.table import Table
from img2img.reports.writing import sentence

# a longer word without spaces, such as an address, may be broken at its slashes
LONG_WORD = 24


def latex(table: Table) -> str:
    """Booktabs tables, the best of each column bold and the second underlined; plain ASCII."""
    groups = [rows for rows in (cells.measured(table, MARKUP), cells.quoted(table, MARKUP)) if rows]
    lines = [
        r"% needs \usepackage{booktabs}",
        *_table(("Method", *cells.heads(table)[1:]), 1, groups, caption.title(table), caption.notes(table), "results"),
    ]
    if compared := cells.compared(table, MARKUP):
        title, notes = caption.comparison_title(table), caption.comparison_notes(table)
        lines += ["", *_table(("Method", *cells.COMPARED[1:]), 2, [compared], title, notes, "comparison")]
    return "\n".join(lines)


def _table(
    heads: Sequence[str],
    words: int,
    groups: Sequence[Sequence[Sequence[str]]],
    title: str,
    notes: Sequence[str],
    label: str,
) -> list[str]:
    """``words``: how many columns from the left are aligned as text; a rule stands above each of the ``groups``."""
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(sentence(title))}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{{'l' * words}{'r' * (len(heads) - words)}}}",
        r"\toprule",
        _row([escape(head) for head in heads]),
    ]
    for rows in groups:
        lines += [r"\midrule", *map(_row, rows)]
    return [*lines, r"\bottomrule", r"\end{tabular}", *_below(notes), r"\end{table}"]


def plain_table(heads: Sequence[str], words: int, rows: Sequence[Sequence[str]], title: str, label: str) -> str:
    """A table of texts, the first ``words`` columns aligned as text."""
    cells = [[escape(cell) for cell in row] for row in rows]
    return "\n".join(_table(heads, words, [cells], title, (), label))


def _row(row: Sequence[str]) -> str:
    return rf"{' & '.join(row)} \\"


def _below(notes: Sequence[str]) -> list[str]:
    """Small paragraphs as wide as the text, since a table of few columns is too narrow for them."""
    paragraphs = [" ".join(map(_breakable, sentence(note).split())) for note in notes if note.strip()]
    return [
        r"\par\medskip",
        r"\begin{minipage}{\linewidth}",
        r"\footnotesize\raggedright",
        *(rf"{paragraph}\par" for paragraph in paragraphs),
        r"\end{minipage}",
    ]


def _breakable(word: str) -> str:
    escaped = escape(word)
    return escaped.replace("/", r"/\allowbreak{}") if len(word) > LONG_WORD else escaped


def _pairs(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


MATHS = _pairs(
    r"± \pm − - × \times ÷ \div · \cdot → \rightarrow ← \leftarrow ↔ \leftrightarrow ↑ \uparrow ↓ \downarrow ∞ \infty "
    r"≤ \le ≥ \ge ≈ \approx ≠ \ne † ^\dagger ° ^\circ ² ^2 ³ ^3 µ \mu μ \mu α \alpha β \beta γ \gamma δ \delta "
    r"ε \varepsilon λ \lambda π \pi σ \sigma Δ \Delta Σ \Sigma"
)
LETTERS = _pairs(
    r"æ \ae Æ \AE ø \o Ø \O œ \oe Œ \OE ß \ss ł \l Ł \L ı \i – \textendash — \textemdash … \ldots § \S © \copyright"
)
SPECIAL = {
    **{letter: f"\\{letter}" for letter in "_&%#${}"},
    **_pairs(
        r"\ \textbackslash{} ~ \textasciitilde{} ^ \textasciicircum{} < \textless{} > \textgreater{} | \textbar{}"
    ),
    **_pairs("\" '' ‘ ` ’ ' “ `` ” ''"),
    # after a row's end, \\[ and \\* mean something else
    **{letter: f"{{{letter}}}" for letter in "[]*"},
    **{letter: f"{command}{{}}" for letter, command in LETTERS.items()},
    **{sign: f"${maths}$" for sign, maths in MATHS.items()},
}
ACCENTS = _pairs(
    "\u0300 ` \u0301 ' \u0302 ^ \u0303 ~ \u0304 = \u0306 u \u0307 . \u0308 \" \u030a r \u030b H \u030c v \u0327 c"
)


def escape(text: str) -> str:
    """Text for LaTeX in plain ASCII, which any engine and encoding sets.

    Accents that the standard fonts lack are left out; letters they lack stand as ``U+4E2D``.
    """
    text = " ".join(unicodedata.normalize("NFC", text).split())
    return re.sub("-(?=-)", "-{}", "".join(map(_letter, text)))


def _letter(letter: str) -> str:
    if letter in SPECIAL or " " <= letter <= "~":
        return SPECIAL.get(letter, letter)
    parts = unicodedata.normalize("NFKD", letter)
    base = "".join(part for part in parts if not unicodedata.combining(part))
    accents = "".join(part for part in parts if unicodedata.combining(part))
    if not (base.isascii() and base.isalnum()):
        return f"U+{ord(letter):04X}"
    if accents not in ACCENTS:
        return base
    dotless = {"i": r"\i", "j": r"\j"}
    return rf"\{ACCENTS[accents]}{{{dotless.get(base, base)}}}"


MARKUP = cells.Markup(escape, r"\textbf{{{}}}", r"\underline{{{}}}")
