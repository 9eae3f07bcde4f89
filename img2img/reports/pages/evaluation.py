"""One HTML file to look at an evaluation with: before/after sliders, sorting, worst first; it needs no network."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from img2img.files import atomic
from img2img.images import Pixels, natural
from img2img.metrics import Metric
from img2img.reports.pages.document import document, escape, shipped
from img2img.reports.pages.pictures import Pictures, embedded

MOST = 24
LONGEST = 1024
# of picture data, a third more as base64: such a file still opens at once and can be passed on
BUDGET = 16 * 2**20
SOURCE, TARGET = ":source", ":target"
# of one script, in this order: each uses what stands in those before it
SCRIPTS = ("values.js", "address.js", "cards.js", "gestures.js", "plot.js", "table.js", "page.js")


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One image: its files, and figures by row (a method, or `Page.base`) and metric.

    A value may be infinite or nan; ``reasons`` says why it is nan. ``results`` are the written files by method.
    ``fitted`` brings their pixels (H, W, 3) to the one size they were measured in, where files differ in size.
    """

    name: str
    target: Path
    results: Mapping[str, Path]
    values: Mapping[str, Mapping[str, float]]
    reasons: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    source: Path | None = None
    fitted: Callable[[Pixels], Pixels] | None = None

    @property
    def sides(self) -> dict[str, Path]:
        """The files by side: the source where there is one, the results, the target."""
        return {**({SOURCE: self.source} if self.source else {}), **self.results, TARGET: self.target}

    def value(self, row: str, metric: str) -> float:
        """A figure; nan where it was not measured."""
        return self.values.get(row, {}).get(metric, math.nan)

    def reason(self, row: str, metric: str) -> str:
        """Why a figure is nan."""
        known = metric in self.values.get(row, {})
        return self.reasons.get(row, {}).get(metric, "" if known else "not measured")


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the page tells.

    ``metrics`` are the columns, by their key in ``Shot.values``. ``base`` is the row of the untouched input (figures in
    ``Shot.values[base]``, its picture is the source); None where it was not measured. ``head`` and ``rows`` are the
    summary table as text, ``best`` its bold cells (row, column). ``card`` is shown whole, its ``line`` also on top.
    """

    title: str
    protocol: str
    methods: Sequence[str]
    metrics: Mapping[str, Metric]
    shots: Sequence[Shot]
    base: str | None = None
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    best: frozenset[tuple[int, int]] = frozenset()
    notes: Sequence[str] = ()
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def measured(self) -> list[str]:
        """Rows that have figures: the untouched input first."""
        return [*([] if self.base is None else [self.base]), *self.methods]


def write_page(path: Path, page: Page, most: int = MOST, longest: int = LONGEST, budget: int = BUDGET) -> None:
    """Write ``page`` with the pictures of up to ``most`` images, no side longer than ``longest`` px.

    Which images: see `with_pictures`; the figures of all are in it. Pictures are lossless where all of them stay within
    ``budget`` bytes, else JPEGs, and then as many images as fit (one at least). The page says all this.

    Raises:
        UserError: a picture that cannot be read.
        RunError: the file system refuses.
    """
    sides = [shot.sides for shot in page.shots]
    fitted = [shot.fitted for shot in page.shots]
    pictures = embedded(lambda count: with_pictures(page, min(count, most)), sides, longest, budget, fitted)
    parts = {
        "title": escape(page.title),
        "protocol": escape(page.protocol),
        "line": escape(str(page.card.get("line", ""))),
        "summary": _summary(page),
        "notes": "".join(f'<p class="faint">{escape(note)}</p>' for note in page.notes),
        "card": escape(json.dumps(page.card, indent=1, ensure_ascii=False, default=str)),
        "embedded": escape(_about_pictures(page, pictures, longest)),
        "gain": " Coloured beside a figure: its difference to the input." if page.base is not None else "",
        "data": _data(page, pictures),
    }
    body = re.sub("@([a-z]+)@", lambda found: parts[found[1]], shipped("page.html"))
    with atomic(path) as temporary:
        temporary.write_text(
            document(page.title, shipped("palette.css") + shipped("page.css"), body, _script()), encoding="utf-8"
        )


def _script() -> str:
    """All of the page's script in a scope of its own."""
    return "\n".join(['"use strict";', "(() => {", *map(shipped, SCRIPTS), "})();"])


