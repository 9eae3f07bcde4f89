"""Plots: each value in its place, names as they are, the same bytes every time."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from scipy import ndimage

from img2img.reports.plots import COLOURS, metric_plot, scatter, worst_to_best


@pytest.fixture
def texts(monkeypatch) -> list[str]:
    """What can be read in plots."""
    written = []
    real = Text.draw

    def draw(self, renderer):
        if self.get_visible() and self.get_text():
            written.append(self.get_text())
        return real(self, renderer)

    monkeypatch.setattr(Text, "draw", draw)
    return written


def marks(sheet: np.ndarray, colour: str, bottom: float = 0.9) -> list[tuple[float, float]]:
    """Middles (x, y) of marks of a colour from left to right, without the legend's, which stand below ``bottom``."""
    near = (np.abs(sheet.astype(int) - 255 * np.array(to_rgb(colour))) < 60).all(2)
    labels, count = ndimage.label(near)
    sizes = ndimage.sum_labels(near, labels, range(1, count + 1))
    middles = ndimage.center_of_mass(near, labels, [number + 1 for number in range(count) if sizes[number] > 12])
    return sorted((x, y) for y, x in middles if y < bottom * len(sheet))


def test_a_plot_has_each_value_in_its_place(texts):
    first, second = [30.0, 10.0, 20.0], [15.0, 25.0, 20.0]
    sheet = metric_plot({"first": first, "second": second}, ["p", "q", "r"], "PSNR (dB)", size=(900, 600))
    assert sheet.shape == (600, 900, 3)
    assert sheet.dtype == np.uint8
    # worst to best by the first: q, r, p
    points = marks(sheet, COLOURS[1])
    assert len(points) == 3
    (x0, y0), (x1, y1), (x2, y2) = points
    assert x1 - x0 == pytest.approx(x2 - x1, abs=1)
    # 25, 20, 15: evenly down
    assert y0 < y1 < y2
    assert y1 - y0 == pytest.approx(y2 - y1, abs=1)
    assert [text for text in texts if text in "pqr"] == ["q", "r", "p"]
    assert "PSNR (dB) of each image (higher is better)" in texts
    assert {"first", "second", "10", "20", "30"} <= set(texts)
    # the ticks are where they say: the line of 20 runs through the middle point
    assert (sheet[round(y1), -40:-20] < 240).all()


def test_a_plot_of_a_measure_whose_small_values_are_good(texts):
    sheet = metric_plot({"a": [1.0, 3.0], "b": [1.0, 3.0]}, ["p", "q"], "MAE", higher_is_better=False)
    assert [text for text in texts if text in "pq"] == ["q", "p"]
    assert "MAE of each image (lower is better)" in texts
    (_, left), (_, right) = marks(sheet, COLOURS[1])
    assert left < right


def test_a_plot_says_what_it_leaves_out(texts):
    values = {"a": [2.0, np.inf, 1.0, np.nan], "b": [np.nan, 1.5, np.nan, 1.2]}
    sheet = metric_plot(values, list("pqrs"), "PSNR")
    assert "a (2 infinite or undefined left out)" in texts
    assert "b (2 infinite or undefined left out)" in texts
    assert [text for text in texts if text in "pqrs"] == ["r", "p", "q", "s"]
    assert len(marks(sheet, COLOURS[1])) == 2
    texts.clear()
    metric_plot(values, list("pqrs"), "MAE", higher_is_better=False)
    assert [text for text in texts if text in "pqrs"] == ["p", "r", "q", "s"]
    texts.clear()
    metric_plot({"a": [np.nan], "b": [np.inf]}, ["p"], "PSNR")
    assert "a (1 infinite or undefined left out)" in texts


def test_a_plot_of_many_images_counts_them(texts):
    values = np.random.default_rng(0).normal(25, 3, 1000).tolist()
    metric_plot({"a": values}, [f"image{number}" for number in range(1000)], "PSNR")
    assert "1000 images, worst to best by a" in texts
    assert not any(text.startswith("image") for text in texts)


@pytest.mark.parametrize("value", [0.0, -3.0, 1e-9, 1e9])
def test_a_plot_of_equal_values(value, texts):
    sheet = metric_plot({"x": [1.0], "a": [value]}, ["p"], "PSNR")
    assert len(marks(sheet, COLOURS[1])) == 1
    metric_plot({"a": [value, value]}, ["p", "q"], "PSNR")


def test_what_a_plot_refuses():
    for values, names in (({}, ["p"]), ({"a": []}, []), ({"a": [1.0]}, ["p", "q"])):
        with pytest.raises(ValueError, match="one value an image"):
            metric_plot(values, names, "PSNR")


def test_images_of_one_value_stand_as_people_count():
    names = ["img10", "img2", "img1", "other", "none10", "none9"]
    assert worst_to_best([1.0, 1.0, 1.0, 0.0, np.nan, np.inf], names, True) == [3, 2, 1, 0, 5, 4]
    assert worst_to_best([1.0, 1.0, 1.0, 0.0, np.nan, -np.inf], names, False) == [2, 1, 0, 3, 5, 4]


def test_names_are_written_as_they_are(texts, recwarn):
    methods = ["_hidden", "$x_1$ & 5 %", "中", "a\udcff"]
    metric_plot({method: [1.0, 2.0] for method in methods}, ["$a$_1", "_b"], "PSNR")
    assert {"_hidden", "$x_1$ & 5 %", "中", "a?", "$a$_1", "_b"} <= set(texts)
    assert [str(warning.message) for warning in recwarn] == []


def test_long_names_keep_what_tells_them_apart(texts):
    metric_plot({"a": [1.0, 2.0]}, [f"a/long/folder/of/pictures/{number}" for number in range(2)], "PSNR")
    shown = [text for text in texts if text.startswith("…")]
    assert [text[-2:] for text in shown] == ["/0", "/1"]
    assert {len(text) for text in shown} == {18}


def test_the_same_values_give_the_same_pixels(tmp_path, monkeypatch):
    sheet = metric_plot({"a": [1.0, 2.0]}, ["p", "q"], "PSNR")
    monkeypatch.setitem(__import__("matplotlib").rcParams, "axes.facecolor", "black")
    assert np.array_equal(metric_plot({"a": [1.0, 2.0]}, ["p", "q"], "PSNR"), sheet)


def test_points_lie_where_they_should(texts):
    generated = np.array([[1.0, 1.0], [-1.0, -1.0], [5.0, 0.0], [np.nan, 0.0]])
    sheet = scatter(generated, np.array([[-1.0, 1.0]]), side=600)
    assert sheet.shape == (600, 600, 3)
    (left, bottom), (right, top) = marks(sheet, COLOURS[1])
    # one unit is as long across as up
    assert right - left == pytest.approx(bottom - top, abs=1)
    grey = sheet[round(top), round(left)]
    assert grey.max() == grey.min()
    assert 100 < grey[0] < 200
    assert (sheet[round(bottom), round(right)] > 200).all()
    assert {"real", "generated (2 beyond the axes)", "x", "y", "−2", "2"} <= set(texts)


def test_matplotlib_is_loaded_by_a_plot_alone():
    code = "import sys, img2img.reports.plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
