"""Tables of means over images, in the formats papers and programs want."""

from __future__ import annotations

import csv
import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from io import StringIO
from typing import Any, Literal, NamedTuple

import numpy as np

from img2img.config import plain
from img2img.errors import unknown
from img2img.metrics import METRICS, mean
from img2img.reports.published import Quoted
from img2img.reports.statistics import RESAMPLES, Labels, Values, holm, intervals, scene_means, signed_rank, std

NOTHING = "–"
SEEDS_MARK = "†"


class Score(NamedTuple):
    """A metric of one image of a method (and of its seed); infinite or ``nan`` with the reason where it must be."""

    method: str
    image: str
    metric: str
    value: float
    reason: str = ""
    seed: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A method against another, paired by image.

    ``difference`` is of the means over the ``images`` where both values are finite (``left_out``: the others). The test
    is over those images, or over the mean differences of their ``scenes``; ``effect`` is positive where the method's
    values tend to be the larger. ``p_holm`` is adjusted for all comparisons of the table.
    """

    method: str
    metric: str
    against: str
    difference: float
    p: float
    p_holm: float
    effect: float
    images: int
    scenes: int | None
    left_out: int


@dataclass(frozen=True)
class Table:
    """Per-image scores of methods, and what a reader must know of them.

    Where a method has several seeds, an image's value is the mean over them, and it is left out of all means where any
    of them is not finite.

    Attributes:
        methods: the rows, in order.
        metrics: the columns, in order.
        scores: every image's values.
        protocol: one line that says all that decides the numbers.
        notes: further sentences for the caption.
        scenes: image to scene; an image that is not named is a scene of its own.
        against: the row that the others are compared with.
        columns: further columns: heading to method to text.
        quoted: published rows, which stand apart and are never best.
        card: what the figures must be known with; goes into JSON whole, its ``line`` into the caption.
        spread: what stands beside the means in Markdown and LaTeX. With ``std`` a method with several seeds shows the
            standard deviation over seeds (marked), any other that over images.
    """

    methods: tuple[str, ...]
    metrics: tuple[str, ...]
    scores: tuple[Score, ...]
    protocol: str
    notes: tuple[str, ...] = ()
    scenes: Mapping[str, str] = field(default_factory=dict)
    against: str | None = None
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    quoted: tuple[Quoted, ...] = ()
    card: Mapping[str, Any] = field(default_factory=dict)
    spread: Literal["none", "std", "interval"] = "none"

    def __post_init__(self) -> None:
        if self.against is not None and self.against not in self.methods:
            raise unknown("row", self.against, self.methods, "against")
        seen = set()
        for method, image, metric, *_, seed in self.scores:
            if method not in self.methods or metric not in self.metrics:
                raise ValueError(f"a score of {method}, {metric}, which the table does not have")
            if (method, image, metric, seed) in seen:
                raise ValueError(f"two scores of {method}, {image}, {metric}, seed {seed!r}")
            seen.add((method, image, metric, seed))

    @cached_property
    def images(self) -> tuple[str, ...]:
        """The images, in order."""
        return tuple(dict.fromkeys(score.image for score in self.scores))

    def seeds(self, method: str) -> tuple[str, ...]:
        """The seeds of a method; one without a name where it has one run."""
        return self._seeds[method]

    @cached_property
    def _seeds(self) -> dict[str, tuple[str, ...]]:
        made: dict[str, dict[str, None]] = {method: {} for method in self.methods}
        for score in self.scores:
            made[score.method][score.seed] = None
        return {method: tuple(seeds) for method, seeds in made.items()}

    @cached_property
    def _runs(self) -> dict[tuple[str, str], Values]:
        """(method, metric): values (images, seeds)."""
        image = {name: row for row, name in enumerate(self.images)}
        seed = {(method, name): place for method, names in self._seeds.items() for place, name in enumerate(names)}
        made = {
            (method, metric): np.full((len(image), max(1, len(self._seeds[method]))), np.nan)
            for method in self.methods
            for metric in self.metrics
        }
        for score in self.scores:
            made[score.method, score.metric][image[score.image], seed[score.method, score.seed]] = score.value
        return made

    @cached_property
    def _values(self) -> dict[tuple[str, str], Values]:
        return {key: runs.mean(1) for key, runs in self._runs.items()}

    def values(self, method: str, metric: str) -> list[float]:
        """The value of each image, in the order of `images` (the mean over seeds where there are several)."""
        return [float(value) for value in self._values[method, metric]]

    def mean(self, method: str, metric: str) -> tuple[float, int]:
        """Mean over images, and how many are left out since their value is infinite or undefined."""
        return mean(self.values(method, metric))

    def left_out(self, method: str, metric: str) -> tuple[int, int]:
        """How many images have an infinite value, and how many an undefined one."""
        values = self._values[method, metric]
        return int(np.isinf(values).sum()), int(np.isnan(values).sum())

    def std_over_images(self, method: str, metric: str) -> float:
        """Sample standard deviation over images; ``nan`` for fewer than two."""
        return std(self._values[method, metric])

    def std_over_seeds(self, method: str, metric: str) -> float:
        """Sample standard deviation of the seeds' means; ``nan`` for fewer than two seeds."""
        runs = self._runs[method, metric]
        used = runs[np.isfinite(runs).all(1)]
        return std(used.mean(0)) if len(used) else math.nan

    def interval(self, method: str, metric: str) -> tuple[float, float]:
        """95 % bootstrap interval of the mean over images (or scenes), the seeds taken as they are."""
        low, high = self._intervals[method, metric]
        return float(low), float(high)

    @cached_property
    def _intervals(self) -> dict[tuple[str, str], Values]:
        keys = list(self._values)
        columns = np.stack([self._values[key] for key in keys], 1)
        return dict(zip(keys, intervals(columns, self._scenes), strict=True))

    @cached_property
    def _scenes(self) -> Labels:
        names = [("scene", self.scenes[image]) if image in self.scenes else ("image", image) for image in self.images]
        number = {name: place for place, name in enumerate(dict.fromkeys(names))}
        return np.array([number[name] for name in names], dtype=np.int64)

    @property
    def scene_count(self) -> int | None:
        """How many scenes the images are of; None where each stands for itself."""
        return int(self._scenes.max(initial=-1)) + 1 if self.scenes else None

    def best(self, metric: str) -> tuple[str, ...]:
        """The methods with the best mean: several where the means are the same as shown."""
        return self._ranked(metric, 0)

    def second(self, metric: str) -> tuple[str, ...]:
        """The methods with the next best mean."""
        return self._ranked(metric, 1)

    def _ranked(self, metric: str, place: int) -> tuple[str, ...]:
        shown = {method: _rounded(self.mean(method, metric)[0], METRICS[metric].digits) for method in self.methods}
        levels = {value for value in shown.values() if not math.isnan(value)}
        wanted = sorted(levels, reverse=METRICS[metric].higher_is_better)[place : place + 1]
        return tuple(method for method in self.methods if shown[method] in wanted)

    def compare(self) -> list[Comparison]:
        """Every method and metric against the row `against` (nothing where there is none)."""
        return list(self._comparisons)

    @cached_property
    def _comparisons(self) -> tuple[Comparison, ...]:
        if self.against is None:
            return ()
        found = []
        for method, metric in self._values:
            if method == self.against:
                continue
            ours, theirs = self._values[method, metric], self._values[self.against, metric]
            both = np.isfinite(ours) & np.isfinite(theirs)
            differences = ours[both] - theirs[both]
            tested = scene_means(differences, self._scenes[both])
            found.append((method, metric, differences, len(tested), signed_rank(tested)))
        adjusted = holm([test.p for *_, test in found])
        return tuple(
            Comparison(
                method=method,
                metric=metric,
                against=self.against,
                difference=float(differences.mean()) if len(differences) else math.nan,
                p=test.p,
                p_holm=p_holm,
                effect=test.effect,
                images=len(differences),
                scenes=scenes if self.scenes else None,
                left_out=len(self.images) - len(differences),
            )
            for (method, metric, differences, scenes, test), p_holm in zip(found, adjusted, strict=True)
        )

    def caption(self) -> str:
        """What the figures are means of, and what must be known to read them right."""
        scenes = "" if self.scene_count is None else f" of {_count(self.scene_count, 'scene')}"
        sentences = [f"Means over {_count(len(self.images), 'image')}{scenes}", f"Protocol {self.protocol}"]
        if len(self.methods) > 1:
            sentences.append("Best bold, second underlined")
        sentences += [*self._about_left_out(), *self._about_spread(), *self.notes, *self._about_quoted()]
        return _sentences([*sentences, str(self.card.get("line", ""))])

    def _about_left_out(self) -> list[str]:
        alike: dict[tuple[str, int, int], list[str]] = {}
        for metric in self.metrics:
            for method in self.methods:
                alike.setdefault((metric, *self.left_out(method, metric)), []).append(method)
        parts = []
        for (metric, infinite, undefined), methods in alike.items():
            counts = [f"{infinite} infinite"] * (infinite > 0) + [f"{undefined} undefined"] * (undefined > 0)
            if counts:
                parts.append(f"{METRICS[metric].title} of {', '.join(methods)}: {' and '.join(counts)}")
        return [f"Left out of the means: {'; '.join(parts)}"] if parts else []

    def _about_spread(self) -> list[str]:
        several = {method: len(seeds) for method, seeds in self._seeds.items() if len(seeds) > 1}
        who = ", ".join(several)
        over = f"{next(iter(several.values()), 0)} seeds"
        if len(set(several.values())) > 1:
            who, over = ", ".join(f"{method} {number}" for method, number in several.items()), "seeds"
        made = []
        if several and self.spread == "std":
            made.append(f"± marked {SEEDS_MARK} is over {over} ({who}): the standard deviation of the seeds' means")
        elif several:
            made.append(f"Means over {over} ({who})")
        if self.spread == "std" and len(several) < len(self.methods):
            made.append(f"±{' unmarked' if several else ''} is the standard deviation over images")
        if self.spread == "interval":
            of = "images" if self.scene_count is None else "scenes"
            fixed = ", the seeds taken as they are" if several else ""
            how = f"percentile, {RESAMPLES:,} resamples of {of}{fixed}"
            made.append(f"In brackets the 95 % bootstrap interval of the mean ({how})")
        return made

    @cached_property
    def numbered_quotes(self) -> tuple[tuple[Quoted, int], ...]:
        """The published rows that have a value for one of the columns, each with the number of its source."""
        shown = [row for row in self.quoted if any(metric in row.values for metric in self.metrics)]
        number = {origin: place for place, origin in enumerate(dict.fromkeys(map(_origin, shown)), 1)}
        return tuple((row, number[_origin(row)]) for row in shown)

    def _about_quoted(self) -> list[str]:
        origins = dict.fromkeys(_origin(row) for row, _ in self.numbered_quotes)
        made = [
            "Rows marked (quoted) are published figures, not measured here: their protocol differs from the one above "
            "or is not known to be the same, so they are never best or second"
        ] * bool(origins)
        for number, (source, protocol, data, certainty) in enumerate(origins, 1):
            about = {"protocol: ": protocol, "data: ": data, "": certainty}
            parts = [f"{word}{text.strip().rstrip('.')}" for word, text in about.items() if text.strip()]
            made.append("; ".join([f"{f'[{number}]' if len(origins) > 1 else 'Quoted'} from {source}", *parts]))
        return made

    def per_image(self) -> str:
        """CSV with columns method, (seed,) image, metric, value in full precision, and the reason of an odd value."""
        seeds = any(score.seed for score in self.scores)
        rows = [
            [one.method, *[one.seed] * seeds, one.image, one.metric, repr(float(one.value)), one.reason]
            for one in self.scores
        ]
        return _csv([["method", *["seed"] * seeds, "image", "metric", "value", "reason"], *rows])


