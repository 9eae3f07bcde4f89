"""What the doctor says: findings by weight, each with its fix, and their forms as text and as JSON."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from img2img.data import DataConfig
from img2img.data.peers import WHOLE

# stops: training or evaluation would fail; wrong: it would run, and its results would mislead; note: good to know
Weight = Literal["stops", "wrong", "note"]
WEIGHTS: tuple[Weight, ...] = ("stops", "wrong", "note")
SHOWN = 5
PAIRED = ("side_by_side", "two_folders", "one_folder")


@dataclass(frozen=True)
class Spot:
    """One place of a finding: ``text`` for people, ``files`` that it is about (the picture itself first)."""

    text: str
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Finding:
    """``kind`` is its fixed name, ``text`` what is the case in one line, ``fix`` what to do about it."""

    kind: str
    weight: Weight
    text: str
    fix: str
    spots: tuple[Spot, ...] = ()


@dataclass(frozen=True)
class PartSummary:
    """A part of a set: how many pictures (or pairs), and how many of its scenes show so many pictures."""

    name: str
    pictures: int
    scenes: Mapping[int, int] | None = None


@dataclass(frozen=True)
class Diagnosis:
    """All that was found in a data set.

    ``scenes`` gives the scene of each picture that training splits, by the name training knows it by; ``shown`` are
    files for a contact sheet, at most one a picture, evenly through the set; ``against`` is the further set in a line;
    ``taken`` are the overrides that the folder needs to be taken as it was.
    """

    path: Path
    task: str
    layout: str
    direction: str
    quick: bool
    parts: tuple[PartSummary, ...]
    findings: tuple[Finding, ...]
    scenes: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[tuple[str, tuple[Path, ...]], ...] = ()
    against: str = ""
    taken: tuple[str, ...] = ()

    def of(self, weight: Weight) -> list[Finding]:
        """The findings of one weight, in the order they were made."""
        return [finding for finding in self.findings if finding.weight == weight]

    @property
    def status(self) -> int:
        """Exit status: 1 where training would fail or results would be wrong, else 0."""
        return 1 if self.of("stops") or self.of("wrong") else 0

    @property
    def verdict(self) -> str:
        """The whole in one line."""
        notes = many(len(self.of("note")), "note")
        looked = " at a quick look" if self.quick else ""
        if self.of("stops"):
            also = f"; results would be wrong: {len(self.of('wrong'))}" if self.of("wrong") else ""
            return f"training or evaluation would stop: {many(len(self.of('stops')), 'reason')}{also}; {notes}"
        if self.of("wrong"):
            return f"results would be wrong: {many(len(self.of('wrong')), 'reason')}; {notes}"
        return f"nothing stands against training on these data{looked}; {notes}"


def many(count: int, word: str, plural: str | None = None) -> str:
    """``1 picture``, ``3 pictures``."""
    return f"{count} {word if count == 1 else plural or f'{word}s'}"


def share(count: int, whole: int, word: str, plural: str | None = None) -> str:
    """``3 of 10 pictures``."""
    return f"{count} of {many(whole, word, plural)}"


def are(count: int) -> str:
    """The verb that goes with a number."""
    return "is" if count == 1 else "are"


TIMES = {1: "once", 2: "twice", 3: "three times", 4: "four times", 5: "five times"}


def scene_line(scenes: Mapping[int, int]) -> str:
    """``355 scenes: 178 once, 110 twice, ...``."""
    line = many(sum(scenes.values()), "scene")
    if set(scenes) <= {1}:
        return f"{line}, each once"
    return f"{line}: " + ", ".join(f"{scenes[n]} {TIMES.get(n, f'{n} times')}" for n in sorted(scenes))


def counted(scenes: Sequence[int]) -> dict[int, int]:
    """From the scene of each picture, how many scenes have 1, 2, ... pictures."""
    return dict(sorted(Counter(Counter(scenes).values()).items()))


def data_line(diagnosis: Diagnosis) -> str:
    """What was looked at, in one line."""
    word = "pair" if diagnosis.layout in PAIRED else "picture"
    parts = []
    for part in diagnosis.parts:
        name = "" if part.name == WHOLE else f"{part.name} "
        scenes = f" of {scene_line(part.scenes)}" if part.scenes is not None else ""
        parts.append(f"{name}{many(part.pictures, word)}{scenes}")
    compared = f"; compared with {diagnosis.against}" if diagnosis.against else ""
    return f"{diagnosis.path}: {diagnosis.layout}, {diagnosis.direction}; {'; '.join(parts)}{compared}"


def further_line(path: Path, layout: str, pictures: int) -> str:
    """A further set, and how it was taken, in a few words."""
    return f"{path} ({layout}, {many(pictures, 'pair' if layout in PAIRED else 'picture')})"


def as_text(diagnosis: Diagnosis, shown: int = SHOWN) -> str:
    """The verdict, then the findings by weight, ``shown`` places of each."""
    lines = [diagnosis.verdict, data_line(diagnosis)]
    for weight in WEIGHTS:
        for finding in diagnosis.of(weight):
            lines += ["", f"{weight}: {finding.text}"]
            lines += [f"    {spot.text}" for spot in finding.spots[:shown]]
            rest = len(finding.spots) - shown
            if rest > 0:
                lines.append(f"    and {rest} more (--json lists all)")
            lines.append(f"  fix: {finding.fix}")
    if diagnosis.quick:
        again = command(diagnosis.task, diagnosis.path, *diagnosis.taken)
        lines += ["", f"names, sizes, counts, direction and levels only; all of it: {again}"]
    # a file's name may hold anything, line ends and the terminal's own commands too
    return "\n".join("".join(letter if letter.isprintable() else "?" for letter in line) for line in lines)


def command(task: str, path: Path | str, *more: str) -> str:
    """A command line of the doctor, ready to be pasted; ``more`` holds the `taken` of the set."""
    return shlex.join(["img2img", "check_data", "--task", task, "--data", str(path), *more])


def taken(config: DataConfig) -> list[str]:
    """The overrides without which the same folder would be taken otherwise, or not at all."""
    layout = [] if config.layout == "auto" else [f"data.layout={config.layout}"]
    sides = [] if config.source is None else [f"data.source={config.source}", f"data.target={config.target}"]
    return layout + sides


def as_json(diagnosis: Diagnosis) -> str:
    """The same for programs: ``verdict``, ``status``, ``data`` and all places of all ``findings``."""
    tree: dict[str, Any] = {
        "verdict": diagnosis.verdict,
        "status": diagnosis.status,
        "data": str(diagnosis.path),
        "task": diagnosis.task,
        "layout": diagnosis.layout,
        "direction": diagnosis.direction,
        "quick": diagnosis.quick,
        "against": diagnosis.against,
        "parts": [
            {
                "name": part.name,
                "pictures": part.pictures,
                "scenes": sum(part.scenes.values()) if part.scenes is not None else None,
                "scenes_by_pictures": {str(n): c for n, c in part.scenes.items()} if part.scenes is not None else None,
            }
            for part in diagnosis.parts
        ],
        "findings": [
            {
                "kind": finding.kind,
                "weight": finding.weight,
                "text": finding.text,
                "fix": finding.fix,
                "spots": [{"text": spot.text, "files": [str(file) for file in spot.files]} for spot in finding.spots],
            }
            for weight in WEIGHTS
            for finding in diagnosis.of(weight)
        ],
    }
    return json.dumps(tree, indent=1)
