"""The page of a training, in a real browser: its curves lie where their values are, its switches and slider work."""

from __future__ import annotations

import io
import math
import re

import numpy as np
import pytest
from PIL import Image

from img2img.reports.curves import Curve, Panel
from img2img.reports.pages.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, chart, round_steps
from img2img.reports.pages.training import TrainingPage, write_page

RED, GREEN, BLUE = (220, 0, 0), (0, 160, 0), (0, 0, 220)
HOSTILE = "</script><img src=x onerror=window.hacked=1>\"'&"


def curve(name: str, values: list[float]) -> Curve:
    return Curve(name, np.arange(len(values)) * 10, np.array(values, float))


def jpeg(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_page(
        path,
        TrainingPage(
            title=HOSTILE,
            state=f"running: {HOSTILE}",
            facts={"time left": "3 min", HOSTILE: HOSTILE},
            measures=[Panel("validation psnr", [curve("psnr", [20, 24, 22])], "higher")],
            losses=[
                Panel("generator/l1", [curve("generator/l1", list(np.geomspace(1, 0.01, 40)))]),
                Panel(HOSTILE, [curve(HOSTILE, [-1, -2])]),
            ],
            sheets={10: jpeg(RED), 20: jpeg(GREEN), 30: jpeg(BLUE)},
            left_out=4,
            pairs=jpeg(RED),
            notes=[HOSTILE],
            texts={"Configuration": f"a: {HOSTILE}"},
        ),
    )
    return path


def test_names_are_text_and_nothing_is_asked_for(browser, page):
    browser.open(page)
    assert browser.text("h1") == HOSTILE
    assert browser.text("li") == HOSTILE
    assert browser.each("dd")[-1] == HOSTILE
    assert browser.js("window.hacked") is None
    assert browser.complaints() == []
    assert all(url.startswith(("file:", "data:")) for url in browser.requests())
    policy = browser.each("meta[http-equiv]", "node.content")[0]
    assert policy.startswith("default-src 'none'; ")


def test_the_slider_goes_through_the_steps(browser, page):
    browser.open(page)
    shown = lambda: browser.each("#sheets img:not([hidden])", "node.alt")  # noqa: E731
    assert (shown(), browser.text("#step")) == (["step 30"], "step 30")
    for value, colour in (("0", RED), ("1", GREEN), ("2", BLUE)):
        browser.choose("#at", value)
        assert shown() == [f"step {10 * (int(value) + 1)}"] == [browser.text("#step")]
        (seen,) = browser.colours("#sheets img:not([hidden])", (0.5, 0.5))
        assert np.abs(np.subtract(seen, colour)).max() < 12
    browser.js("document.getElementById('at').focus()")
    browser.key("ArrowLeft")
    assert shown() == ["step 20"]
    assert "4 further sheets" in browser.said()


def visible(browser) -> set[str]:
    """The scales that are shown."""
    return set(browser.each("svg > g", "node.getClientRects().length ? node.className.baseVal : ''")) - {""}


def test_scales_and_raw_lines_are_switched(browser, page):
    browser.open(page)
    assert visible(browser) == {"scale-linear"}
    browser.click("#log")
    assert visible(browser) == {"scale-log"}
    assert "no value above 0" in browser.text("figure:nth-child(3) .scale-log")
    browser.click("#log")
    assert visible(browser) == {"scale-linear"}
    raw = lambda: set(browser.each("path.raw", "getComputedStyle(node).display"))  # noqa: E731
    assert raw() == {"inline"}
    browser.click("#smooth")
    assert raw() == {"none"}


def test_it_fits_a_narrow_window(browser, page):
    browser.call("Emulation.setDeviceMetricsOverride", width=360, height=700, deviceScaleFactor=1, mobile=False)
    try:
        browser.open(page)
        assert browser.js("document.documentElement.scrollWidth") <= 360
    finally:
        browser.call("Emulation.clearDeviceMetricsOverride")


def paths(svg: str, scale: str, kind: str) -> list[tuple[float, float]]:
    """The points of the first line of a class on a scale."""
    group = re.search(rf'<g class="scale-{scale}">(.*?)</g>', svg)[1]
    data = re.search(rf'<path class="{kind}" d="M(.*?)"', group)[1]
    return [tuple(map(float, point.split())) for point in data.split("L")]


def test_lines_lie_where_their_values_are():
    svg = chart(Panel("loss", [curve("loss", [1.0, 100.0, math.nan, 10.0])]))
    right, floor, roof = WIDTH - RIGHT, HEIGHT - BOTTOM, TOP
    linear = paths(svg, "linear", "c0")
    # steps 0, 10 and 30; the axis goes from 1 - 0.04 * 99 to 100 + 0.04 * 99
    across = [LEFT, LEFT + (right - LEFT) / 3, right]
    up = [floor + (value - (1 - 3.96)) / (99 * 1.08) * (roof - floor) for value in (1, 100, 10)]
    assert linear == [pytest.approx(point, abs=0.06) for point in zip(across, up, strict=True)]
    # exponents 0, 2 and 1: the last value lies half way
    log = [y for _, y in paths(svg, "log", "c0")]
    assert log[2] == pytest.approx((log[0] + log[1]) / 2, abs=0.1)
    assert "last 10" in svg


def test_the_best_value_is_said():
    assert "last 22, best 24 at step 10 (higher is better)" in chart(Panel("m", [curve("m", [20, 24, 22])], "higher"))
    assert "best 20 at step 0 (lower is better)" in chart(Panel("m", [curve("m", [20, 24, 22])], "lower"))


ODD = [[], [math.nan], [math.inf, -math.inf], [0.0], [1e-30, 1e30], [5.0] * 30, [-3.0, 0.0]]


@pytest.mark.parametrize("values", ODD, ids=str)
def test_any_values_can_be_drawn(values):
    svg = chart(Panel("loss", [curve("loss", values)]))
    assert not re.search(r"\b(nan|inf)\b", re.sub(r"<figcaption>.*?</figcaption>", "", svg))


TICKS = [
    (0, 100, [0, 20, 40, 60, 80, 100]),
    (0.13, 0.49, [0.2, 0.3, 0.4]),
    (-7, 3, [-6, -4, -2, 0, 2]),
    (4, 4, [4]),
]


@pytest.mark.parametrize(("low", "high", "ticks"), TICKS)
def test_ticks_are_round(low, high, ticks):
    assert round_steps(low, high) == pytest.approx(ticks)
