"""Curves: smoothed as a plain loop does it, thinned without losing what stands out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.axes import Axes

from img2img.reports.curves import Curve, Panel, curves_of
from img2img.reports.plots import COLOURS, panels_plot


def curve(values: list[float] | np.ndarray) -> Curve:
    return Curve("loss", np.arange(1, len(values) + 1) * 10, np.array(values, float))


def test_a_smoothed_value_is_the_mean_of_the_finite_ones_about_it():
    values = np.random.default_rng(0).normal(size=100)
    values[[7, 8, 50]] = math.nan, math.inf, -math.inf
    made = curve(values)
    assert made.window == 5
    smooth = made.smoothed().values
    for place in range(100):
        near = [value for value in values[max(0, place - 2) : place + 3] if math.isfinite(value)]
        expected = sum(near) / len(near) if math.isfinite(values[place]) else math.nan
        assert smooth[place] == pytest.approx(expected, nan_ok=True)


def test_short_curves_are_not_smoothed():
    assert curve([1.0] * 19).window == 1
    assert np.array_equal(curve([3.0, 1.0, 2.0]).smoothed().values, [3.0, 1.0, 2.0])


def test_thinning_keeps_every_spike_and_leaves_out_what_cannot_be_drawn():
    values = np.zeros(100_000)
    values[[12_345, 77_777]] = 5.0, -9.0
    values[500] = math.nan
    thin = curve(values).thinned(200)
    assert len(thin.values) <= 400
    found = dict(zip(thin.steps.tolist(), thin.values.tolist(), strict=True))
    assert (found[123_460], found[777_780]) == (5.0, -9.0)
    assert list(curve([1.0, math.inf, 2.0]).thinned().steps) == [10, 30]


def test_curves_are_the_numbers_of_a_log():
    log = [
        {"step": 2, "a/b": 1, "text": "x", "flag": True, "lr": {"generator": 0.5}},
        {"step": 4, "a/b": 2.5, "late": 7.0, "lr": {"generator": 0.25}},
    ]
    found = {curve.name: (curve.steps.tolist(), curve.values.tolist()) for curve in curves_of(log)}
    assert found == {"a/b": ([2, 4], [1.0, 2.5]), "late": ([4], [7.0])}
    (rate,) = curves_of(log, "lr")
    assert (rate.name, rate.values.tolist()) == ("generator", [0.5, 0.25])
    assert list(curves_of([])) == []


def test_the_plot_shows_each_panel_and_takes_any_values():
    panels = [
        Panel("falls", [curve(np.geomspace(1, 1e-4, 50))]),
        Panel("none", [curve([math.nan, math.inf])]),
        Panel("one $", [curve([1.0]), curve([2.0])]),
    ]
    pixels = panels_plot(panels)
    assert pixels.shape == (660, 1440, 3)
    # something is drawn within the quarters of the panels, nothing in the fourth
    dark = [[bool((pixels[y : y + 240, x : x + 620] < 128).any()) for x in (10, 800)] for y in (10, 400)]
    assert dark == [[True, True], [True, False]]
    with pytest.raises(ValueError, match="at least one panel"):
        panels_plot([])


def test_the_legend_means_the_thick_lines_and_powers_of_ten_can_be_read(monkeypatch):
    legends, real = [], Axes.legend
    monkeypatch.setattr(Axes, "legend", lambda *words: legends.append(real(*words)) or legends[-1])
    steps, noise = np.arange(1, 401), np.random.default_rng(0).uniform(0.5, 2, 400)
    falling = Curve("minimax", steps, np.geomspace(1, 1e-8, 400) * noise)
    panels_plot([Panel("critic's loss", (falling, Curve("non-saturating", steps, noise)))])
    (legend,) = legends
    assert [entry.get_text() for entry in legend.get_texts()] == ["minimax", "non-saturating"]
    assert [line.get_color() for line in legend.get_lines()] == list(COLOURS[:2])
    assert {line.get_linewidth() for line in legend.get_lines()} == {1.5}
    labels = [label.get_text().replace("\N{MINUS SIGN}", "-") for label in legend.axes.get_yticklabels()]
    assert "1e-08" in labels
    assert all(float(label) > 0 for label in labels if label)
