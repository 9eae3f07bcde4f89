"""Name patterns: ``{}`` is what the names of a pair have in common, ``*`` any text; and the pattern that would fit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from img2img.data.config import NamePattern
from img2img.files import composed, stem
from img2img.images.folder import READABLE

PLAIN = NamePattern()
# names looked at for a proposal, and cuts at either end of one: names of a hundred words would take minutes
SAMPLE = 400
MOST_CUTS = 5
# what may stand before or behind the common part: words, and a few digits behind letters (x4)
AFFIX = re.compile(r"(?:[^\W\d_]|[-_. ()])*(?:(?<=[^\W\d_])\d{1,2})?")


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    pieces = re.split(r"(\{\}|\*)", pattern)
    meaning = {"{}": "(.+)", "*": "[^/]*"}
    return re.compile("".join(meaning.get(piece, re.escape(piece)) for piece in pieces), re.DOTALL)


def key(pattern: str, name: str) -> tuple[str, ...] | None:
    """What stands for each ``{}`` of a pattern in a picture's path below its folder; None where it does not fit.

    A pattern that ends in one of a picture's endings (``{}.jpg``) is about whole names, others about names without.
    """
    whole = Path(pattern).suffix.lower() in READABLE
    found = _expression(pattern).fullmatch(composed(name) if whole else stem(name))
    return found.groups() if found else None


def literal(pattern: str) -> int:
    """How many letters a pattern fixes: the more, the less fits by chance."""
    return len(pattern.replace("{}", "").replace("*", ""))


def told_apart(names: Sequence[str], pattern: NamePattern) -> dict[str, str]:
    """``source`` or ``target`` of each name of one folder that fits; where both fit, the stricter pattern has it."""
    order = sorted((("source", pattern.source), ("target", pattern.target)), key=lambda side: -literal(side[1]))
    return {
        name: next(side for side, text in order if key(text, name))
        for name in names
        if any(key(text, name) for _, text in order)
    }


def written(pattern: NamePattern) -> str:
    """The override that sets a pattern, as it is typed in a shell."""
    return f"""'data.pattern={{source: "{pattern.source}", target: "{pattern.target}"}}'"""


class Fit(NamedTuple):
    """A pattern, and of how many sources and targets it finds the partner."""

    pattern: NamePattern
    sources: int
    targets: int


def fitting(sources: Sequence[str], targets: Sequence[str]) -> Fit | None:
    """The pattern that finds most partners among names of two sides, at least of half of one of them; or None."""
    heads = [_common_folder(names) for names in (sources, targets)]
    if heads[0] != heads[1] and any(heads):
        bare = fitting(
            *([name[len(head) :] for name in side] for head, side in zip(heads, (sources, targets), strict=True))
        )
        if bare is None:
            return None
        below = NamePattern(source=heads[0] + bare.pattern.source, target=heads[1] + bare.pattern.target)
        return Fit(below, bare.sources, bare.targets)
    cores: dict[str, list[tuple[str, str]]] = {}
    for name in targets:
        for head, core, tail in cuts(stem(name)):
            cores.setdefault(core, []).append((head, tail))
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for name in sources[:SAMPLE]:
        counts.update(
            {
                (head, tail, *other)
                for head, core, tail in cuts(stem(name), numbered=True)
                for other in cores.get(core, ())[:SAMPLE]
            }
        )
    # of equally good ones that which leaves most of the names in common
    best = sorted(counts, key=lambda affixes: (-counts[affixes], len("".join(affixes))))[:8]
    found = []
    for head, tail, other_head, other_tail in best:
        pattern = NamePattern(source=f"{head}{{}}{tail}", target=f"{other_head}{{}}{other_tail}")
        left = [key(pattern.source, name) for name in sources]
        right = [key(pattern.target, name) for name in targets]
        common = {value for value in left if value} & set(right)
        found.append(Fit(pattern, sum(value in common for value in left), sum(value in common for value in right)))
    whole = max(found, key=lambda fit: fit.sources + fit.targets, default=None)
    if whole is None or (2 * whole.sources < len(sources) and 2 * whole.targets < len(targets)):
        return None
    return whole


def _common_folder(names: Sequence[str]) -> str:
    """The folders that all names begin with: ``X2/`` of X2/0001x2.png; empty where there are none."""
    folders = {name.rpartition("/")[0] for name in names}
    return f"{folders.pop()}/" if len(folders) == 1 and "" not in folders else ""


def cuts(name: str, *, numbered: bool = False) -> list[tuple[str, str, str]]:
    """A name as head, core and tail, cut where words and numbers begin or end; ``numbered``: ``_*`` too."""
    folder, _, last = name.rpartition("/")
    ends = [0, *(match.end() for match in re.finditer(r"\d+|[^\W\d_]+|[\W_]", last))]
    found = []
    # a head would stand behind the folders, in the middle of what is common
    for begin in ends[:1] if folder else ends[:-1][:MOST_CUTS]:
        for end in (later for later in ends[-(2 * MOST_CUTS if numbered else MOST_CUTS) :] if later > begin):
            head, core, tail = last[:begin], last[begin:end], last[end:]
            if not core.strip("-_. ") or not AFFIX.fullmatch(head):
                continue
            common = f"{folder}/{core}" if folder else core
            if AFFIX.fullmatch(tail):
                found.append((head, common, tail))
            elif numbered and re.fullmatch(r"([-_]\d+(\.\d+)?)+", tail):
                found.append((head, common, re.sub(r"[\d.]+", "*", tail)))
    return found


def result_patterns(targets: Sequence[str], results: Sequence[str]) -> list[str]:
    """Patterns with ``{}`` for a target's path without ending under which every target has a result."""
    keys = {stem(name) for name in targets}
    counts: Counter[str] = Counter()
    for name in sorted(keys)[:8]:
        fits = {
            f"{found[:at]}{{}}{found[at + len(name) :]}"
            for found in map(stem, results)
            for at in [found.find(name)]
            if at >= 0 and not _goes_on(found, at, at + len(name))
        }
        counts.update(fits)
    stems = {stem(name) for name in results}
    complete = [text for text in counts if all(text.replace("{}", name) in stems for name in keys)]
    # what programs call their results goes before what they call their inputs and targets
    return sorted(complete, key=lambda text: ("real" in text, "fake" not in text, len(text), text))


def _goes_on(text: str, begin: int, end: int) -> bool:
    """Whether a number goes on before or behind text[begin:end]: ``1`` in ``12`` is not meant."""
    return (begin > 0 and text[begin - 1].isdigit() and text[begin].isdigit()) or (
        end < len(text) and text[end].isdigit() and text[end - 1].isdigit()
    )
