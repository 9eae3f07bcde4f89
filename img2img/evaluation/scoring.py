"""Results against targets, file by file: both cores at work, memory flat in the number of pictures."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from img2img.compute.distributed import World
from img2img.errors import UserError
from img2img.images import Picture, as_rgb, digest, find, read, size
from img2img.metrics import Protocol, measure
from img2img.progress import Reporter
from img2img.reports.table import Score

Files = Mapping[str, Path]
# a protocol with the measures to take under it
Asked = tuple[Protocol, tuple[str, ...]]


@dataclass(frozen=True)
class Entry:
    """One set of results: of a method, of one of its seeds (empty where it has one run)."""

    method: str
    files: Files
    seed: str = ""


@dataclass(frozen=True)
class Scored:
    """Scores by protocol (label), digests of the targets by picture, and entries with alpha, which is left out."""

    scores: Mapping[str, tuple[Score, ...]]
    digests: Mapping[str, str]
    with_alpha: tuple[str, ...]


def by_stem(folder: Path) -> dict[str, Path]:
    """Pictures below a folder by their path without ending.

    Raises:
        UserError: no pictures, or two that differ in their ending alone.
    """
    found: dict[str, Path] = {}
    for file in find(folder):
        stem = str(file.relative_to(folder).with_suffix(""))
        if stem in found:
            raise UserError(f"{file} and {found[stem].name} have the same name but for the ending: which one is meant?")
        found[stem] = file
    return found


def partners(targets: Files, folder: Path, flag: str) -> dict[str, Path]:
    """The picture of ``folder`` for each target.

    Raises:
        UserError: a target without result, a result without target, sizes that differ.
    """
    found = by_stem(folder)
    for missing, where, what in (
        ([stem for stem in targets if stem not in found], targets, "no result for"),
        ([stem for stem in found if stem not in targets], found, "no target for"),
    ):
        if missing:
            more = f" and {len(missing) - 1} more" if missing[1:] else ""
            raise UserError(f"{flag}: {what} {where[missing[0]]}{more} (files are matched by name without ending)")
    for stem, file in targets.items():
        one, other = size(found[stem]), size(file)
        if one != other:
            raise UserError(
                f"{found[stem]} is {one[0]}x{one[1]}, its target {file} is {other[0]}x{other[1]}: "
                f"sizes must be the same"
            )
    return {stem: found[stem] for stem in targets}


def score(
    targets: Files,
    entries: Sequence[Entry],
    asked: Sequence[Asked],
    world: World,
    *,
    shown: bool = True,
) -> Scored:
    """Measure every entry's pictures, by what is ``asked``; pictures are shared out over processes and threads.

    Raises:
        UserError: unreadable files, sizes or depths that differ or that a protocol is not of, naming the file.
    """
    stems = list(targets)
    share = stems[world.rank :: world.size]
    work = functools.partial(_measured, targets, entries, asked, world.device)
    # one picture a thread: the sums of a single one are too short to be worth sharing out
    threads = torch.get_num_threads() if world.device.type == "cpu" else 1
    found: list[tuple[str, str, set[str], list[list[Score]]]] = []
    with (
        Reporter(len(share), "measured", shown=shown and world.is_main) as reporter,
        ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        try:
            for done, one in enumerate(pool.map(work, share), 1):
                found.append(one)
                reporter.advance(done)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        finally:
            # the maths library's own count is not a thread's but the process's
            torch.set_num_threads(torch.get_num_threads())
    everything = {one[0]: one for part in world.all_gather(found) for one in part}
    ordered = [everything[stem] for stem in stems]
    scores = {}
    for number, (protocol, metrics) in enumerate(asked):
        rows = [rows[number] for *_, rows in ordered]
        width = len(protocol.names(metrics))
        scores[protocol.label] = tuple(
            score
            for place in range(len(entries))
            for image in rows
            for score in image[place * width : (place + 1) * width]
        )
    alpha = tuple(dict.fromkeys(entry.method for entry in entries if any(entry.method in one[2] for one in ordered)))
    return Scored(scores, {stem: everything[stem][1] for stem in stems}, alpha)


def _measured(
    targets: Files,
    entries: Sequence[Entry],
    asked: Sequence[Asked],
    device: torch.device,
    stem: str,
) -> tuple[str, str, set[str], list[list[Score]]]:
    target = read(targets[stem])
    wanted = as_rgb(target)
    rows: list[list[Score]] = [[] for _ in asked]
    with_alpha: set[str] = set()
    for entry in entries:
        file = entry.files[stem]
        result = read(file)
        if result.alpha is not None:
            with_alpha.add(entry.method)
        if result.pixels.dtype != target.pixels.dtype:
            raise UserError(
                f"{file} has {_bits(result)} bits a sample, its target {targets[stem]} has {_bits(target)}: "
                f"results and targets must have the same depth"
            )
        for number, (protocol, metrics) in enumerate(asked):
            try:
                values = measure(protocol, metrics, as_rgb(result), wanted, device)
            except UserError as error:
                raise UserError(f"{file}: {error}") from error
            rows[number] += [
                Score(entry.method, stem, name, value, reason, entry.seed) for name, (value, reason) in values.items()
            ]
    return stem, digest(wanted), with_alpha, rows


def _bits(picture: Picture) -> int:
    return int(picture.pixels.dtype.itemsize) * 8
