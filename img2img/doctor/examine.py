"""The data doctor: what is wrong with a set of pictures before a day of training is spent on it.

`examine` looks at everything, `quick` at names, sizes, counts and direction alone, as training does by itself. Pictures
are decoded one a thread at a time; only thumbnails, hashes and figures are kept.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np

from img2img.data.config import DataConfig
from img2img.doctor import checks, duplicates
from img2img.doctor.findings import Diagnosis, Finding, PartSummary, as_json, as_text, command, counted, further_line
from img2img.doctor.inventory import Inventory, further, take
from img2img.doctor.measurements import Seen, sample_votes
from img2img.errors import UserError
from img2img.files import atomic_write_bytes, check_folder

__all__ = ["Diagnosis", "Finding", "as_json", "as_text", "check_scenes_file", "examine", "quick", "write_scenes"]

SHEET = 48


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def examine(
    config: DataConfig,
    task: str,
    *,
    quick: bool = False,
    against: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
) -> Diagnosis:
    """Look at the set ``config.path`` as the task would train on it; ``against`` is a further set to compare with.

    ``quick`` decodes but a few pairs, for the direction. ``progress`` is told (pictures done, pictures in all).

    Raises:
        UserError: there is nothing that could be looked at.
    """
    threads = threads or cores()
    found = take(config, threads)
    if quick:
        return _quick(found, task)
    theirs = further(config, found.layout, against, threads) if against is not None else []
    everything = [*found.parts, *(part for one in theirs for part in one.parts)]
    total = sum(len(part.pictures) for part in everything)
    looks: list[Seen] = []
    done = 0
    for part in everything:
        for look in (seen := Seen(part)).fill(config.synthesis, threads):
            done += look
            if progress is not None:
                progress(done, total)
        looks.append(seen)
    ours, others = looks[: len(found.parts)], looks[len(found.parts) :]
    findings = [*checks.broken(found, ours), *found.findings]
    parts: list[PartSummary] = []
    scenes: dict[str, str] = {}
    for seen in ours:
        labels = duplicates.scenes_of(seen)
        parts.append(PartSummary(seen.part.name, len(seen.looks), counted(labels)))
        findings += _of_part(found, seen, labels, task)
        if seen.part.splits:
            names = seen.part.pictures.names
            scenes = {name: names[label] for name, label in zip(names, labels, strict=True)}
            if config.scenes:
                findings += duplicates.scenes_file(found, seen, labels)
    findings += duplicates.leaks(found, ours, threads)
    for number, one in enumerate(theirs):
        seen_of_one, others = others[: len(one.parts)], others[len(one.parts) :]
        findings += duplicates.against(found, ours, one, seen_of_one, threads)
        if number == 0:
            unreadable = checks.broken(one, seen_of_one)
            findings += [replace(finding, weight="note", kind="against_unreadable") for finding in unreadable]
    report = _report(found, task, False, parts, findings, scenes)
    lines = [further_line(one.root, one.layout, sum(len(part.pictures) for part in one.parts)) for one in theirs]
    return replace(report, against=" and ".join(lines))


def _quick(found: Inventory, task: str) -> Diagnosis:
    findings = [*checks.broken(found, []), *found.findings]
    for part in found.parts:
        if part.side == "pair":
            findings += checks.direction(found, part, sample_votes(part, found.config.synthesis))
            findings += checks.same_files(found, part)
    return _report(found, task, True, [PartSummary(part.name, len(part.pictures)) for part in found.parts], findings)


def _of_part(found: Inventory, seen: Seen, scenes: list[int], task: str) -> list[Finding]:
    findings = []
    if seen.paired:
        votes = [(index, seen.looks[index].vote) for index in seen.good]
        findings += checks.direction(found, seen.part, votes)
        findings += checks.alignment(found, seen)
        findings += checks.same_sides(found, seen)
    findings += checks.blank(found, seen)
    findings += duplicates.within(found, seen, scenes, task)
    for check in (checks.modes, checks.endings):
        findings += check(found, seen)
    return findings + checks.label_colours(seen)


def _report(
    found: Inventory,
    task: str,
    quick: bool,
    parts: list[PartSummary],
    findings: list[Finding],
    scenes: dict[str, str] | None = None,
) -> Diagnosis:
    files = [(part.name, part.files(index)) for part in found.parts for index in range(len(part.pictures))]
    places = sorted({round(place) for place in np.linspace(0, len(files) - 1, min(SHEET, len(files)))})
    return Diagnosis(
        path=found.root,
        task=task,
        layout=found.layout,
        direction=found.direction,
        quick=quick,
        parts=tuple(parts),
        findings=tuple(findings),
        scenes=scenes or {},
        shown=tuple(files[place] for place in places),
    )


def quick(config: DataConfig, task: str) -> tuple[str, ...]:
    """Lines for training to print: what a quick look finds, and how to have the whole looked at.

    Empty where there are no files to look at (built-in data, arrays, toy distributions).
    """
    if config.path is None or not Path(config.path).is_dir():
        return ()
    try:
        report = examine(config, task, quick=True)
    except UserError as error:
        # training says by itself what it cannot open
        return (f"data doctor: {error}",)
    lines = [
        f"data doctor: {finding.text}; fix: {finding.fix}" for finding in report.findings if finding.kind != "small"
    ]
    return (*lines, f"data doctor: the whole look (duplicates, leaks, damage, shifts): {command(task, config.path)}")


def check_scenes_file(path: Path) -> None:
    """Refuse to write scenes over a file that is not such a list, or where nothing can be written.

    Raises:
        UserError: the line names ``--scenes``.
    """
    check_folder(path.parent, "--scenes")
    if path.is_dir():
        raise UserError(f"--scenes {path}: is a folder, name a file")
    if path.exists():
        with path.open("rb") as file:
            ours = file.readline().strip() == b"file,scene"
        if not ours:
            raise UserError(f"--scenes {path}: holds something else (no first line file,scene); name another file")


def write_scenes(report: Diagnosis, path: Path) -> str:
    """Write ``file,scene`` of what training splits, for ``data.scenes``; a line that says so.

    Raises:
        RunError: the file system refuses.
    """
    if not report.scenes:
        return f"{path}: not written, there is no part to split"
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "scene"])
    writer.writerows(report.scenes.items())
    atomic_write_bytes(path, text.getvalue().encode("utf-8", "surrogateescape"))
    scenes = len(set(report.scenes.values()))
    return f"{path}: {scenes} scenes of {len(report.scenes)} pictures; train with data.scenes={path}"
