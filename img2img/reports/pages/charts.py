"""Line charts as SVG that stands in a page, each on a linear and on a logarithmic scale, of which one is shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from img2img.reports.curves import Curve, Panel
from img2img.reports.pages.document import escape

WIDTH, HEIGHT = 640, 230
LEFT, RIGHT, TOP, BOTTOM = 60, 12, 8, 24
COLOURS = 8
# ticks of an axis, about
TICKS = 5


def chart(panel: Panel) -> str:
    """A figure: title, the last value of each curve, and the curves, smoothed with the raw ones behind."""
    values = "".join(
        f'<span class="curve"><i class="c{index % COLOURS}"></i>{escape(_said(panel, curve))}</span>'
        for index, curve in enumerate(panel.curves)
    )
    return (
        f'<figure class="chart"><figcaption><b>{escape(panel.title)}</b> {values}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(panel.title)} by step">'
        f"{_scaled(panel, logarithmic=False)}{_scaled(panel, logarithmic=True)}</svg></figure>"
    )


def _said(panel: Panel, curve: Curve) -> str:
    """A curve's name where there are several, its last value, and its best one where one is better."""
    finite = curve.thinned()
    name = f"{curve.name} " if len(panel.curves) > 1 or curve.name != panel.title else ""
    if not len(finite.values):
        return f"{name}nothing finite"
    text = f"{name}last {curve.values[-1]:.4g}"
    if panel.better:
        at = int(finite.values.argmax() if panel.better == "higher" else finite.values.argmin())
        text += f", best {finite.values[at]:.4g} at step {finite.steps[at]} ({panel.better} is better)"
    return text


def _scaled(panel: Panel, *, logarithmic: bool) -> str:
    """Axes and curves on one scale."""
    kind = "log" if logarithmic else "linear"
    raw = [_drawable(curve, logarithmic) for curve in panel.curves]
    smooth = [_drawable(curve.smoothed(), logarithmic) if panel.window(curve) > 1 else None for curve in panel.curves]
    values = np.concatenate([curve.values for curve in raw])
    if not len(values):
        text = "no value above 0, nothing to show on a logarithmic scale" if logarithmic else "no finite value"
        return f'<g class="scale-{kind}"><text x="{WIDTH / 2}" y="{HEIGHT / 2}" class="middle">{text}</text></g>'
    steps = np.concatenate([curve.steps for curve in raw])
    across = _places(float(steps.min()), float(steps.max()), LEFT, WIDTH - RIGHT)
    low, high = _limits(float(values.min()), float(values.max()), logarithmic)
    up = _places(low, high, HEIGHT - BOTTOM, TOP)
    drawn = [_axis_up(low, high, up, logarithmic), _axis_across(float(steps.min()), float(steps.max()), across)]
    for index, (curve, mean) in enumerate(zip(raw, smooth, strict=True)):
        colour = f"c{index % COLOURS}"
        drawn.append(_path(curve, across, up, f"{colour} raw" if mean else colour))
        if mean:
            drawn.append(_path(mean, across, up, colour))
    return f'<g class="scale-{kind}">{"".join(drawn)}</g>'


def _drawable(curve: Curve, logarithmic: bool) -> Curve:
    """What of a curve has a place on a scale: on a logarithmic one the exponents of 10."""
    if logarithmic:
        with np.errstate(divide="ignore", invalid="ignore"):
            curve = Curve(curve.name, curve.steps, np.log10(np.where(curve.values > 0, curve.values, np.nan)))
    return curve.thinned()


def _limits(low: float, high: float, logarithmic: bool) -> tuple[float, float]:
    """Where an axis begins and ends: a little beyond its values."""
    least = 0.05 if logarithmic else 1e-3 * max(abs(low), abs(high), 1e-6)
    room = max(0.04 * (high - low), least)
    return low - room, high + room


def _places(low: float, high: float, first: float, last: float) -> Callable[[float], float]:
    """Where values from ``low`` to ``high`` lie in px."""
    width = high - low or 1.0
    return lambda value: first + (value - low) / width * (last - first)


def round_steps(low: float, high: float, count: int = TICKS) -> list[float]:
    """About ``count`` round numbers from ``low`` to ``high``: 1, 2 or 5 times a power of ten apart."""
    if not high > low:
        return [low]
    rough = (high - low) / count
    power = 10 ** math.floor(math.log10(rough))
    apart = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / apart - 1e-9), math.floor(high / apart + 1e-9)
    return [number * apart for number in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Exponents of round values: powers of ten, with 2 and 5 times them where there are few."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    factors = (1,) if high - low > 3 else (1, 2, 5)
    found = [exponent + math.log10(factor) for exponent in decades for factor in factors]
    inside = [value for value in found if low <= value <= high]
    if len(inside) < 2:
        inside = [math.log10(value) for value in round_steps(10**low, 10**high) if value > 0]
    return inside[:: -(-len(inside) // (TICKS + 3))]


def _axis_up(low: float, high: float, up: Callable[[float], float], logarithmic: bool) -> str:
    parts = []
    for value in _log_ticks(low, high) if logarithmic else round_steps(low, high):
        at = f"{up(value):.1f}"
        label = f"{10**value if logarithmic else value:.4g}"
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>'
            f'<text x="{LEFT - 6}" y="{at}" class="end">{label}</text>'
        )
    return "".join(parts)


def _axis_across(first: float, last: float, across: Callable[[float], float]) -> str:
    ticks: Sequence[float] = [step for step in round_steps(first, last) if step == int(step)] or [first]
    return "".join(f'<text x="{across(step):.1f}" y="{HEIGHT - 6}" class="middle">{step:.0f}</text>' for step in ticks)


def _path(curve: Curve, across: Callable[[float], float], up: Callable[[float], float], kind: str) -> str:
    """A curve as a line; one point alone as a dot."""
    points = [f"{across(x):.1f} {up(y):.1f}" for x, y in zip(curve.steps, curve.values, strict=True)]
    if not points:
        return ""
    # a line of no length has round ends: a dot
    points = points * 2 if len(points) == 1 else points
    return f'<path class="{kind}" d="M{"L".join(points)}"/>'
