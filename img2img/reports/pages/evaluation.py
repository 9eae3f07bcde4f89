"""One HTML file to look at an evaluation with: before/after sliders, sorting, worst first; it needs no network."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from img2img.files import atomic
from img2img.images import Pixels, as_rgb8, read
from img2img.metrics import Metric

MOST = 24
LONGEST = 1024
# of picture data, a third more as base64: such a file still opens at once and can be passed on
BUDGET = 16 * 2**20
SOURCE, TARGET = ":source", ":target"


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


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the page tells.

    ``base`` is the row of the untouched input (figures in ``Shot.values[base]``, its picture is the source); None where
    it was not measured. ``head`` and ``rows`` are the summary table as text, ``best`` its bold cells (row, column).
    ``card`` is shown whole, its ``line`` also on top.
    """

    title: str
    protocol: str
    methods: Sequence[str]
    metrics: Sequence[Metric]
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
    chosen = with_pictures(page, most)
    pictures = _encoded(page, chosen, longest, budget)
    here = Path(__file__).parent
    script = (here / "page.js").read_text(encoding="utf-8")
    parts = {
        "title": _escape(page.title),
        "protocol": _escape(page.protocol),
        "line": _escape(str(page.card.get("line", ""))),
        "summary": _summary(page),
        "notes": "".join(f'<p class="faint">{_escape(note)}</p>' for note in page.notes),
        "card": _escape(json.dumps(page.card, indent=1, ensure_ascii=False, default=str)),
        "embedded": _escape(_said(page, pictures, longest)),
        "gain": " Coloured beside a figure: its difference to the input." if page.base is not None else "",
        "data": _data(page, pictures),
        "script": script,
        "hash": "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    template = (here / "page.html").read_text(encoding="utf-8")
    with atomic(path) as temporary:
        text = re.sub("@([a-z]+)@", lambda found: parts[found[1]], template)
        temporary.write_text(text, encoding="utf-8")


def with_pictures(page: Page, most: int) -> list[int]:
    """The images (by index) whose pictures are shown, the most important first.

    All where there are at most ``most``; else half of them the worst by the first metric of the last row, the others
    evenly spread over the rest from worse to better.
    """
    measure, row = page.metrics[0], page.measured[-1]
    values = [shot.values.get(row, {}).get(measure.name, math.nan) for shot in page.shots]
    sign = 1 if measure.higher_is_better else -1
    ranked = sorted(
        range(len(values)), key=lambda i: (math.isnan(values[i]), 0 if math.isnan(values[i]) else sign * values[i])
    )
    worst, rest = ranked[: most - most // 2], ranked[most - most // 2 :]
    spread = min(most // 2, len(rest))
    return [*worst, *(rest[(2 * place + 1) * len(rest) // (2 * spread)] for place in range(spread))]


@dataclass(frozen=True)
class _Pictures:
    """Data URIs by image and side, their sizes (width, height), and what was done to them."""

    uris: Mapping[int, Mapping[str, str]]
    sizes: Mapping[int, tuple[int, int]]
    lossless: bool
    smaller: int
    deep: bool


def _encoded(page: Page, chosen: Sequence[int], longest: int, budget: int) -> _Pictures:
    """The pictures of ``chosen``, all lossless or none: side by side they must be of one kind."""
    found = _within(page, chosen, longest, budget, lossless=True)
    while len(found.uris) < len(chosen):
        if not found.lossless:
            # anew, so that the fewer ones are spread as evenly
            chosen = with_pictures(page, len(found.uris))
        found = _within(page, chosen, longest, budget, lossless=False)
    return found


def _within(page: Page, chosen: Sequence[int], longest: int, budget: int, *, lossless: bool) -> _Pictures:
    uris: dict[int, dict[str, str]] = {}
    sizes = {}
    smaller, deep, spent = 0, False, 0
    with ThreadPoolExecutor(2) as pool:
        for index in chosen:
            shot = page.shots[index]
            files = {**({SOURCE: shot.source} if shot.source else {}), **shot.results, TARGET: shot.target}
            shown = list(
                pool.map(
                    functools.partial(_shown, fitted=shot.fitted, longest=longest, lossless=lossless), files.values()
                )
            )
            spent += sum(len(one.data) for one in shown)
            if spent > budget and (lossless or uris):
                break
            kind = "webp" if lossless else "jpeg"
            uris[index] = {
                side: f"data:image/{kind};base64,{base64.b64encode(one.data).decode()}"
                for side, one in zip(files, shown, strict=True)
            }
            sizes[index] = shown[-1].size
            smaller += shown[-1].smaller
            deep = deep or any(one.deep for one in shown)
    return _Pictures(uris, sizes, lossless, smaller, deep)


@dataclass(frozen=True)
class _Shown:
    data: bytes
    size: tuple[int, int]
    smaller: bool
    deep: bool


def _shown(file: Path, fitted: Callable[[Pixels], Pixels] | None, longest: int, lossless: bool) -> _Shown:
    picture = read(file)
    pixels = as_rgb8(picture)
    image = Image.fromarray(pixels if fitted is None else fitted(pixels))
    smaller = max(image.size) > longest
    if smaller:
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=None)
    buffer = BytesIO()
    if lossless:
        # the quick setting: ten times faster than the best, a tenth larger
        image.save(buffer, "WEBP", lossless=True, method=0, quality=0)
    else:
        image.save(buffer, "JPEG", quality=95, subsampling=0)
    return _Shown(buffer.getvalue(), image.size, smaller, picture.pixels.dtype == np.uint16)


def _said(page: Page, pictures: _Pictures, longest: int) -> str:
    """What the pictures on the page are, and which are not there."""
    count, total = len(pictures.uris), len(page.shots)
    if count == total:
        lines = ["The image is shown." if total == 1 else f"All {total} images are shown."]
    else:
        others = ", and others evenly spread over the rest" if count > 1 else ""
        lines = [
            f"The pictures of {count} of {total} images are in this page: the worst by {page.metrics[0].title} of "
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


def _data(page: Page, pictures: _Pictures) -> str:
    """What the script reads, as JSON that can stand in a script element."""
    rows = page.measured
    sides = {SOURCE: "source", **{method: method for method in page.methods}, TARGET: "target"}
    there = {side for uris in pictures.uris.values() for side in uris} or {TARGET}
    shots = []
    for index, shot in enumerate(page.shots):
        values = [[shot.values.get(row, {}).get(m.name, math.nan) for m in page.metrics] for row in rows]
        shots.append(
            {
                "name": shot.name,
                "values": [[_number(value) for value in row] for row in values],
                "reasons": {
                    str(i): {
                        str(j): _reason(shot, row, m.name)
                        for j, m in enumerate(page.metrics)
                        if math.isnan(values[i][j])
                    }
                    for i, row in enumerate(rows)
                    if any(math.isnan(value) for value in values[i])
                },
                "pictures": pictures.uris.get(index),
                "size": pictures.sizes.get(index),
            }
        )
    data = {
        "rows": rows,
        "base": page.base,
        "metrics": [
            {"name": m.name, "title": m.title, "digits": m.digits, "up": m.higher_is_better, "unit": m.unit}
            for m in page.metrics
        ],
        "labels": [[side, label] for side, label in sides.items() if side in there],
        "shots": shots,
    }
    text = json.dumps(data, separators=(",", ":"))
    # nothing in it may end the element or start a comment
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _reason(shot: Shot, row: str, metric: str) -> str:
    known = metric in shot.values.get(row, {})
    return shot.reasons.get(row, {}).get(metric, "" if known else "not measured")


def _number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return float(value) if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def _summary(page: Page) -> str:
    if not page.rows:
        return ""
    head = "".join(f'<th scope="col">{_escape(text)}</th>' for text in page.head)
    lines = []
    for number, row in enumerate(page.rows):
        cells = [
            f"<b>{_escape(text)}</b>" if (number, at) in page.best else _escape(text) for at, text in enumerate(row)
        ]
        lines.append(f'<tr><th scope="row">{cells[0]}</th>{"".join(f"<td>{cell}</td>" for cell in cells[1:])}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _escape(text: str) -> str:
    # names of files need not be Unicode: what cannot be written is shown as ?
    return html.escape(text).encode("utf-8", "replace").decode("utf-8")