def with_pictures(page: Page, most: int) -> list[int]:
    """The images (by index) whose pictures are shown, the most important first.

    All where there are at most ``most``; else half of them the worst by the first metric of the last row, the others
    evenly spread over the rest from worse to better. Images of one value stand in the natural order of their names.
    """
    (name, metric), row = next(iter(page.metrics.items())), page.measured[-1]

    def key(index: int) -> tuple[bool, float, Any]:
        value = page.shots[index].value(row, name)
        rising = 0 if math.isnan(value) else value if metric.higher_is_better else -value
        return math.isnan(value), rising, natural(page.shots[index].name)

    ranked = sorted(range(len(page.shots)), key=key)
    worst, rest = ranked[: most - most // 2], ranked[most - most // 2 :]
    spread = min(most // 2, len(rest))
    return [*worst, *(rest[(2 * number + 1) * len(rest) // (2 * spread)] for number in range(spread))]


def _about_pictures(page: Page, pictures: Pictures, longest: int) -> str:
    """What the pictures on the page are, and which are not there."""
    count, total = len(pictures.uris), len(page.shots)
    if count == total:
        lines = ["The image is shown." if total == 1 else f"All {total} images are shown."]
    else:
        others = ", and others evenly spread over the rest" if count > 1 else ""
        metric = next(iter(page.metrics.values()))
        lines = [
            f"The pictures of {count} of {total} images are in this page: the worst by {metric.title} of "
            f"{page.measured[-1]}{others}. The figures of all images are in the table at the end."
        ]
    if pictures.lossless:
        lines.append("Pictures are stored without loss.")
    else:
        lines.append(
            "Pictures are JPEGs of quality 95 here, to keep the page small; the figures are of the written files."
        )
    if pictures.smaller:
        lines.append(
            f"Those with a side of more than {longest} px ({pictures.smaller} of them) are shown smaller; "
            "the figures are of their full size."
        )
    if pictures.deep:
        lines.append("16-bit pictures are shown with 8 bits.")
    return " ".join(lines)


def _data(page: Page, pictures: Pictures) -> str:
    """What the script reads, as JSON that can stand in a script element."""
    sides = {SOURCE: "source", **{method: method for method in page.methods}, TARGET: "target"}
    there = {side for uris in pictures.uris.values() for side in uris} or {TARGET}
    data = {
        "rows": page.measured,
        "base": page.base,
        "metrics": [
            {
                "name": name,
                "title": metric.title,
                "digits": metric.digits,
                "up": metric.higher_is_better,
                "unit": metric.unit,
            }
            for name, metric in page.metrics.items()
        ],
        "labels": [[side, label] for side, label in sides.items() if side in there],
        "shots": [
            {**_figures(page, shot), "pictures": pictures.uris.get(index), "size": pictures.sizes.get(index)}
            for index, shot in enumerate(page.shots)
        ],
    }
    text = json.dumps(data, separators=(",", ":"))
    # nothing in it may end the element or start a comment
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _figures(page: Page, shot: Shot) -> dict[str, Any]:
    """An image's values by row and metric, and why they are undefined, by the numbers of both."""
    reasons: dict[str, dict[str, str]] = {}
    for i, row in enumerate(page.measured):
        for j, name in enumerate(page.metrics):
            if math.isnan(shot.value(row, name)):
                reasons.setdefault(str(i), {})[str(j)] = shot.reason(row, name)
    values = [[_number(shot.value(row, name)) for name in page.metrics] for row in page.measured]
    return {"name": shot.name, "values": values, "reasons": reasons}


def _number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return float(value) if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def _summary(page: Page) -> str:
    if not page.rows:
        return ""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in page.head)
    lines = []
    for number, row in enumerate(page.rows):
        cells = [f"<b>{escape(text)}</b>" if (number, at) in page.best else escape(text) for at, text in enumerate(row)]
        lines.append(f'<tr><th scope="row">{cells[0]}</th>{"".join(f"<td>{cell}</td>" for cell in cells[1:])}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
