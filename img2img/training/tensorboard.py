"""TensorBoard's event files, where ``train.tensorboard`` asks for them: an extra that need not be installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol, cast

from img2img.errors import UserError
from img2img.images import Pixels, as_rgb8, read


class EventWriter(Protocol):
    """Where curves and samples go besides the logs."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """One value of a curve."""
        ...

    def add_image(self, tag: str, img_tensor: Pixels, global_step: int, *, dataformats: str) -> None:
        """One picture, whose axes ``dataformats`` names."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


def check_tensorboard() -> None:
    """Refuse what needs TensorBoard where it is missing.

    Raises:
        UserError: with what to install.
    """
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        raise UserError("train.tensorboard=true needs the extra: pip install 'img2img[tensorboard]'") from error


@contextmanager
def event_writer(folder: Path | None) -> Iterator[EventWriter | None]:
    """Within, a writer of event files into ``folder``; None without one."""
    if folder is None:
        yield None
        return
    from torch.utils.tensorboard import SummaryWriter

    with closing(cast(EventWriter, SummaryWriter(str(folder)))) as writer:
        yield writer


def add_sheet(writer: EventWriter, sheet: Path, step: int) -> None:
    """Show the sample sheet of a step, where there is one."""
    if sheet.is_file():
        writer.add_image("samples", as_rgb8(read(sheet)), step, dataformats="HWC")
