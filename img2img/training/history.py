"""What a run's networks made while they were trained, look after look: the frames of a film."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from img2img.config import read_yaml
from img2img.data.modes import mixture_modes
from img2img.errors import UserError
from img2img.images import as_rgb8, read
from img2img.metrics.sets import modes
from img2img.reports.films import Frame, chosen, filmstrip
from img2img.training.points import Points, kept_steps, read_points
from img2img.training.run_folder import Run

Pixels = np.ndarray[Any, Any]
# frames of a film at most, and pictures in a row of a frame
MOST, COLUMNS = 100, 4


def history(folder: Path, frames: int = MOST) -> list[tuple[str, Pixels]]:
    """(caption, (H, W, 3) uint8) of at most ``frames`` looks of a run, the first and the last among them.

    Of a generator from noise: what it made of the same z (points of the plane as densities, with the critic's surface
    where it was kept; other vectors have no picture). Of any other its sheets of results.

    Raises:
        UserError: nothing was kept to be looked at, or a file is damaged.
    """
    kept, sheets = kept_steps(folder), Run(folder).sample_sheets()
    if kept:
        return [(f"step {step}", _look(folder, step, kept[step])) for step in chosen(list(kept), frames)]
    if sheets:
        return [(f"step {step}", as_rgb8(read(sheets[step]))) for step in chosen(list(sheets), frames)]
    raise UserError(f"{folder}: kept no samples to look at; train with train.samples above 0")


def mosaic(pictures: Pixels, columns: int = COLUMNS) -> Pixels:
    """(N, H, W, 1 or 3) uint8 in rows of ``columns``, places without a picture black: (H', W', 3) uint8."""
    shown = np.repeat(pictures, 3, 3) if pictures.shape[3] == 1 else pictures
    blanks = -len(shown) % columns
    padded = np.concatenate([shown, np.zeros_like(shown[:1]).repeat(blanks, 0)])
    height, width = padded.shape[1:3]
    rows = padded.reshape(-1, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    return rows.reshape(-1, columns * width, 3)


def _look(folder: Path, step: int, path: Path) -> Pixels:
    """A look's frame.

    Raises:
        UserError: the file is damaged, or holds vectors that are no points of a plane.
    """
    try:
        made, surface = read_points(path)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from error
    if made.ndim == 4:
        return mosaic(made)
    if made.shape[1:] != (2,):
        raise UserError(f"{folder}: made vectors of {made.shape[1]} numbers, which have no picture")
    return _density(folder, step, made, surface)


def _density(folder: Path, step: int, made: Points, surface: Points | None) -> Pixels:
    """Points of the plane as a density, with the modes of the run's mixture and how many of them were hit."""
    data = read_yaml(folder / "config.yaml").get("data", {})
    known = mixture_modes(data["mixture"]) if data.get("layout") == "mixture" and not data.get("path") else None
    if known is None:
        return filmstrip({"density": [Frame(step, made, surface)]})
    covered, share = modes(torch.from_numpy(made), *known)
    frame = Frame(step, made, surface, f"{covered}/{len(known[0])} modes, {share:.0%} HQ")
    return filmstrip({"density": [frame]}, known[0].numpy())
