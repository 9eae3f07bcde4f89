"""Names that repeat, in sub-folders or behind suffixes: pictures that belong together, no photos."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations, permutations
from typing import NamedTuple

from img2img.data.config import NamePattern
from img2img.data.patterns import cuts, key
from img2img.data.peers import PARTS, SOURCES, TARGETS, normal, read_name
from img2img.files import listed, loosened, stem

# a word at the begin or end of a name; digits alone count pictures, and long numbers are no word
WORD = r"(?:[^\W\d_]+\d{0,2})"
LAST = re.compile(rf"(.+?)([-_. ]{WORD}|(?<=\d){WORD})", re.DOTALL)
FIRST = re.compile(r"([^\W\d_]+[-_. ])(.+)", re.DOTALL)
MOST_NAMES = 6
# names of a folder that a common affix is looked for in
LOOKED_AT = 50
# what `read_name` says of a folder that is a part and no side
PART_NAMES = frozenset((name, "") for name in PARTS)


class Repeat(NamedTuple):
    """Names under which the same pictures seem to be kept.

    ``names``: of the folders, or what stands before or behind the common part. ``patterns``: of each name.
    ``pictures`` of the ``whole`` are concerned. ``folders``: `data.source` can name them.
    """

    names: tuple[str, ...]
    patterns: tuple[str, ...]
    pictures: int
    whole: int
    folders: bool

    @property
    def sides(self) -> list[str]:
        """What names of the folders say of their side: ``photo`` of ``train_photo``."""
        return sorted({read_name(name)[1] or name for name in self.names})

    @property
    def said(self) -> str:
        """What repeats, in words."""
        found = (
            f"{listed(self.sides)} hold the same names" if self.folders else f"names repeat as {listed(self.patterns)}"
        )
        return f"{found} ({self.pictures} of {self.whole} pictures)"

    def known(self, direction: str) -> NamePattern | None:
        """The pattern, where the names of the two sides leave no doubt; A and B ask ``direction``."""
        bare = [normal(name.strip("-_. ")) for name in self.names]
        letters = len(bare) == 2
        sources = [at for at, name in enumerate(bare) if name in SOURCES and (letters or name != "a")]
        targets = [at for at, name in enumerate(bare) if name in TARGETS and (letters or name != "b")]
        if (len(sources), len(targets)) != (1, 1):
            return None
        source, target = sources[0], targets[0]
        if (bare[source], bare[target], direction) == ("a", "b", "BtoA"):
            source, target = target, source
        return NamePattern(source=self.patterns[source], target=self.patterns[target])


def repeats(names: Sequence[str]) -> Repeat | None:
    """Under which names the pictures of a set (paths below its folder) repeat, or None."""
    stems = [stem(name) for name in names]
    found = [_in_folders(stems), _in_names(stems), _in_endings(names, stems), _loosely(stems)]
    repeated = [repeat for repeat in found if repeat is not None]
    # two scenes with x_rainy and x_clean in each repeat each other's names too: what names say goes first
    return next((repeat for repeat in repeated if repeat.known("AtoB")), repeated[0] if repeated else None)


def _in_folders(stems: Sequence[str]) -> Repeat | None:
    """Sub-folders, on any level, under which the same path goes on: of several levels one that names tell."""
    holders: dict[tuple[str, str], set[str]] = {}
    for name in stems:
        folders = name.split("/")
        for level in range(len(folders) - 1):
            if read_name(folders[level]) in PART_NAMES:
                continue
            rest = loosened("/".join(folders[level + 1 :]))
            holders.setdefault(("/".join(folders[:level]), rest), set()).add(folders[level])
    levels: dict[int, tuple[set[str], int]] = {}
    for (above, _), held in holders.items():
        if len(held) > 1:
            level = above.count("/") + 1 if above else 0
            known, count = levels.get(level, (set(), 0))
            levels[level] = known | held, count + len(held)
    found = []
    for level, (held, count) in levels.items():
        names, above = tuple(sorted(held)), "{}/" * bool(level)
        found.append(Repeat(names, tuple(f"{above}{name}/{{}}" for name in names), count, len(stems), level == 0))
    # sequences that hold blur/ and sharp/ repeat each other's names too: what names say goes before what they number
    return max(
        found,
        key=lambda repeat: (repeat.known("AtoB") is not None, -len(repeat.names), len(repeat.patterns[0])),
        default=None,
    )


def _in_names(stems: Sequence[str]) -> Repeat | None:
    """Words before or behind a common part (x_A and x_B, or x and x_clean), of half of the names or more."""
    known = set(stems)
    holders: dict[str, set[tuple[str, str]]] = {}
    for name in stems:
        folder, _, last = name.rpartition("/")
        before = f"{folder}/" if folder else ""
        if match := LAST.fullmatch(last):
            holders.setdefault(before + match[1], set()).add(("", match[2]))
            if before + match[1] in known:
                holders[before + match[1]].add(("", ""))
        if match := FIRST.fullmatch(last):
            holders.setdefault(before + match[2], set()).add((match[1], ""))
            if before + match[2] in known:
                holders[before + match[2]].add(("", ""))
    together: Counter[tuple[tuple[str, str], ...]] = Counter()
    for affixes in holders.values():
        if 1 < len(affixes) <= MOST_NAMES:
            together.update(combinations(sorted(affixes), 2))
    if not together:
        return None
    both, count = max(together.items(), key=lambda entry: (entry[1], entry[0]))
    listed = tuple(head + tail for head, tail in both)
    found = Repeat(listed, tuple(f"{head}{{}}{tail}" for head, tail in both), 2 * count, len(stems), False)
    # one such pair may be two photos, unless its names say what they are
    enough = 2 * found.pictures >= len(stems) and (count > 1 or found.known("AtoB") is not None)
    return found if enough else None


def _in_endings(names: Sequence[str], stems: Sequence[str]) -> Repeat | None:
    """The same name with two endings, of half of the names or more: x.jpg and x.png."""
    endings: dict[str, set[str]] = {}
    for name, bare in zip(names, stems, strict=True):
        endings.setdefault(bare, set()).add(name[len(bare) :])
    together = Counter(tuple(sorted(held)) for held in endings.values() if len(held) == 2)
    if not together:
        return None
    both, count = together.most_common(1)[0]
    if 4 * count < len(names) or count < 2:
        return None
    return Repeat(both, tuple(f"{{}}{ending}" for ending in both), 2 * count, len(names), False)


def _loosely(stems: Sequence[str]) -> Repeat | None:
    """Two sub-folders, in one of which all names have something more: 0001 and 0001x4, 901 and 901_1."""
    folders: dict[str, list[str]] = {}
    for name in stems:
        folder, _, rest = name.partition("/")
        if rest:
            folders.setdefault(folder, []).append(rest)
    if not 1 < len(folders) <= MOST_NAMES:
        return None
    for source, target in permutations(sorted(folders), 2):
        affix = _affix(folders[source], set(folders[target]))
        if affix is None:
            continue
        partners = [found[0] for name in folders[source] if (found := key(affix, name))]
        if set(folders[target]) <= set(partners) and 2 * len(partners) >= len(folders[source]):
            whole = len(partners) + len(folders[target])
            return Repeat((source, target), (f"{source}/{affix}", f"{target}/{{}}"), whole, len(stems), False)
    return None


def _affix(names: Sequence[str], bare: set[str]) -> str | None:
    """The pattern by which most of some of the names are one of ``bare`` with something more, or None."""
    some = names[:: max(1, len(names) // LOOKED_AT)]
    counts = Counter(
        f"{head}{{}}{tail}" for name in some for head, core, tail in cuts(name, numbered=True) if core in bare
    )
    pattern, count = counts.most_common(1)[0] if counts else ("{}", 0)
    return pattern if 2 * count >= len(some) and pattern != "{}" else None
