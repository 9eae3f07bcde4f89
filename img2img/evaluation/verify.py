"""Whether a report holds: every figure of it is computed again from the files in it."""

from __future__ import annotations

import csv
import html
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img2img.errors import UserError
from img2img.evaluation.record import apart, read_record, sha256, values_of
from img2img.metrics import read_protocol
from img2img.reports.formats import FORMATS
from img2img.reports.published import Quoted
from img2img.reports.table import Score, Table
from img2img.reports.writing import printable

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
# of card.json, what differs from one evaluation to the next
WHEN = ("date", "seconds", "machine")
# differences of a file that are named
SHOWN = 5
SCORE_COLUMNS = frozenset({"method", "image", "metric", "value", "reason"})


@dataclass(frozen=True)
class Finding:
    """A line of the verdict: it ``holds``, it does not, or (None) it could not be checked."""

    holds: bool | None
    text: str

    def __str__(self) -> str:
        word = {True: "holds", False: "DIFFERS", None: "open"}[self.holds]
        return f"{word:<8}{self.text}"


@dataclass(frozen=True)
class Report:
    """A report that was read: its folder, record, card and table as its values make it."""

    folder: Path
    record: Mapping[str, Any]
    card: Mapping[str, Any]
    table: Table


def read_report(folder: Path) -> Report:
    """A report's record, card and values.

    Raises:
        UserError: one of them is missing or cannot be read.
    """
    record = read_record(folder)
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8", errors="surrogateescape"))
        kept = {**record["table"]}
        kept["quoted"] = tuple(Quoted(**row) for row in kept["quoted"])
        for key in ("methods", "metrics", "notes"):
            kept[key] = tuple(kept[key])
        said = {key: value for key, value in card.items() if key not in WHEN}
        table = Table(scores=_scores(folder / "per_image.csv"), card=said, **kept)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UserError) as error:
        raise UserError(f"{folder}: its values, card and record do not make a table ({error})") from error
    return Report(folder, record, card, table)


def _scores(path: Path) -> tuple[Score, ...]:
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = csv.DictReader(file)
        if missing := SCORE_COLUMNS - set(rows.fieldnames or ()):
            raise ValueError(f"{path.name} lacks the columns {', '.join(sorted(missing))}")
        return tuple(
            Score(
                row["method"],
                row["image"],
                row["metric"],
                float(row["value"]),
                row["reason"] or "",
                row.get("seed") or "",
            )
            for row in rows
        )


def verify_files(report: Report) -> Iterator[Finding]:
    """The report's files against their sums, its tables, page and card against its values."""
    yield from _sums(report)
    for form, write in FORMATS.items():
        path = report.folder / f"table.{'tex' if form == 'latex' else form}"
        if path.is_file():
            yield from _same_text(path, write(report.table) + "\n")
    yield from _card(report)
    yield from _page(report)


def _sums(report: Report) -> Iterator[Finding]:
    files = report.record["files"]
    changed = 0
    for name, known in files.items():
        path = report.folder / name
        if not path.is_file() or sha256(path) != known:
            changed += 1
            yield Finding(False, f"{name}: {'was changed since it was written' if path.is_file() else 'is missing'}")
    yield Finding(None if changed else True, f"{len(files) - changed} of {len(files)} files have the SHA-256 recorded")


def _same_text(path: Path, expected: str) -> Iterator[Finding]:
    """A table's text as its values make it, line by line."""
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    if text == expected:
        yield Finding(
            True, f"{path.name}: {len(NUMBER.findall(text))} figures follow from per_image.csv, to every digit"
        )
        return
    written, follows = text.split("\n"), expected.split("\n")
    if len(written) != len(follows):
        yield Finding(False, f"{path.name}: has {len(written)} lines, {len(follows)} follow from per_image.csv")
    wrong = [at for at, (one, other) in enumerate(zip(written, follows, strict=False)) if one != other]
    for at in wrong[:SHOWN]:
        yield Finding(False, f"{path.name}, line {at + 1}: {_difference(written[at], follows[at])}")
    if len(wrong) > SHOWN:
        yield Finding(False, f"{path.name}: {len(wrong) - SHOWN} more lines")


def _difference(written: str, follows: str) -> str:
    ours, theirs = NUMBER.findall(written), NUMBER.findall(follows)
    if NUMBER.split(written) != NUMBER.split(follows):
        return f"{written.strip()[:80]!r} is written, {follows.strip()[:80]!r} follows"
    pairs = [f"{one} is written, {other} follows" for one, other in zip(ours, theirs, strict=True) if one != other]
    return "; ".join(pairs[:SHOWN])


def _card(report: Report) -> Iterator[Finding]:
    """The card against the table: pictures, protocol, hash."""
    card, table = report.card, report.table
    label, line = str(card.get("protocol")), table.protocol
    try:
        says = read_protocol(label).line(table.metrics)
    except UserError as error:
        says = str(error)
    alike = line == says or line.startswith(f"{says}; ")
    text = f"protocol {label}" if alike else f"the card says {says!r}, the table {line!r}"
    yield Finding(alike, f"card.json: {text}")
    count = len(table.images)
    hashed = str(card.get("data_hash", ""))
    known = card.get("pairs") == count and card.get("line") == f"data set {hashed[:12]} ({count} pairs)"
    yield Finding(known, f"card.json: {card.get('line')!r}, {count} pictures in per_image.csv")


def _page(report: Report) -> Iterator[Finding]:
    """The figures that report.html shows and draws with."""
    path = report.folder / "report.html"
    if not path.is_file():
        return
    from img2img.evaluation.report import interval_text

    table = report.table
    text = path.read_text(encoding="utf-8", errors="replace")
    rows = [
        [html.unescape(re.sub(r"<[^>]*>", "", cell)) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r'<tr>(<th scope="row">.*?)</tr>', text)
    ]
    expected = [
        [printable(method), *(interval_text(table, method, m) for m in table.metrics)] for method in table.methods
    ]
    wrong = [f"{found} is shown, {row} follows" for found, row in zip(rows, expected, strict=False) if found != row]
    if len(rows) < len(expected):
        wrong.append(f"{len(rows)} rows, {len(expected)} follow")
    for line in wrong[:SHOWN]:
        yield Finding(False, f"report.html: {line}")
    values = [value for row in re.findall(r'"values":(\[\[.*?\]\])', text) for value in _flat(json.loads(row))]
    by_image = values_of(table)
    follow = [
        value for image in table.images for row in _measured(report) for value in by_image[image].get(row, {}).values()
    ]
    same = len(values) == len(follow) and all(apart(*both) == 0 for both in zip(values, follow, strict=True))
    if not same:
        yield Finding(False, "report.html: the values of single pictures are not those of per_image.csv")
    elif not wrong:
        count = len(values) + sum(map(len, expected)) - len(expected)
        yield Finding(True, f"report.html: {count} figures follow from per_image.csv, to every digit")


def _measured(report: Report) -> Sequence[str]:
    """The rows of the page: the untouched input first, then each run."""
    rows = dict.fromkeys(row for rows in values_of(report.table).values() for row in rows)
    return list(rows)


def _flat(values: Sequence[Sequence[Any]]) -> list[float]:
    return [math.nan if value is None else float(value) for row in values for value in row]