def _origin(row: Quoted) -> tuple[str, str, str, str]:
    return row.source, row.protocol, row.data, row.certainty


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _sentences(parts: Iterable[str]) -> str:
    whole = (part.strip().rstrip(".") for part in parts)
    return " ".join(f"{part[0].upper()}{part[1:]}{'' if part.endswith('?') else '.'}" for part in whole if part)


def _rounded(value: float, digits: int) -> float:
    return round(value, digits) + 0.0  # no minus before a zero


def _number(value: float, digits: int) -> str:
    return NOTHING if math.isnan(value) else f"{_rounded(value, digits):.{digits}f}".replace("inf", "∞")


def _signed(value: float, digits: int) -> str:
    return f"{'+' if _rounded(value, digits) > 0 else ''}{_number(value, digits)}"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else _number(value, 3)


def _csv(rows: Iterable[Sequence[object]]) -> str:
    file = StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


class _Markup(NamedTuple):
    escape: Callable[[str], str]
    bold: str
    underlined: str


def _cell(table: Table, method: str, metric: str, markup: _Markup) -> str:
    value, left_out = table.mean(method, metric)
    digits = METRICS[metric].digits
    text = markup.escape(_number(value, digits))
    if method in table.best(metric):
        text = markup.bold.format(text)
    elif method in table.second(metric):
        text = markup.underlined.format(text)
    words = []
    if table.spread == "std":
        several = len(table.seeds(method)) > 1
        spread = table.std_over_seeds(method, metric) if several else table.std_over_images(method, metric)
        if not math.isnan(spread):
            words.append(f"± {_number(spread, digits)}{SEEDS_MARK if several else ''}")
    elif table.spread == "interval":
        low, high = table.interval(method, metric)
        if not math.isnan(low):
            words.append(f"[{_number(low, digits)}, {_number(high, digits)}]")
    if left_out and math.isfinite(value):
        words.append(f"({left_out} left out)")
    return " ".join([text, *map(markup.escape, words)])


