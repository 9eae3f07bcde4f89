"""Plots as pixels: a metric of each image by method, points that a generator makes beside real ones, values by step."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from img2img.images import natural
from img2img.reports.curves import Curve, Panel
from img2img.reports.writing import counted, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

Pixels = np.ndarray[Any, Any]
# told apart by people who see colours differently too (Okabe and Ito), with a shape each
COLOURS = ("#0072b2", "#d55e00", "#008c64", "#cc5aa0", "#785f00", "#564bc8", "#5a5a5a")
SHAPES = ("o", "s", "^", "D", "X")
DPI = 150
# of letters, in points
LEGEND_SIZE, NAME_SIZE = 9, 8
STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#8a8a8a",
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "font.family": "DejaVu Sans",
    "grid.color": "#d9d9d9",
    "legend.fontsize": LEGEND_SIZE,
    "legend.frameon": False,
    # a name may hold dollar signs
    "text.parse_math": False,
    "text.usetex": False,
    "xtick.labelsize": NAME_SIZE,
    "ytick.labelsize": 9,
}
# images whose names are written; of more there are ranks
FEW = 40
# more images than this make a cloud, the first method's a line alone
MANY = 200
# letters of an image's name
LONGEST_NAME = 18
# steps between ticks, times a power of ten
ROUND = (1, 2, 5, 10)
# how far the axes of points go
REACH = 2
# from this ratio of the largest value to the smallest on, curves stand on a logarithmic scale
SPAN = 50


def metric_plot(
    values: Mapping[str, Sequence[float]],
    names: Sequence[str],
    title: str,
    higher_is_better: bool = True,
    size: tuple[int, int] = (1440, 690),
) -> Pixels:
    """A metric of each image for several methods, images from worst to best by the first method. (H, W, 3) uint8.

    ``values`` are those of each method in the order of ``names`` (the images, written below where they are few). Images
    of one value stand in the natural order of their names. Values that are infinite or undefined are left out, which
    the plot says; where the first method has none, its images come last. ``size`` is (width, height) in px.

    Raises:
        ValueError: no method, no image, or not one value an image.
    """
    if not values or not names or any(len(series) != len(names) for series in values.values()):
        raise ValueError(
            f"one value an image is needed: {len(names)} images, { ({k: len(v) for k, v in values.items()}) }"
        )
    order = worst_to_best(next(iter(values.values())), names, higher_is_better)

    def draw(figure: Figure) -> None:
        from matplotlib.ticker import MaxNLocator

        axes = figure.add_subplot()
        axes.yaxis.set_major_locator(MaxNLocator(8, steps=ROUND))
        axes.set_title(f"{title} of each image ({'higher' if higher_is_better else 'lower'} is better)", loc="left")
        axes.set_ylabel(title)
        axes.set_xlabel(f"{counted(len(names), 'image')}, worst to best by {printable(next(iter(values)))}")
        axes.grid(axis="x", visible=False)
        labels = {}
        for index, (method, series) in enumerate(values.items()):
            handle, missing = _series(axes, index, np.array(series, float)[order])
            labels[handle] = f"{method} ({missing} infinite or undefined left out)" if missing else method
        _images_below(axes, [names[index] for index in order], size[0])
        _legend(figure, labels)

    return rendered(size, draw)


def worst_to_best(series: Sequence[float], names: Sequence[str], higher_is_better: bool) -> list[int]:
    """Indices of images by their value, equal ones by name, those without a finite value last."""
    sign = 1 if higher_is_better else -1

    def key(index: int) -> tuple[bool, float, Any]:
        finite = math.isfinite(series[index])
        return not finite, sign * series[index] if finite else 0, natural(names[index])

    return sorted(range(len(names)), key=key)


def _series(axes: Axes, index: int, series: Pixels) -> tuple[Any, int]:
    """Draw a method's values, the first's joined by a line; its mark for the legend, and how many cannot be drawn."""
    finite = np.isfinite(series)
    shown = int(finite.sum())
    (handle,) = axes.plot(
        np.flatnonzero(finite) + 1,
        series[finite],
        color=COLOURS[index % len(COLOURS)],
        marker="" if index == 0 and shown > MANY else SHAPES[index % len(SHAPES)],
        markersize=6 if len(series) <= FEW else 4.5 if len(series) <= MANY else 3,
        markeredgewidth=0,
        linestyle="-" if index == 0 else "none",
        linewidth=2 if shown > MANY else 1.5,
        alpha=0.6 if index and shown > MANY else 1,
        # a line would be lost in a cloud, and would hide single marks
        zorder=3 if index == 0 and shown > MANY else 2,
    )
    return handle, len(series) - shown


def _images_below(axes: Axes, names: Sequence[str], width: int) -> None:
    """Names of few images, upright where they are too long to stand side by side; of many the ranks."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlim(0.5, len(names) + 0.5)
    if len(names) > FEW:
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=ROUND))
        return
    texts = [printable(name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}") for name in names]
    upright = max(map(_width, texts)) * NAME_SIZE > 0.85 * width / len(texts)
    axes.set_xticks(range(1, len(texts) + 1), texts, rotation=90 if upright else 0)


def curves_plot(
    curves: Mapping[str, Sequence[tuple[Sequence[float], Sequence[float]]]],
    title: str,
    axis: str,
    size: tuple[int, int] = (1440, 690),
) -> Pixels:
    """Values over training for several methods, a line for each of a method's runs. (H, W, 3) uint8.

    ``curves`` are (places along the ``axis``, values) of each run by method; values that are infinite or undefined
    leave a gap. ``size`` is (width, height) in px.
    """

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.set_title(title, loc="left")
        axes.set_xlabel(axis)
        labels = {}
        for index, (method, runs) in enumerate(curves.items()):
            for places, values in runs:
                finite = [value if math.isfinite(value) else math.nan for value in values]
                (handle,) = axes.plot(
                    places,
                    finite,
                    color=COLOURS[index % len(COLOURS)],
                    marker=SHAPES[index % len(SHAPES)],
                    markersize=4,
                    markeredgewidth=0,
                    linewidth=1.5,
                )
            labels[handle] = method
        _legend(figure, labels)

    return rendered(size, draw)


def scatter(generated: Pixels, real: Pixels, side: int = 720) -> Pixels:
    """Points (N, 2) a generator made over real ones, both axes from -2 to 2. (side, side, 3) uint8."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xlabel="x", ylabel="y", aspect="equal")
        ticks = range(-REACH, REACH + 1)
        axes.set_xticks(ticks)
        axes.set_yticks(ticks)
        labels = {}
        for name, points, colour, shape in (("real", real, "#9a9a9a", "s"), ("generated", generated, COLOURS[1], "o")):
            places = np.asarray(points)[:, :2]
            (handle,) = axes.plot(*places.T, shape, color=colour, markersize=3, markeredgewidth=0)
            beyond = int((~(np.abs(places) <= REACH).all(1)).sum())
            labels[handle] = f"{name} ({beyond} beyond the axes)" if beyond else name
        _legend(figure, labels)

    return rendered((side, side), draw)


def _legend(figure: Figure, labels: Mapping[Any, str]) -> None:
    """Below the axes, in as many columns as fit."""
    texts = [printable(label) for label in labels.values()]

    def fits(columns: int) -> bool:
        widths = [max(map(_width, column)) * LEGEND_SIZE + 0.6 * DPI for column in np.array_split(texts, columns)]
        return sum(widths) <= figure.bbox.width

    columns = next(filter(fits, range(len(texts), 1, -1)), 1)
    legend = figure.legend(list(labels), ["method"] * len(labels), loc="outside lower left", ncols=columns)
    # not given at once: of a label that begins with _ there would be no entry
    for entry, text in zip(legend.get_texts(), texts, strict=True):
        entry.set_text(text)


def _width(text: str) -> float:
    """About how wide a text is, in px for letters of one point."""
    return 0.65 * len(text) * DPI / 72


def rendered(size: tuple[int, int], draw: Callable[[Figure], None]) -> Pixels:
    """What ``draw`` makes of an empty figure of ``size`` (width, height) px: the same bytes on each call."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # the defaults, whatever a matplotlibrc in the current folder says
    with style.context(["default", STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure = Figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI, layout="constrained")
        canvas: Any = FigureCanvasAgg(figure)
        draw(figure)
        canvas.draw()
        return np.array(canvas.buffer_rgba())[..., :3]


def panels_plot(panels: Sequence[Panel], columns: int = 2) -> Pixels:
    """Curves over steps, a small plot each panel: smoothed with the raw ones behind. (H, W, 3) uint8.

    Values that are all above 0 and span more than `SPAN` stand on a logarithmic scale.

    Raises:
        ValueError: no panel.
    """
    if not panels:
        raise ValueError("at least one panel is needed")
    lines = -(-len(panels) // columns)

    def draw(figure: Figure) -> None:
        from matplotlib.ticker import LogFormatter

        for place, panel in enumerate(panels, 1):
            axes = figure.add_subplot(lines, columns, place)
            axes.set_title(printable(panel.title), loc="left")
            axes.set_xlabel("step")
            drawn = [
                _curve(axes, curve, COLOURS[index % len(COLOURS)], smooth=panel.window(curve) > 1)
                for index, curve in enumerate(panel.curves)
            ]
            values = np.concatenate([curve.thinned().values for curve in panel.curves])
            if len(values) and values.min() > 0 and values.max() > SPAN * values.min():
                axes.set_yscale("log")
                # matplotlib's own labels are formulas, which are not read here
                axes.yaxis.set_major_formatter(LogFormatter())
                axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))
            if len(panel.curves) > 1:
                legend = axes.legend(drawn, ["curve"] * len(panel.curves))
                for entry, curve in zip(legend.get_texts(), panel.curves, strict=True):
                    entry.set_text(printable(curve.name))

    return rendered((720 * columns, 330 * lines), draw)


def _curve(axes: Axes, curve: Curve, colour: str, *, smooth: bool) -> Line2D:
    """One curve: its thick line, which is the one that the legend means."""
    raw = curve.thinned()
    thick = curve.smoothed().thinned() if smooth else raw
    marker = "o" if len(raw.values) == 1 else ""
    (line,) = axes.plot(thick.steps, thick.values, color=colour, linewidth=1.5, marker=marker)
    if smooth:
        axes.plot(raw.steps, raw.values, color=colour, linewidth=0.6, alpha=0.3, zorder=1)
    return line
