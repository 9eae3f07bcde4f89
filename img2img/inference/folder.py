"""A folder of pictures translated: read ahead, translated, written behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from img2img.errors import RunError, UserError
from img2img.files import is_there
from img2img.images import (
    MAX_PIXELS,
    Picture,
    Pixels,
    kept_format,
    read,
    write,
)
from img2img.images.raster import any_size
from img2img.inference.budget import codec_bytes
from img2img.inference.jobs import Job, ending, goes_to_a_file, list_jobs
from img2img.inference.labels import read_source
from img2img.inference.load import load
from img2img.inference.summary import Summary, reason
from img2img.inference.tiles import Tile, parse_tile
from img2img.inference.translator import Translator
from img2img.inference.unlike import on_ground

# rows of a picture that are compared at once
ROWS = 64
FAILURES = (UserError, OSError, RuntimeError, MemoryError, ValueError)


OnDone = Callable[[int, Summary], None]
OnResult = Callable[[Job, Picture, Picture], None]


def translate(
    weights: str | Path,
    input: str | Path,
    output: str | Path,
    *,
    masks: str | Path | None = None,
    match: str | None = None,
    samples: int = 1,
    format: str | None = None,
    tile: Tile = "auto",
    precision: str = "auto",
    device: str = "auto",
    memory: str | int | None = None,
    batch: int = 1,
    max_pixels: int = MAX_PIXELS,
    overwrite: bool = False,
    direction: str | None = None,
    ensemble: int = 1,
) -> Summary:
    """Translate a folder of pictures (or one), as ``img2img infer`` does; sub-folders and names stay as they are.

    Examples:
        >>> summary = img2img.translate("runs/derain", "photos", "dry")
        >>> summary.done, summary.failed

    Args:
        weights: the name of shipped weights, a run directory (its best weights) or a ``.safetensors`` file.
        input: a picture or a folder; it is never written to.
        output: the folder the results go to; of one picture also the file, by a picture's ending. Results that are
            there are kept and counted, unless ``overwrite``.
        masks: in-painting: a folder with a mask for each picture, white where the hole is.
        match: what masks are called, ``{}`` being the picture's path without ending, such as ``{}_hole``.
        samples: results a picture, where they are made with dropout.
        format: write all results as ``png``, ``jpg``, ``tif``, ...; by default as they came.
        tile: as for `load`; so are ``precision``, ``device``, ``memory``, ``direction`` and ``ensemble``.
        batch: many small pictures of one size go faster when so many are taken together.
        max_pixels: larger pictures are refused before they are decoded.

    Returns:
        How many were written and how many were there, and each failed file with its reason: one bad file does not stop
        the others.

    Raises:
        UserError: it cannot be done as asked; nothing was written.
        RunError: the disk is full; what was done is kept.
    """
    for name, value in (("samples", samples), ("batch", batch), ("max-pixels", max_pixels)):
        if value < 1:
            raise UserError(f"--{name} {value}: at least 1")
    suffix = ending(format)
    translator = load(weights, device, precision, parse_tile(str(tile)), memory, direction, ensemble)
    given, target = Path(input), Path(output)
    jobs = list_jobs(translator, given, target, None if masks is None else Path(masks), suffix, samples, match)
    keep_format = suffix is None and not goes_to_a_file(given, target, suffix)
    return translate_folder(
        translator, jobs, overwrite=overwrite, batch=batch, max_pixels=max_pixels, keep_format=keep_format
    )


def translate_folder(
    translator: Translator,
    jobs: Sequence[Job],
    *,
    overwrite: bool = False,
    batch: int = 1,
    max_pixels: int = MAX_PIXELS,
    keep_format: bool = False,
    on_done: OnDone | None = None,
    on_result: OnResult | None = None,
) -> Summary:
    """(input, output, mask, sample) jobs one after the other; decoding runs ahead and writing behind in threads.

    A failing file is noted and the rest goes on; existing outputs are skipped unless ``overwrite``.

    Args:
        batch: up to so many pictures that follow one another and have one shape go through the network together, where
            none then shows in another's result.
        max_pixels: larger pictures are refused before they are decoded.
        keep_format: write a result whose ending is its input's in the format of that, also where the ending lies.
        on_done: told how many jobs are done, failed or skipped.
        on_result: called with each job, its picture and its result when that is written.

    Raises:
        RunError: the disk is full (further files would fail alike).
    """
    with ThreadPoolExecutor(1) as readers, ThreadPoolExecutor(1) as writers:
        todo = deque(job for job in jobs if overwrite or not is_there(job.result))
        summary = Summary(skipped=len(jobs) - len(todo))
        together = 1 if translator.alone else batch
        _Folder(
            translator, todo, together, max_pixels, keep_format, summary, on_done, on_result, readers, writers
        ).run()
    return summary


@dataclass
class _Loaded:
    job: Job
    picture: Picture
    mask: Picture | None
    weight: int

    def like(self, other: _Loaded) -> bool:
        """Whether both may go through the network together."""
        mine, its = self.picture.pixels, other.picture.pixels
        return mine.shape == its.shape and mine.dtype == its.dtype and self.job.sample == other.job.sample


@dataclass(frozen=True)
class _Written:
    """What reading and writing changed, or why there is no result; not the exception, which holds all it saw."""

    notes: tuple[str, ...] = ()
    unchanged: bool = False
    failure: str = ""
    full: bool = False


def _failed(error: BaseException) -> _Written:
    return _Written(failure=reason(error), full="No space left" in str(error))


def _same(before: Pixels, after: Pixels) -> bool:
    """Whether two pictures are equal in every pixel; by rows, for the first that differ end it."""
    if before.shape != after.shape or before.dtype != after.dtype:
        return False
    return all(np.array_equal(before[top : top + ROWS], after[top : top + ROWS]) for top in range(0, len(before), ROWS))


@dataclass
class _Folder:
    """Jobs on their way: ahead (being read), together (read), behind (being written).

    Each has a weight, the bytes it may take. All have at most `Budget.ahead`; a heavier one is alone.
    """

    translator: Translator
    coming: deque[Job]
    batch: int
    max_pixels: int
    keep_format: bool
    summary: Summary
    on_done: OnDone | None
    on_result: OnResult | None
    readers: ThreadPoolExecutor
    writers: ThreadPoolExecutor
    ahead: deque[tuple[Job, int, Future[_Loaded | _Written]]] = field(default_factory=deque)
    together: list[_Loaded] = field(default_factory=list)
    behind: deque[tuple[Job, int, Future[_Written]]] = field(default_factory=deque)
    settled: int = 0

    def run(self) -> None:
        tiled, differing = self.translator.tiled, self.translator.differing
        while self.coming or self.ahead:
            self.read_ahead()
            if not self.ahead:
                # the next one is heavy and waits until it is alone
                self.settle(0)
                self.translate()
                self.settle(0)
                self.read_ahead()
            self.take()
            self.settle(2)
        self.translate()
        self.settle(0)
        self.summary.tiled = self.translator.tiled - tiled
        self.summary.differing = self.translator.differing - differing

    def read_ahead(self) -> None:
        while self.coming and len(self.ahead) <= self.batch:
            job = self.coming[0]
            try:
                width, height = any_size(job.source)
                codec = codec_bytes(job.source, job.result)
            except UserError:
                width = height = codec = 0  # reading it says why
            weight = codec * width * height
            used = sum(weight for _, weight, _ in (*self.ahead, *self.behind))
            used += sum(loaded.weight for loaded in self.together)
            if used and used + weight > self.translator.budget.ahead:
                return
            self.coming.popleft()
            self.ahead.append((job, weight, self.readers.submit(self.read, job, width, height, codec)))

    def read(self, job: Job, width: int, height: int, codec: int) -> _Loaded | _Written:
        try:
            self.translator.budget.admit(width, height, codec)
            picture = read_source(
                job.source, self.max_pixels, self.translator.labels, pages=self.translator.forms.source.pages
            )
            mask = read(job.mask, self.max_pixels) if job.mask else None
            return _Loaded(job, picture, mask, codec * width * height)
        except FAILURES as error:
            return _failed(error)

    def take(self) -> None:
        """The next one that is read; those before it are translated if it cannot go with them."""
        job, weight, future = self.ahead.popleft()
        loaded = future.result()
        del future
        if isinstance(loaded, _Written):
            self.fail(job, weight, loaded)
            return
        if self.together and not self.together[0].like(loaded):
            self.translate()
        self.together.append(loaded)
        if len(self.together) >= self.batch:
            self.translate()

    def translate(self) -> None:
        """What is together, or one by one where that fails, so that one does not spoil the others."""
        group, self.together = self.together, []
        if not group:
            return
        results = self.results_of(group)
        if isinstance(results, _Written):
            if len(group) == 1:
                self.fail(group[0].job, group[0].weight, results)
                return
            for loaded in group:
                self.together = [loaded]
                self.translate()
            return
        for loaded, result in zip(group, results, strict=True):
            unchanged = _same(loaded.picture.pixels, result.pixels)
            # as the network got it
            before = on_ground(loaded.picture, self.translator.statistics) if self.on_result else None
            future = self.writers.submit(self.write, loaded.job, before, result, unchanged)
            self.behind.append((loaded.job, loaded.weight, future))

    def results_of(self, group: list[_Loaded]) -> list[Picture] | _Written:
        pictures, masks = [loaded.picture for loaded in group], [loaded.mask for loaded in group]
        try:
            return self.translator.pictures(pictures, masks, group[0].job.sample)
        except FAILURES as error:
            return _failed(error)

    def write(self, job: Job, before: Picture | None, after: Picture, unchanged: bool) -> _Written:
        kept = self.keep_format and job.source.suffix == job.result.suffix
        notes = after.notes
        if self.keep_format and kept_format(after) != after.format:
            notes += (f"{after.format} cannot be written and became PNG",)
        if job.renamed:
            notes += ("named otherwise, so that no two results meet",)
        try:
            notes += write(job.result, after, format=kept_format(after) if kept else None)
            if self.on_result is not None and before is not None:
                self.on_result(job, before, after)
        except FAILURES as error:
            return _failed(error)
        return _Written(notes, unchanged)

    def fail(self, job: Job, weight: int, why: _Written) -> None:
        future: Future[_Written] = Future()
        future.set_result(why)
        self.behind.append((job, weight, future))

    def settle(self, left: int) -> None:
        """Wait until at most ``left`` are being written."""
        while len(self.behind) > left:
            job, _, future = self.behind.popleft()
            written = future.result()
            if written.full:
                raise RunError(f"{written.failure} ({self.summary.done} pictures are done)")
            if written.failure:
                self.summary.failed[str(job.source)] = written.failure
            else:
                self.count(job, written)
            self.settled += 1
            if self.on_done is not None:
                self.on_done(self.summary.skipped + self.settled, self.summary)

    def count(self, job: Job, written: _Written) -> None:
        self.summary.done += 1
        self.summary.unchanged += written.unchanged
        for note in written.notes:
            files = self.summary.notes.setdefault(note, [])
            if str(job.source) not in files:
                files.append(str(job.source))