def _heads(table: Table) -> list[str]:
    heads = ["method"]
    for metric in table.metrics:
        about = METRICS[metric]
        unit = f" ({about.unit})" if about.unit else ""
        heads.append(f"{about.title}{unit} {'↑' if about.higher_is_better else '↓'}")
    return [*heads, *table.columns]


def _measured(table: Table, markup: _Markup) -> list[list[str]]:
    return [
        [
            markup.escape(method),
            *(_cell(table, method, metric, markup) for metric in table.metrics),
            *(markup.escape(texts.get(method, NOTHING)) for texts in table.columns.values()),
        ]
        for method in table.methods
    ]


def _quoted(table: Table, markup: _Markup) -> list[list[str]]:
    shown = table.numbered_quotes
    several = any(number > 1 for _, number in shown)
    rows = []
    for row, number in shown:
        cells = [f"{row.method} (quoted){f' [{number}]' if several else ''}"]
        for metric in table.metrics:
            # neither more decimals than the source prints nor fewer
            column = [other.values[metric] for other, origin in shown if origin == number and metric in other.values]
            cells.append(_number(row.values.get(metric, math.nan), max(map(_decimals, column), default=0)))
        rows.append([markup.escape(cell) for cell in [*cells, *[NOTHING] * len(table.columns)]])
    return rows


