"""Decoded pictures kept in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import get_worker_info

from img2img.images import as_rgb8, read
from img2img.images.form import Form
from img2img.images.raster import samples_of

Pixels = np.ndarray[Any, Any]
PLAIN = Form()


def rgb8_of(path: Path) -> Pixels:
    """The picture in a file, (H, W, 3) uint8."""
    return as_rgb8(read(path))


# how a file becomes (H, W, 3) uint8
Reader = Callable[[Path], Pixels]


class Cache:
    """Decoded pictures in memory, the longest unused dropped first, up to ``megabytes``; for use by several threads.

    A worker process starts with an empty one and an equal share of the limit.
    """

    def __init__(self, megabytes: int) -> None:
        self.limit = megabytes * 2**20
        self.bytes = 0
        self.pictures: OrderedDict[Hashable, Pixels] = OrderedDict()
        self.lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Cache], tuple[int]]:
        return Cache, (self.limit // 2**20,)

    def read(self, path: Path, form: Form = PLAIN) -> Pixels:
        """(H, W, C) as ``form`` has it (without one 8-bit RGB), not to be written to.

        Raises:
            UserError: the picture cannot be read, or is of another form.
        """
        if form.plain:
            return self.read_as(path, rgb8_of)
        return self._kept((path, form.dtype, form.channels, form.pages), lambda: samples_of(path, form))

    def read_as(self, path: Path, reader: Reader) -> Pixels:
        """(H, W, 3) uint8 as ``reader`` reads it, not to be written to.

        Raises:
            UserError: the picture cannot be read.
        """
        return self._kept(path if reader is rgb8_of else (path, reader), lambda: reader(path))

    def _kept(self, key: Hashable, read: Callable[[], Pixels]) -> Pixels:
        with self.lock:
            if key in self.pictures:
                self.pictures.move_to_end(key)
                return self.pictures[key]
        pixels = read()
        worker = get_worker_info()
        limit = self.limit // (worker.num_workers if worker else 1)
        with self.lock:
            if pixels.nbytes <= limit and key not in self.pictures:
                self.pictures[key] = pixels
                self.bytes += pixels.nbytes
                while self.bytes > limit:
                    _, old = self.pictures.popitem(last=False)
                    self.bytes -= old.nbytes
        return pixels
