"""Names that repeat, in sub-folders or behind suffixes: pictures that belong together, no photos."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations, permutations
from typing import NamedTuple

from img2img.data.config import NamePattern
from img2img.data.patterns import fitting
from img2img.data.peers import PARTS, SOURCES, TARGETS, normal, read_name
from img2img.files import listed, loosened, stem

# a word at the begin or end of a name; digits alone count pictures, and long numbers are no word
WORD = r"(?:[^\W\d_]+\d{0,2})"
LAST = re.compile(rf"(.+?)([-_. ]{WORD}|(?<=\d){WORD})", re.DOTALL)
FIRST = re.compile(r"([^\W\d_]+(?:[-_. ]|(?=\d)))(.+)", re.DOTALL)
MIDDLE = re.compile(r"(?<=[-_. ])[^\W\d_]+(?=[-_. ])")
MOST_NAMES = 6
# pictures of two folders from which on such names are no chance
MANY = 4
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
    found = [_in_folders(stems), _in_names(stems), _in_endings(names, stems)]
    repeated = [repeat for repeat in found if repeat is not None]
    if not repeated:
        return _loosely(stems)
    # two scenes with x_rainy and x_clean in each repeat each other's names too: what names say goes first
    return next((repeat for repeat in repeated if repeat.known("AtoB")), repeated[0])


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


def _affixes(name: str) -> list[tuple[str, str, str]]:
    """(common part, word, pattern) for each word of a name, at its begin, in its middle or at its end."""
    folder, _, last = name.rpartition("/")
    before, above = (f"{folder}/", "{}/") if folder else ("", "")
    found = [(before + last, "", "{}")]
    if match := LAST.fullmatch(last):
        found.append((before + match[1], match[2], f"{{}}{match[2]}"))
    if match := FIRST.fullmatch(last):
        found.append((before + match[2], match[1], f"{above}{match[1]}{{}}"))
    for match in MIDDLE.finditer(last):
        begin, end = match.span()
        # no name has a slash at its end: what stands left and right of the word is kept apart by one
        found.append((f"{before}{last[:begin]}/{last[end:]}/", match[0], f"{{}}{match[0]}{{}}"))
    return found


def _in_names(stems: Sequence[str]) -> Repeat | None:
    """Words in names that have the rest in common (x_A and x_B, or x and x_clean), of half of the names or more."""
    holders: dict[str, set[tuple[str, str]]] = {}
    for name in stems:
        for common, word, pattern in _affixes(name):
            holders.setdefault(common, set()).add((word, pattern))
    together: Counter[tuple[tuple[str, str], ...]] = Counter()
    for affixes in holders.values():
        if 1 < len(affixes) <= MOST_NAMES:
            together.update(combinations(sorted(affixes), 2))
    found = [
        Repeat((one[0], other[0]), (_alike(one[1], other[1]), _alike(other[1], one[1])), 2 * count, len(stems), False)
        for (one, other), count in together.items()
    ]
    best = max(
        found, key=lambda repeat: (repeat.pictures, repeat.known("AtoB") is not None, repeat.names), default=None
    )
    if best is None:
        return None
    best = _with_letters(best, together)
    # one such pair may be two photos, unless its names say what they are
    known = best.known("AtoB") is not None
    enough = (3 if known else 2) * best.pictures >= len(stems) and (best.pictures > 2 or known)
    return best if enough else None


def _with_letters(best: Repeat, together: Counter[tuple[tuple[str, str], ...]]) -> Repeat:
    """``best`` with all letters that the same pictures have: where there are a0, b0 and c0, a and b say nothing."""
    letters = {affix for pair in together for affix in pair if len(normal(affix[0].strip("-_. "))) == 1}
    if not set(best.names) < {word for word, _ in letters}:
        return best
    words, patterns = zip(*sorted(letters), strict=True)
    return best._replace(names=words, patterns=patterns, pictures=best.pictures // 2 * len(words))


def _alike(pattern: str, other: str) -> str:
    """A pattern with as many common parts as the other's: of a name with nothing more below folders."""
    return "{}/{}" if pattern == "{}" and other.startswith("{}/") else pattern


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
    """Two sub-folders (or one and what lies beside it) whose names have a part in common: 0001 and X2/0001x2."""
    folders: dict[str, list[str]] = {}
    for name in stems:
        folder, slash, rest = name.rpartition("/") if name.count("/") == 0 else name.partition("/")
        folders.setdefault(folder if slash else "", []).append(rest)
    if not 1 < len(folders) <= MOST_NAMES:
        return None
    found = []
    for source, target in permutations(sorted(folders), 2):
        whole = len(folders[source]), len(folders[target])
        if sum(whole) < MANY or read_name(source)[0] != read_name(target)[0]:
            continue
        fit = fitting(folders[source], folders[target])
        if fit is not None and (fit.sources, fit.targets) == whole:
            sides = ((source, fit.pattern.source), (target, fit.pattern.target))
            patterns = tuple(f"{folder}/{text}" if folder else text for folder, text in sides)
            names = (source or patterns[0], target or patterns[1])
            found.append(Repeat(names, patterns, sum(whole), len(stems), False))
    # what has something more is a source rather
    return min(found, key=lambda repeat: len(repeat.patterns[1]) - len(repeat.names[1]), default=None)
