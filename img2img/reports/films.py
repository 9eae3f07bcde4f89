"""Filmstrips: the density of generated points over the steps of a training, and how the critic sees the plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from img2img.reports.plots import REACH, rendered
from img2img.reports.writing import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Pixels = np.ndarray[Any, Any]
# px of a frame's side, and of the names on the left and the titles above
SIDE, LEFT, HEAD = 240, 60, 60
# squares along each axis in which points are counted
BINS = 100


@dataclass(frozen=True)
class Frame:
    """Points (N, 2) after a step, the critic's logits (P, P) over the plane (first row at y = -2), a line of text."""

    step: int
    points: Pixels
    surface: Pixels | None = None
    text: str = ""


def filmstrip(films: Mapping[str, Sequence[Frame]], centres: Pixels | None = None) -> Pixels:
    """A row of densities for each film, and below it a row of the critic's surface where frames have one.

    Densities are on a logarithmic scale of counts; ``centres`` (K, 2) of modes are circled. A surface is coloured from
    its frame's least to its largest logit, with the line where it is 0. (H, W, 3) uint8.

    Raises:
        ValueError: no frame.
    """
    rows = [(name, film, kind) for name, film in films.items() for kind in _kinds(film)]
    columns = max((len(film) for film in films.values()), default=0)
    if not rows or not columns:
        raise ValueError("at least one frame is needed")

    def draw(figure: Figure) -> None:
        grid = figure.subplots(len(rows), columns, squeeze=False)
        for axes_row, (name, film, kind) in zip(grid, rows, strict=True):
            axes_row[0].set_ylabel(printable(name if kind == "density" else f"{name}, critic"), fontsize=8)
            for axes, frame in zip(axes_row, film, strict=False):
                _bare(axes)
                if kind == "density":
                    axes.set_title(printable(f"step {frame.step}  {frame.text}".rstrip()), fontsize=7, loc="left")
                    _density(axes, frame.points, centres)
                elif frame.surface is not None:
                    _surface(axes, frame.surface)
            for axes in axes_row[len(film) :]:
                axes.set_axis_off()

    return rendered((LEFT + SIDE * columns, HEAD + (SIDE + 20) * len(rows)), draw)


def _kinds(film: Sequence[Frame]) -> list[str]:
    return ["density", "surface"] if any(frame.surface is not None for frame in film) else ["density"]


def _bare(axes: Axes) -> None:
    axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xticks=[], yticks=[], aspect="equal")
    axes.grid(visible=False)


def _density(axes: Axes, points: Pixels, centres: Pixels | None) -> None:
    edges = np.linspace(-REACH, REACH, BINS + 1)
    counts, _, _ = np.histogram2d(points[:, 1], points[:, 0], bins=[edges, edges])
    axes.imshow(np.log1p(counts), origin="lower", extent=(-REACH, REACH, -REACH, REACH), cmap="Blues", vmin=0)
    if centres is not None:
        axes.plot(*centres.T, "o", color="#d55e00", markersize=5, markerfacecolor="none", markeredgewidth=0.6)


def _surface(axes: Axes, surface: Pixels) -> None:
    extent = (-REACH, REACH, -REACH, REACH)
    axes.imshow(surface, origin="lower", extent=extent, cmap="viridis", interpolation="bilinear")
    if surface.min() < 0 < surface.max():
        axes.contour(surface, levels=[0], origin="lower", extent=extent, colors="white", linewidths=0.7)


def chosen(steps: Sequence[int], frames: int) -> list[int]:
    """At most ``frames`` of ``steps`` (rising), the first and the last among them, evenly between."""
    places = np.linspace(0, len(steps) - 1, min(frames, len(steps))).round().astype(int)
    return [steps[place] for place in places]
