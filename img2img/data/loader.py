"""Batches: one endless stream of permutations, shared by all processes, entered at any position."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from multiprocessing import resource_tracker
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from img2img.compute.memory import keep_freed_memory
from img2img.compute.transfer import moved
from img2img.data.samples import Samples
from img2img.errors import RunError, UserError
from img2img.images.form import from_bytes
from img2img.randomness import generator
from img2img.types import Batch

# where a worker cannot see who sent a signal it takes SIGTERM as it comes
SIGNALS = {signal.SIGINT, signal.SIGTERM} if hasattr(signal, "sigtimedwait") else {signal.SIGINT}


@runtime_checkable
class InBytes(Protocol):
    """Samples whose 8-bit pictures can be had as uint8."""

    def in_bytes(self) -> Samples:
        """The same samples, their pictures as uint8 (C, H, W) where the others are float32 in [-1, 1]."""


@lru_cache(maxsize=4)
def permutation(seed: int, epoch: int, count: int) -> np.ndarray[Any, Any]:
    """The order of samples in an epoch."""
    return generator(seed, "permutation", epoch).permutation(count)


class Stream:
    """Sample p of the stream is sample ``permutation(epoch)[p mod n]`` of epoch ``p div n``.

    A global batch is ``batch`` consecutive samples; process ``rank`` of ``world`` takes its contiguous share, so that
    no batch is ever short and the processes together see exactly what one alone would.

    Args:
        workers: processes that decode and augment; with 0 a thread does, ahead of the training.
        device: where batches will be used; for CUDA they are prepared in page-locked memory, pictures of 8 bits as
            uint8, a quarter of the traffic; `on_device` brings them to [-1, 1].

    Raises:
        UserError: no samples, or a batch that cannot be shared evenly.
    """

    def __init__(
        self,
        samples: Samples,
        *,
        batch: int,
        seed: int,
        workers: int = 0,
        rank: int = 0,
        world: int = 1,
        device: torch.device | None = None,
    ) -> None:
        if len(samples) == 0:
            raise UserError("the training set is empty")
        if batch % world:
            raise UserError(f"train.batch={batch} cannot be shared evenly among {world} processes")
        self.pin = device is not None and device.type == "cuda"
        self.samples: Samples = samples.in_bytes() if self.pin and isinstance(samples, InBytes) else samples
        self.batch = batch
        self.seed = seed
        self.workers = workers
        self.rank = rank
        self.share = batch // world

    def numbers(self, position: int) -> Iterator[list[tuple[int, int]]]:
        """(epoch, index) of this process's share of each batch from ``position`` (samples of all processes) on."""
        count = len(self.samples)
        while True:
            first = position + self.rank * self.share
            yield [
                (p // count, int(permutation(self.seed, p // count, count)[p % count]))
                for p in range(first, first + self.share)
            ]
            position += self.batch

    def batches(self, position: int) -> Generator[Batch, None, None]:
        """Batches from ``position`` on, prepared ahead; close the iterator to stop the preparing.

        Time spent in ``next`` is time spent waiting for data.

        Raises:
            RunError: while iterating, a picture that cannot be read any more, or a worker that was killed.
        """
        return self._from_workers(position) if self.workers else self._from_thread(position)

    def _from_thread(self, position: int) -> Generator[Batch, None, None]:
        ready: queue.Queue[Batch | BaseException] = queue.Queue(maxsize=2)
        stop = threading.Event()

        def put(value: Batch | BaseException) -> bool:
            while not stop.is_set():
                try:
                    ready.put(value, timeout=0.2)
                    return True
                except queue.Full:
                    continue
            return False

        def work() -> None:
            try:
                for numbers in self.numbers(position):
                    batch = collate([(self.samples.sample(e, i, self.seed), i) for e, i in numbers])
                    if not put(batch.pin_memory() if self.pin else batch):
                        return
            except BaseException as error:  # handed to the training, which raises it
                put(error)

        thread = threading.Thread(target=work, daemon=True, name="data")
        thread.start()
        try:
            while True:
                value = ready.get()
                if isinstance(value, BaseException):
                    raise _told(value)
                yield value
        finally:
            stop.set()
            thread.join(timeout=10)

    def _from_workers(self, position: int) -> Generator[Batch, None, None]:
        context = _context()
        loader: DataLoader[Any] = DataLoader(
            _NumberedSamples(self.samples, self.seed),
            batch_sampler=_Numbers(self, position),
            num_workers=self.workers,
            collate_fn=_collate_or_error,
            worker_init_fn=_begin_worker,
            prefetch_factor=2,
            pin_memory=self.pin,
            multiprocessing_context=context,
        )
        with _blocked_signals():
            values = iter(loader)
        try:
            for value in values:
                if isinstance(value, str):
                    raise RunError(value)
                yield value
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise RunError(
                "a data worker was killed from outside (out of memory?); the same command goes on from the last "
                "checkpoint, train.workers and data.cache_mb can be lowered"
            ) from error


def _context() -> Any:
    """What starts data workers: the fork server, or a new Python each where there is none.

    A forked copy of a process that has used OpenMP threads may hang in them; the fork server has not.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", __name__])
    return context


@contextmanager
def _blocked_signals() -> Iterator[None]:
    """Processes started within inherit the block from their first moment; a signal to this one waits until after."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # some Pythons unblock both signals after starting this helper
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _NumberedSamples(Dataset[Any]):
    def __init__(self, samples: Samples, seed: int) -> None:
        self.samples = samples
        self.seed = seed

    def __getitem__(self, number: tuple[int, int]) -> Any:
        epoch, index = number
        try:
            return self.samples.sample(epoch, index, self.seed), index
        except (UserError, OSError) as error:
            return str(error)


class _Numbers(Sampler[list[tuple[int, int]]]):
    def __init__(self, stream: Stream, position: int) -> None:
        self.stream = stream
        self.position = position

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return self.stream.numbers(self.position)


def _collate_or_error(parts: list[Any]) -> Batch | str:
    errors = [part for part in parts if isinstance(part, str)]
    if errors:
        return errors[0]
    try:
        return collate(parts)
    except UserError as error:
        return str(error)


def _begin_worker(worker: int) -> None:
    """A worker computes on one thread, keeps freed memory, leaves signals to its parent and ends with it."""
    torch.set_num_threads(1)
    # as in the training: every sample takes its memory anew
    keep_freed_memory()
    import cv2

    cv2.setNumThreads(0)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    else:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True, name="parent").start()