def _decimals(value: float) -> int:
    return max(0, -int(Decimal(repr(value)).normalize().as_tuple().exponent))


COMPARED = ("method", "metric", "difference", "p", "p (Holm)", "effect", "n")


def _compared(table: Table) -> tuple[list[list[str]], str]:
    """Rows under `COMPARED`, and their caption."""
    found = table.compare()
    rows = [
        [
            one.method,
            METRICS[one.metric].title,
            _signed(one.difference, METRICS[one.metric].digits),
            _p(one.p),
            _p(one.p_holm),
            _signed(one.effect, 2),
            str(one.images if one.scenes is None else one.scenes),
        ]
        for one in found
    ]
    over = "images" if table.scene_count is None else "the mean differences of scenes"
    tests = _count(sum(not math.isnan(one.p) for one in found), "test")
    caption = [
        f"Difference: the row's mean minus that of {table.against}, over the images where both are finite",
        f"Test: two-sided Wilcoxon signed-rank over {over} (n), its p as it is and adjusted by Holm for {tests}",
        "Effect: matched-pairs rank-biserial correlation, positive where the row's values are the larger",
    ]
    if left_out := sum(one.left_out for one in found):
        caption.append(f"Pairs left out since a value is infinite or undefined: {left_out} in all")
    if any(len(table.seeds(method)) > 1 for method in table.methods):
        caption.append("Where there are several seeds, an image's value is the mean over them")
    return rows, _sentences(caption)


