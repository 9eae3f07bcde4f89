"""Uploaded pictures, masks and noise, through a translator: one at a time, within limits, and nothing of them stays."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from img2img.demo.models import DemoModel
from img2img.errors import RunError, UserError
from img2img.images import Picture, encode, read
from img2img.inference import Translator, load, sample_levels

DESCRIPTORS = Path("/proc/self/fd")
# uploads that have a name
NAMED: set[str] = set()
# how long an end waits for what runs
END_S = 1.0
# z that are taken together, and how far from 0 their numbers may be
MOST_SAMPLES, LARGEST_Z = 64, 100.0


@dataclass(frozen=True)
class Limits:
    """What an upload may have: bytes, pixels, and seconds to arrive in, to wait for its turn, to be translated in."""

    upload_bytes: int = 64 * 2**20
    pixels: int = 50_000_000
    upload_s: float = 60.0
    turn_s: float = 5.0
    translate_s: float = 600.0


class BusyError(UserError):
    """Another upload is being translated."""


class GoneError(UserError):
    """Whoever uploaded does not wait for the result any more."""


class Uploads:
    """Translates uploads, one at a time.

    Args:
        models: those that may be asked for, by name.
        device: as `img2img.load` takes it.
    """

    def __init__(self, models: Sequence[DemoModel], limits: Limits, device: str = "auto") -> None:
        self.models = {model.name: model for model in models}
        self.limits = limits
        self.device = device
        self.turn = threading.Lock()
        self.translators: dict[str, Translator] = {}
        self.ending = False

    def end(self) -> bool:
        """Begin nothing more, end what runs after its tile, and remove what was uploaded.

        Returns:
            whether nothing runs any more. What does is within torch, which cannot be interrupted, and aborts a process
            whose interpreter ends before it: such a process has to be left by ``os._exit``.
        """
        self.ending = True
        ended = self.turn.acquire(timeout=END_S)
        for path in list(NAMED):
            with suppress(OSError):
                os.unlink(path)
        return ended

    def translate(
        self, model: str, file: BinaryIO, waiting: Callable[[], bool], mask: BinaryIO | None = None
    ) -> tuple[bytes, tuple[str, ...]]:
        """The result of the picture in ``file`` as a PNG of the same size and depth, and what there is to say of it.

        ``mask`` is a picture too, white inside the hole. ``waiting`` tells between tiles whether anybody still wants
        the result.

        Raises:
            BusyError: another one is being translated.
            GoneError: nobody waits for the result.
            UserError: not a picture that can be read, or more pixels than allowed; a mask that is missing, not wanted
                or of another size.
            RunError: it took longer than allowed, or the network gave values that are no numbers.
        """
        with self._turn():
            picture = self._read(file, "this file")
            hole = None if mask is None else self._read(mask, "the mask")
            translator = self._translator(model)
            translator.on_tile = self._watched(waiting)
            (result,) = translator.pictures([picture], [hole])
            data, lost = encode(replace(result, format="PNG"), "PNG")
            return data, (*result.notes, *lost)

    def samples(self, model: str, numbers: bytes, label: int | None) -> bytes:
        """The pictures of some z, one below the other, as a PNG.

        Args:
            numbers: z after z, float32 with the lowest byte first.
            label: of the class that they are of, where the model has classes.

        Raises:
            BusyError: something is being translated.
            UserError: weights that start from pictures; no whole number of z, or too many; numbers that none has.
        """
        facts = self.models[model].facts
        if facts["mode"] != "noise":
            raise UserError("this model makes pictures from pictures, not from noise")
        count, rest = divmod(len(numbers), 4 * facts["latent"])
        if rest or not 1 <= count <= MOST_SAMPLES:
            raise UserError(f"z of {facts['latent']} float32 numbers are needed, 1 to {MOST_SAMPLES} of them")
        z = torch.from_numpy(np.frombuffer(numbers, "<f4").astype(np.float32).reshape(count, -1))
        if not bool((z.abs() <= LARGEST_Z).all()):
            raise UserError(f"z has numbers of at most {LARGEST_Z:.0f}")
        with self._turn():
            translator = self._translator(model)
            made = [sample_levels(translator, translator.samples(z=row[None], label=label)) for row in z]
            data, _ = encode(Picture(np.concatenate(made)), "PNG")
            return data

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One at a time."""
        if not self.turn.acquire(timeout=self.limits.turn_s):
            raise BusyError("another picture is being translated: try again when it is done")
        try:
            yield
        finally:
            self.turn.release()

    def _read(self, file: BinaryIO, name: str) -> Picture:
        with _named(file) as path:
            try:
                return read(path, self.limits.pixels)
            except UserError as error:
                raise UserError(str(error).replace(f"{path}", name)) from error

    def _translator(self, name: str) -> Translator:
        if name not in self.translators:
            self.translators[name] = load(self.models[name].weights, device=self.device, precision="auto")
        return self.translators[name]

    def _watched(self, waiting: Callable[[], bool]) -> Callable[[int, int], None]:
        until = time.monotonic() + self.limits.translate_s

        def on_tile(done: int, total: int) -> None:
            if self.ending or not waiting():
                raise GoneError("nobody waits for this picture any more")
            if done < total and time.monotonic() > until:
                raise RunError(
                    f"{done} of {total} tiles took the {self.limits.translate_s:.0f} s that are allowed: "
                    f"take a smaller picture, or a faster model"
                )

        return on_tile


@contextmanager
def upload_file() -> Iterator[BinaryIO]:
    """A temporary file for an upload; where the system allows it has no name, so that nothing is left if we are killed.

    What it holds goes away with it, at the latest when the process ends.
    """
    if DESCRIPTORS.is_dir():
        with tempfile.TemporaryFile(prefix="img2img-demo-") as unnamed:
            yield unnamed
    else:
        with tempfile.NamedTemporaryFile(prefix="img2img-demo-") as named:
            NAMED.add(named.name)
            try:
                yield named  # type: ignore[misc]
            finally:
                NAMED.discard(named.name)


@contextmanager
def _named(file: BinaryIO) -> Iterator[Path]:
    """A path that opens ``file``, for readers of paths."""
    file.flush()
    yield DESCRIPTORS / str(file.fileno()) if DESCRIPTORS.is_dir() else Path(os.fsdecode(file.name))