def _end_with_parent() -> None:
    """End this worker when the training is gone (kill -9 included) or terminates it.

    torch's own watch looks at the process that forked the worker. That is the fork server, which in turn waits for the
    workers. A SIGTERM from anybody else was meant for the training, which saves and then ends its workers.
    """
    parent = multiprocessing.parent_process()
    while parent is not None and parent.is_alive():
        if hasattr(signal, "sigtimedwait"):
            asked = signal.sigtimedwait(SIGNALS, 1.0)
            if asked is not None and asked.si_signo == signal.SIGTERM and asked.si_pid == parent.pid:
                break
        else:
            time.sleep(1.0)
    os._exit(0)


def _told(error: BaseException) -> BaseException:
    return RunError(str(error)) if isinstance(error, UserError) else error


def on_device(batch: Batch, device: torch.device) -> Batch:
    """A batch of a `Stream` where it is used, its pictures in [-1, 1]; the host goes on while it is copied there."""
    there = batch.map(lambda values: moved(values, device))
    source, target = (None if side is None else from_bytes(side) for side in (there.source, there.target))
    return replace(there, source=source, target=target)


def collate(parts: list[tuple[dict[str, Tensor], int]]) -> Batch:
    """Samples of one shape as a batch.

    Raises:
        UserError: the samples differ in shape.
    """
    for name, first in parts[0][0].items():
        for sample, _ in parts:
            if sample[name].shape != first.shape:
                size, other = ("x".join(str(n) for n in reversed(v.shape[-2:])) for v in (first, sample[name]))
                raise UserError(
                    f"pictures of {size} and {other} px cannot share a batch; set data.crop (or train.batch=1)"
                )
    given = {name: [sample[name] for sample, _ in parts] for name in parts[0][0]}
    source, target = (_pictures(given.pop(name)) if name in given else None for name in ("source", "target"))
    stacked = {name: torch.stack(values) for name, values in given.items()}
    mask = stacked.pop("mask", None)
    return Batch(
        source=source, target=target, mask=mask, index=torch.tensor([index for _, index in parts]), extra=stacked
    )


def _pictures(values: list[Tensor]) -> Tensor:
    """Pictures (or vectors) of one shape as a batch; bytes channels last in memory, as they come."""
    if len({value.dtype for value in values}) > 1:
        # sets that are mixed may differ: the one's pictures are bytes, the other's have been recoloured
        values = [from_bytes(value) for value in values]
    if values[0].dtype != torch.uint8:
        return torch.stack(values)
    return torch.stack([value.permute(1, 2, 0) for value in values]).permute(0, 3, 1, 2)