def markdown(table: Table) -> str:
    """A Markdown table, the best of each column bold and the second underlined, the protocol below."""
    heads = _heads(table)
    lines = _markdown_table(heads, 1, _measured(table, MARKDOWN))
    if quoted := _quoted(table, MARKDOWN):
        lines += ["| *published* |" + " |" * (len(heads) - 1), *map(_markdown_row, quoted)]
    lines += ["", escape_markdown(table.caption())]
    if table.compare():
        rows, caption = _compared(table)
        cells = [[escape_markdown(cell) for cell in row] for row in rows]
        lines += ["", *_markdown_table(COMPARED, 2, cells), "", escape_markdown(caption)]
    return "\n".join(lines)


def _markdown_table(heads: Sequence[str], words: int, rows: Sequence[Sequence[str]]) -> list[str]:
    rule = "|" + "---|" * words + "---:|" * (len(heads) - words)
    return [_markdown_row([escape_markdown(head) for head in heads]), rule, *map(_markdown_row, rows)]


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def latex(table: Table) -> str:
    """Booktabs tables, the best of each column bold and the second underlined; plain ASCII."""
    parts = [rows for rows in (_measured(table, LATEX), _quoted(table, LATEX)) if rows]
    lines = [r"% needs \usepackage{booktabs}", *_latex_table(_heads(table), 1, parts, table.caption(), "results")]
    if table.compare():
        rows, caption = _compared(table)
        cells = [[escape(cell) for cell in row] for row in rows]
        lines += ["", *_latex_table(COMPARED, 2, [cells], caption, "comparison")]
    return "\n".join(lines)


def _latex_table(
    heads: Sequence[str], words: int, parts: Sequence[Sequence[Sequence[str]]], caption: str, label: str
) -> list[str]:
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(caption)}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{{'l' * words}{'r' * (len(heads) - words)}}}",
        r"\toprule",
        _latex_row([escape(head) for head in ("Method", *heads[1:])]),
    ]
    for rows in parts:
        lines += [r"\midrule", *map(_latex_row, rows)]
    return [*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]


def _latex_row(cells: Sequence[str]) -> str:
    return rf"{' & '.join(cells)} \\"


def escape_markdown(text: str) -> str:
    """Text for a cell of a Markdown table."""
    text = " ".join(text.split())
    return re.sub(r"[\\|*`~]|<(?=[A-Za-z/!?])|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text)


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


MARKDOWN = _Markup(escape_markdown, "**{}**", "<u>{}</u>")
LATEX = _Markup(escape, r"\textbf{{{}}}", r"\underline{{{}}}")


def comma_separated(table: Table) -> str:
    """CSV, a line a method and metric: mean, spreads, interval, what is left out, comparison, further columns."""
    heads = (
        "method", "metric", "mean", "std_over_images", "std_over_seeds", "seeds", "low", "high", "images", "scenes",
        "infinite", "undefined", "difference", "p", "p_holm", "effect", "compared_with", "kind", "protocol", "source",
        *table.columns,
    )  # fmt: skip
    compared = {(one.method, one.metric): plain(one) for one in table.compare()}
    rows: list[dict[str, Any]] = []
    for method in table.methods:
        for metric in table.metrics:
            one = compared.get((method, metric), {})
            rows.append(
                {
                    **{head: texts.get(method, "") for head, texts in table.columns.items()},
                    "method": method,
                    "metric": metric,
                    **_figures(table, method, metric),
                    "images": len(table.images),
                    "scenes": "" if table.scene_count is None else table.scene_count,
                    **{key: one.get(key, "") for key in ("difference", "p", "p_holm", "effect")},
                    "compared_with": one.get("against", ""),
                    "kind": "measured",
                    "protocol": table.protocol,
                }
            )
    for row, _ in table.numbered_quotes:
        about = {"method": row.method, "kind": "quoted", "protocol": row.protocol, "source": row.source}
        rows += [{**about, "metric": name, "mean": row.values[name]} for name in table.metrics if name in row.values]
    return _csv([heads, *([row.get(head, "") for head in heads] for row in rows)]).rstrip("\n")


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
    return json.dumps(_json(plain(record)), indent=1, allow_nan=False, ensure_ascii=False, default=str)


def _json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    return [_json(item) for item in value] if isinstance(value, list) else value


FORMATS: dict[str, Callable[[Table], str]] = {
    "md": markdown,
    "latex": latex,
    "csv": comma_separated,
    "json": as_json,
}
