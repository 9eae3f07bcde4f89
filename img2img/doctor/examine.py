"""The data doctor: what is wrong with a set of pictures before a day of training is spent on it.

`examine` looks at everything, `quick` at names, sizes, counts, direction and levels, as training does by itself.
Pictures are decoded one a thread at a time; only thumbnails, hashes and figures are kept.
"""

from __future__ import annotations

import csv
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import StringIO
from itertools import chain
from pathlib import Path

import numpy as np

from img2img.data.array_sets import is_array_set
from img2img.data.config import DataConfig
from img2img.doctor import checks, duplicates, levels, units
from img2img.doctor.findings import (
    Diagnosis,
    Finding,
    PartSummary,
    as_json,
    as_text,
    command,
    counted,
    further_line,
    taken,
)
from img2img.doctor.inventory import Inventory, further_inventories, take_inventory
from img2img.doctor.measurements import MeasuredPart, sample_looks
from img2img.doctor.threads import cores
from img2img.errors import UserError
from img2img.files import atomic_write_bytes, check_folder

__all__ = ["Diagnosis", "Finding", "as_json", "as_text", "check_scenes_file", "examine", "quick", "write_scenes"]

SHEET = 48
# notes that opening the data prints by itself
SAID = ("small", "part_aside", "links", "layout", "strangers")


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

    ``quick`` decodes but a few pictures, for direction and levels. ``progress`` is told (pictures done, in all).

    Raises:
        UserError: there is nothing that could be looked at.
    """
    threads = threads or cores()
    inventory = take_inventory(config, threads)
    if quick:
        return _quick(inventory, task)
    others = further_inventories(config, inventory.layout.name, against, threads) if against is not None else []
    ours, *theirs = _measured([inventory, *others], config.synthesis, threads, progress)
    findings = [*checks.broken(inventory, ours), *inventory.findings]
    summaries: list[PartSummary] = []
    scenes: dict[str, str] = {}
    for measured in ours:
        labels = duplicates.scenes_of(measured)
        summaries.append(PartSummary(measured.part.name, len(measured.pictures), counted(labels)))
        findings += _of_part(inventory, measured, labels, task)
        if measured.part.splits:
            names = measured.part.pictures.names
            scenes = {name: names[label] for name, label in zip(names, labels, strict=True)}
            if config.scenes:
                findings += duplicates.scenes_file(inventory, measured, labels)
    findings += duplicates.leaks(inventory, ours, threads)
    for other, measured_others in zip(others, theirs, strict=True):
        findings += duplicates.against(inventory, ours, other, measured_others, threads)
    # the same files may have been taken in two ways
    for other, measured_others in zip(others[:1], theirs, strict=False):
        unreadable = checks.broken(other, measured_others)
        findings += [replace(finding, weight="note", kind="against_unreadable") for finding in unreadable]
    diagnosis = _diagnosis(inventory, task, False, summaries, findings, scenes)
    lines = [further_line(other.root, other.layout.name, _count(other)) for other in others]
    return replace(diagnosis, against=" and ".join(lines))


def _count(*inventories: Inventory) -> int:
    return sum(len(part.pictures) for inventory in inventories for part in inventory.parts)


def _measured(
    inventories: Sequence[Inventory], synthesis: str, threads: int, progress: Callable[[int, int], None] | None
) -> list[list[MeasuredPart]]:
    """The parts of each inventory, every picture decoded and measured."""
    total, done = _count(*inventories), 0
    measured = [[MeasuredPart(part) for part in inventory.parts] for inventory in inventories]
    for measured_part in chain.from_iterable(measured):
        for count in measured_part.fill(synthesis, threads):
            done += count
            if progress is not None:
                progress(done, total)
    return measured


def _quick(inventory: Inventory, task: str) -> Diagnosis:
    findings = [*checks.broken(inventory, []), *inventory.findings]
    for part in inventory.parts:
        votes, looked = sample_looks(part, inventory.config.synthesis)
        findings += levels.narrow(part, looked)
        findings += levels.transparent(inventory, part, looked)
        findings += units.of_part(inventory, part, list(looked))
        if part.side == "pair":
            findings += checks.direction(inventory, part, votes)
            findings += checks.same_files(inventory, part)
    summaries = [PartSummary(part.name, len(part.pictures)) for part in inventory.parts]
    return _diagnosis(inventory, task, True, summaries, findings)


def _of_part(inventory: Inventory, measured: MeasuredPart, scenes: list[int], task: str) -> list[Finding]:
    findings = []
    if measured.paired:
        votes = [(index, measured.pictures[index].vote) for index in measured.readable]
        findings += checks.direction(inventory, measured.part, votes)
        findings += checks.alignment(inventory, measured)
        findings += checks.same_sides(inventory, measured)
    findings += levels.narrow(measured.part, measured.levels)
    findings += levels.transparent(inventory, measured.part, measured.levels)
    findings += units.of_part(inventory, measured.part, measured.readable)
    findings += checks.blank(inventory, measured)
    findings += duplicates.within(inventory, measured, scenes, task)
    for check in (checks.modes, checks.endings):
        findings += check(inventory, measured)
    return findings + checks.label_colours(measured)


def _diagnosis(
    inventory: Inventory,
    task: str,
    quick: bool,
    parts: list[PartSummary],
    findings: list[Finding],
    scenes: dict[str, str] | None = None,
) -> Diagnosis:
    files = [(part.name, part.files(index)) for part in inventory.parts for index in range(len(part.pictures))]
    shown = sorted({round(position) for position in np.linspace(0, len(files) - 1, min(SHEET, len(files)))})
    return Diagnosis(
        path=inventory.root,
        task=task,
        layout=inventory.layout.name,
        direction=inventory.direction,
        taken=tuple(taken(inventory.config)),
        quick=quick,
        parts=tuple(parts),
        findings=tuple(findings),
        scenes=scenes or {},
        shown=tuple(files[index] for index in shown),
    )


def quick(config: DataConfig, task: str) -> tuple[str, ...]:
    """Lines for training to print: what a quick look finds, and how to have the whole looked at.

    Empty where there are no files to look at (built-in data, arrays, toy distributions).
    """
    if config.path is None or not Path(config.path).is_dir() or is_array_set(Path(config.path), config):
        return ()
    try:
        diagnosis = examine(config, task, quick=True)
    except UserError as error:
        # training says by itself what it cannot open
        return (f"data doctor: {error}",)
    lines = [
        f"data doctor: {finding.text}; fix: {finding.fix}" for finding in diagnosis.findings if finding.kind not in SAID
    ]
    again = command(task, config.path, *taken(config))
    return (*lines, f"data doctor: the whole look (duplicates, leaks, damage, shifts): {again}")


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


def write_scenes(diagnosis: Diagnosis, path: Path) -> str:
    """Write ``file,scene`` of what training splits, for ``data.scenes``; a line that says so.

    Raises:
        RunError: the file system refuses.
    """
    if not diagnosis.scenes:
        return f"{path}: not written, there is no part to split"
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "scene"])
    writer.writerows(diagnosis.scenes.items())
    atomic_write_bytes(path, text.getvalue().encode("utf-8", "surrogateescape"))
    scenes = len(set(diagnosis.scenes.values()))
    return (
        f"{path}: {scenes} scenes of {len(diagnosis.scenes)} pictures; train with {shlex.quote(f'data.scenes={path}')}"
    )
