"""Uploaded pictures, through a translator: one at a time, within limits, and nothing of them stays."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from img2img.demo.models import DemoModel
from img2img.errors import RunError, UserError
from img2img.images import encode, read
from img2img.inference import Translator, load

DESCRIPTORS = Path("/proc/self/fd")


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

    def translate(self, model: str, file: BinaryIO, waiting: Callable[[], bool]) -> tuple[bytes, tuple[str, ...]]:
        """The result of the picture in ``file`` as a PNG of the same size and depth, and what there is to say of it.

        ``waiting`` tells between tiles whether anybody still wants the result.

        Raises:
            BusyError: another one is being translated.
            GoneError: nobody waits for the result.
            UserError: not a picture that can be read, or more pixels than allowed.
            RunError: it took longer than allowed, or the network gave values that are no numbers.
        """
        if not self.turn.acquire(timeout=self.limits.turn_s):
            raise BusyError("another picture is being translated: try again when it is done")
        try:
            with _named(file) as path:
                try:
                    picture = read(path, self.limits.pixels)
                except UserError as error:
                    raise UserError(str(error).replace(f"{path}", "this file")) from error
            translator = self._translator(model)
            translator.on_tile = self._watched(waiting)
            (result,) = translator.pictures([picture])
            data, lost = encode(replace(result, format="PNG"), "PNG")
            return data, (*result.notes, *lost)
        finally:
            self.turn.release()

    def _translator(self, name: str) -> Translator:
        if name not in self.translators:
            self.translators[name] = load(self.models[name].weights, device=self.device, precision="auto")
        return self.translators[name]

    def _watched(self, waiting: Callable[[], bool]) -> Callable[[int, int], None]:
        until = time.monotonic() + self.limits.translate_s

        def on_tile(done: int, total: int) -> None:
            if not waiting():
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
            yield named  # type: ignore[misc]


@contextmanager
def _named(file: BinaryIO) -> Iterator[Path]:
    """A path that opens ``file``, for readers of paths."""
    file.flush()
    yield DESCRIPTORS / str(file.fileno()) if DESCRIPTORS.is_dir() else Path(os.fsdecode(file.name))
