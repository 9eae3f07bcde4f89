"""What label maps need of inference: their reading, their way into networks and out of them, and their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from img2img.data.labels import LabelMaps, check_files
from img2img.errors import UserError
from img2img.images import Picture, Pixels, size
from img2img.images.form import Form
from img2img.images.raster import read_any


def read_source(path: Path, max_pixels: int, labels: LabelMaps | None, *, pages: bool = False) -> Picture:
    """A picture as weights take it: a label map in its classes' colours, where their sources are such.

    With ``pages`` those of a TIFF are channels.

    Raises:
        UserError: unreadable, too large, or no label map of these classes.
    """
    if labels is None or labels.side != "source":
        return read_any(path, max_pixels, pages=pages)
    width, height = size(path)
    if width * height > max_pixels:
        raise UserError(f"{path}: {width}x{height} px are more than {max_pixels} pixels")
    return labels.read(path)


def to_network(pixels: Pixels, form: Form, labels: LabelMaps | None) -> Tensor:
    """(H, W, C) of a form as (1, C, H, W) in [-1, 1], or a label map as (1, classes, H, W) of 0 and 1.

    Raises:
        UserError: a colour or number that is no class's.
    """
    if labels is None or labels.side != "source":
        return form.to_tensor(pixels)[None]
    return labels.one_hot(pixels)[None]


def from_network(values: Tensor, form: Form, labels: LabelMaps | None) -> Pixels:
    """(1, C, H, W) in [-1, 1] as (H, W, C) of a form; where it is a label map, in the nearest classes' colours."""
    pixels = form.to_pixels(values[0])
    return labels.snapped(pixels) if labels is not None and labels.side == "target" else pixels


def as_label_result(result: Picture, labels: LabelMaps | None) -> Picture:
    """A result of weights of label maps without what says nothing of it; as a label map with its classes' palette."""
    if labels is None:
        return result
    if labels.side == "source":
        return replace(result, palette=(), format="PNG")
    return replace(result, palette=labels.palette, alpha=None, icc=None, format="PNG", lossless=True)


def format_of_results(labels: LabelMaps | None, suffix: str | None, file: Path | None) -> str | None:
    """The ending that results get: label maps are PNG, which keeps each pixel's class.

    Raises:
        UserError: another is asked for, by ``suffix`` (--format) or the ``file`` to write.
    """
    if labels is None or labels.side != "target":
        return suffix
    asked = file.suffix.lower() if file is not None else suffix
    if asked not in (None, ".png"):
        flag = f"--output {file}" if file is not None else f"--format {str(asked)[1:]}"
        raise UserError(f"{flag}: these weights make label maps, which are written as palette PNG; use png")
    return ".png" if file is None else suffix


def check_sources(labels: LabelMaps | None, files: Sequence[Path]) -> None:
    """Refuse sources that are no label maps of the weights' classes, before anything is written.

    Raises:
        UserError: naming the first such file and the weights' classes.
    """
    if labels is None or labels.side != "source":
        return
    try:
        check_files(labels, files)
    except UserError as error:
        raise UserError(f"{error} (these weights take label maps of {len(labels.palette)} classes)") from error
