"""Quality against speed as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from img2img.reports.plots import COLOURS, SHAPES, Pixels, rendered
from img2img.reports.writing import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Candidate:
    """One method: its megapixels a second by precision, and a mean with the interval it lies in."""

    name: str
    speeds: dict[str, float]
    mean: float
    low: float
    high: float


def tradeoff_plot(
    candidates: Sequence[Candidate],
    measure: str,
    untouched: float | None = None,
    size: tuple[int, int] = (1440, 780),
) -> Pixels:
    """Candidates by speed (logarithmic) and quality, a mark each precision, joined. (H, W, 3) uint8.

    ``untouched`` is the measure of the pictures as they were given, a dashed line. ``size`` is (width, height) in px.

    Raises:
        ValueError: no candidate, or one without a speed.
    """
    if not candidates or not all(candidate.speeds for candidate in candidates):
        raise ValueError("at least one candidate with a speed is needed")
    precisions = list(dict.fromkeys(name for candidate in candidates for name in candidate.speeds))

    def draw(figure: Figure) -> None:
        from matplotlib.ticker import FuncFormatter, LogLocator

        axes = figure.add_subplot()
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))
        axes.set_xlabel("megapixels a second")
        axes.set_ylabel(measure)
        for index, candidate in enumerate(candidates):
            colour = COLOURS[index % len(COLOURS)]
            places = list(candidate.speeds.values())
            axes.plot(places, [candidate.mean] * len(places), color=colour, linewidth=1)
            error = [[candidate.mean - candidate.low], [candidate.high - candidate.mean]]
            for precision, speed in candidate.speeds.items():
                shape = SHAPES[precisions.index(precision) % len(SHAPES)]
                axes.errorbar(speed, candidate.mean, error, fmt=shape, color=colour, markersize=7, elinewidth=0.8)
            axes.annotate(
                printable(candidate.name),
                (max(places), candidate.mean),
                (8, 4),
                textcoords="offset points",
                color=colour,
                fontsize=9,
            )
        if untouched is not None:
            axes.axhline(untouched, color="#5a5a5a", linestyle="--", linewidth=1, label="input (untouched)")
        for precision, shape in zip(precisions, SHAPES, strict=False):
            axes.plot([], [], shape, color="#5a5a5a", label=precision)
        figure.legend(loc="outside lower left", ncols=len(precisions) + 1)
        axes.margins(x=0.15)

    return rendered(size, draw)
