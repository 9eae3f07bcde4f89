"""Results against targets, file by file: both cores at work, memory flat in the number of pictures."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch

from img2img.compute.distributed import World
from img2img.data.masks import check_hole, check_size
from img2img.errors import UserError
from img2img.evaluation.copies import Copy, copies_of
from img2img.evaluation.entries import Entry, Files
from img2img.evaluation.fit import Fitting
from img2img.images import Picture, Pixels, as_rgb, digest
from img2img.images.raster import read_any
from img2img.metrics import Protocol, Value, measure
from img2img.progress import Reporter
from img2img.reports.table import Score

# a protocol with the measures to take under it
Asked = tuple[Protocol, tuple[str, ...]]


@dataclass(frozen=True)
class Scored:
    """What was measured, in the order of the targets.

    ``scores`` by protocol (label), ``digests`` of the targets' pixels by picture, methods whose alpha is left out, and
    pictures that are copies of their targets or sources.
    """

    scores: Mapping[str, tuple[Score, ...]]
    digests: Mapping[str, str]
    with_alpha: tuple[str, ...]
    copies: tuple[Copy, ...]


@dataclass(frozen=True)
class _Measured:
    """One target: its name and digest, scores of all entries by protocol (label), methods with alpha, copies."""

    stem: str
    digest: str
    scores: Mapping[str, Sequence[Score]]
    with_alpha: frozenset[str]
    copies: Sequence[Copy]


def score(
    targets: Files,
    entries: Sequence[Entry],
    asked: Sequence[Asked],
    world: World,
    fitting: Fitting | None = None,
    *,
    masks: Files | None = None,
    shown: bool = True,
) -> Scored:
    """Measure every entry's pictures, by what is ``asked``; pictures are shared out over processes and threads.

    ``masks`` by picture, white inside the hole, where a protocol is of the hole alone.

    Raises:
        UserError: unreadable files, sizes or depths that differ or that a protocol is not of, naming the file.
    """
    share = list(targets)[world.rank :: world.size]
    work = functools.partial(_measured, targets, entries, asked, fitting, masks, world.device)
    found = _in_threads(work, share, world, shown=shown)
    by_stem = {measured.stem: measured for part in world.all_gather(found) for measured in part}
    ordered = [by_stem[stem] for stem in targets]
    return Scored(
        scores={
            protocol.label: _by_entry([measured.scores[protocol.label] for measured in ordered], len(entries))
            for protocol, _ in asked
        },
        digests={measured.stem: measured.digest for measured in ordered},
        with_alpha=tuple(
            dict.fromkeys(entry.method for entry in entries if any(entry.method in one.with_alpha for one in ordered))
        ),
        copies=tuple(copy for measured in ordered for copy in measured.copies),
    )


def _in_threads(
    work: functools.partial[_Measured], stems: Sequence[str], world: World, *, shown: bool
) -> list[_Measured]:
    # one picture a thread: the sums of a single one are too short to be worth sharing out
    threads = torch.get_num_threads() if world.device.type == "cpu" else 1
    found: list[_Measured] = []
    with (
        Reporter(len(stems), "measured", shown=shown and world.is_main) as reporter,
        ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        try:
            for done, measured in enumerate(pool.map(work, stems), 1):
                found.append(measured)
                reporter.advance(done)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        finally:
            # the maths library's own count is not a thread's but the process's
            torch.set_num_threads(torch.get_num_threads())
    return found


def _by_entry(images: Sequence[Sequence[Score]], entries: int) -> tuple[Score, ...]:
    """Scores of images (each of all entries, in order) as those of each entry over all images."""
    width = len(images[0]) // entries if images else 0
    return tuple(
        score for place in range(entries) for image in images for score in image[place * width : (place + 1) * width]
    )


def _measured(
    targets: Files,
    entries: Sequence[Entry],
    asked: Sequence[Asked],
    fitting: Fitting | None,
    masks: Files | None,
    device: torch.device,
    stem: str,
) -> _Measured:
    target = read_any(targets[stem])
    target_pixels = as_rgb(target)
    hole = None
    if masks is not None:
        hole = check_hole(masks[stem])
        check_size(masks[stem], hole.shape[1::-1], target_pixels.shape[1::-1])
    target_digest = digest(target_pixels)
    scores: dict[str, list[Score]] = {protocol.label: [] for protocol, _ in asked}
    with_alpha: set[str] = set()
    digests = []
    for entry in entries:
        file = entry.files[stem]
        result = read_any(file)
        if result.alpha is not None:
            with_alpha.add(entry.method)
        if result.pixels.dtype != target.pixels.dtype:
            raise UserError(
                f"{file} has {_bits(result)} bits a sample, its target {targets[stem]} has {_bits(target)}: "
                f"results and targets must have the same depth"
            )
        pixels = as_rgb(result)
        digests.append(digest(pixels))
        try:
            for label, values in _values(stem, pixels, target_pixels, asked, fitting, hole, device):
                scores[label] += [
                    Score(entry.method, stem, name, value, reason, entry.seed)
                    for name, (value, reason) in values.items()
                ]
        except UserError as error:
            raise UserError(f"{file}: {error}") from error
    copies = copies_of(stem, targets[stem], entries, digests, target_digest)
    return _Measured(stem, target_digest, scores, frozenset(with_alpha), copies)


def _values(
    stem: str,
    result: Pixels,
    target: Pixels,
    asked: Sequence[Asked],
    fitting: Fitting | None,
    hole: Pixels | None,
    device: torch.device,
) -> Iterator[tuple[str, dict[str, Value]]]:
    """Each protocol's label with the measures of one pair of (H, W, 3) pictures."""
    if fitting is not None:
        result, target = fitting.apply(stem, result), fitting.apply(stem, target)
    for protocol, metrics in asked:
        yield protocol.label, measure(protocol, metrics, result, target, device, hole)


def _bits(picture: Picture) -> int:
    return int(picture.pixels.dtype.itemsize) * 8
