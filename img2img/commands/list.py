"""``img2img list``."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from img2img.commands import Parser, parser

if TYPE_CHECKING:
    from img2img.recipes.catalogue import Choice
    from img2img.recipes.describe import Row

EXAMPLES = """\
  img2img list                      the kinds there are
  img2img list weights              what is shipped, each with a line
  img2img list weights derain       all that is known of one: figures, licence, where it fails
  img2img list networks residual    its options, with their defaults and what they mean
  img2img list methods pan          the keys that a method sets
  img2img list metrics --json       the same for programs"""
WIDTH, WIDEST_KEY = 118, 32


def arguments() -> Parser:
    """What the command takes."""
    command = parser("list", "Say what there is, and what options it has.", EXAMPLES)
    command.add_argument(
        "kind", nargs="?", metavar="KIND", help="tasks, methods, networks, losses, ... (default: all kinds)"
    )
    command.add_argument("name", nargs="?", metavar="NAME", help="one of them, at length")
    command.add_argument("--json", action="store_true", help="as JSON, with all options")
    return command


def run(words: Sequence[str]) -> int:
    """Print; always 0."""
    given = arguments().parse_args(list(words))
    from img2img.recipes.catalogue import CATALOGUE, choices

    if given.kind is None:
        kinds = {kind: [choice.name for choice in choices(kind)] for kind in CATALOGUE}
        print(json.dumps(kinds, indent=1) if given.json else "\n".join(_kinds(kinds)))
        return 0
    found = choices(given.kind, given.name)
    if given.json:
        print(json.dumps([asdict(choice) for choice in found], indent=1, ensure_ascii=False))
    else:
        print("\n".join(_lines(found) if given.name is None else _at_length(found)))
    return 0


def _kinds(kinds: dict[str, list[str]]) -> Iterator[str]:
    for kind, names in kinds.items():
        yield from _wrapped(f"{kind:<12}", ", ".join(dict.fromkeys(names)))


def _lines(found: Sequence[Choice]) -> Iterator[str]:
    names, roles = (max((len(text) for text in column), default=0) for column in zip(*_columns(found), strict=True))
    for choice in found:
        role = f"{choice.role:<{roles}}  " if roles else ""
        yield f"{choice.name:<{names}}  {role}{choice.line}".rstrip()


def _columns(found: Sequence[Choice]) -> list[tuple[str, str]]:
    return [(choice.name, choice.role) for choice in found] or [("", "")]


def _at_length(found: Sequence[Choice]) -> Iterator[str]:
    for number, choice in enumerate(found):
        if number:
            yield ""
        yield from _wrapped(f"{choice.name}{f' ({choice.role})' if choice.role else ''}: ", choice.line, indent=2)
        for key, text in choice.facts.items():
            yield from _wrapped(f"  {key + ':':<14}", text)
        yield from _options(choice.options)


def _options(options: Sequence[Row]) -> Iterator[str]:
    keys = [f"{row.key}={'(must be given)' if row.default is None else row.default}" for row in options]
    width = min(max(map(len, keys), default=0), WIDEST_KEY)
    for key, row in zip(keys, options, strict=True):
        if len(key) > width:
            yield f"  {key}"
            key = ""
        yield from _wrapped(f"  {key:<{width}}  ", f"{row.meaning}{f' [{row.values}]' if row.values else ''}")


def _wrapped(begin: str, text: str, indent: int | None = None) -> list[str]:
    """``text`` after ``begin``, on as many lines as it takes, the others indented."""
    further = " " * (len(begin) if indent is None else indent)
    return textwrap.wrap(text, WIDTH, initial_indent=begin, subsequent_indent=further) or [begin.rstrip()]
