"""The page of an evaluation, in a real browser: what a person can see and do there."""

from __future__ import annotations

import base64
import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from browser import Browser
from PIL import Image

from img2img.errors import UserError
from img2img.metrics import METRICS, Metric
from img2img.reports.pages.evaluation import Page, Shot, with_pictures, write_page

RED, GREEN, BLUE, GREY = (220, 0, 0), (0, 160, 0), (0, 0, 220), (90, 90, 90)
PSNR = {"psnr": METRICS["psnr"]}
MAE = {"mae": replace(METRICS["mae"], digits=1)}
BASE = "input (untouched)"
HOSTILE = "</script><img src=x onerror=window.hacked=1>\"'&.png"


def flat(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (24, 16)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def noise(path: Path, size: tuple[int, int], seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Five images, two methods, two metrics; red sources, blue targets, grey and green results."""
    folder = tmp_path_factory.mktemp("small")
    files = {name: flat(folder / f"{name}.png", colour) for name, colour in
             (("source", RED), ("target", BLUE), ("old", GREY), ("new", GREEN))}  # fmt: skip
    #        name     psnr: base, old, new       mae: base, old, new
    figures = {
        "a10": ((20.0, 24.0, 21.0), (9.0, 3.0, 6.0)),
        "a2": ((20.0, 22.0, 30.0), (9.0, 4.0, 2.0)),
        HOSTILE: ((20.0, 21.0, 18.5), (9.0, 5.0, 11.5)),
        "same": ((20.0, 26.0, math.inf), (9.0, 1.0, 0.0)),
        "Tiny": ((20.0, 25.0, math.nan), (9.0, 2.0, 4.0)),
    }
    shots = [
        Shot(
            name=name,
            source=files["source"],
            target=files["target"],
            results={"old": files["old"], "new": files["new"]},
            values={row: {"psnr": psnr[i], "mae": mae[i]} for i, row in enumerate((BASE, "old", "new"))},
            reasons={"new": {"psnr": "smaller than <the> window"}} if name == "Tiny" else {},
        )
        for name, (psnr, mae) in figures.items()
    ]
    page = Page(
        title="Rain & </title><script>window.hacked=2</script>",
        protocol="rgb <8 bit>",
        methods=["old", "new"],
        metrics={**PSNR, **MAE},
        shots=shots,
        base=BASE,
        head=["method", "PSNR <dB>"],
        rows=[["old", "23.60 [22, 25]"], ["new", "23.17 & more"]],
        best=frozenset({(0, 1)}),
        notes=["a note </p><script>window.hacked=3</script>"],
        card={"line": "data set </script><script>window.hacked=4</script>", "seconds": 2},
    )
    write_page(folder / "page.html", page)
    return folder / "page.html", page


STAGE, HANDLE = ".card .stage", ".card .handle"


def cut(browser: Browser) -> tuple[float, str]:
    """Where the first card's slider stands: as its picture is cut, and as a screen reader is told."""
    clip = browser.each(".card .layer.left", "getComputedStyle(node).clipPath")[0]
    told = browser.each(".card .handle", "node.ariaValueNow")[0]
    return 100 - float(re.fullmatch(r"inset\(0px (\S+)% 0px 0px\)|inset\(0px\)", clip)[1] or 0), told


def test_it_opens_from_disk_without_network_or_complaints(browser, small):
    path, page = small
    browser.open(path)
    assert browser.js("document.title") == page.title
    assert len(browser.names()) == 5
    assert browser.requests() == [path.as_uri(), *[u for u in browser.requests() if u.startswith("data:")]]
    assert browser.complaints() == []
    # nor would anything be fetched later: no address stands in it
    assert re.findall(r"https?:|@import|url\(", path.read_text()) == []


def test_what_it_says_on_top(browser, small):
    path, page = small
    browser.open(path)
    said = browser.said()
    for words in (page.protocol, page.card["line"], "23.17 & more", page.notes[0], "All 5 images are shown."):
        assert words in said
    assert "Pictures are stored without loss." in said
    assert browser.text("table b") == "23.60 [22, 25]"
    assert json.loads(browser.text("details pre")) == page.card


def test_names_are_text(browser, small):
    path, _ = small
    # the policy would stop such scripts too; here the escaping alone has to
    browser.call("Page.setBypassCSP", enabled=True)
    try:
        browser.open(path)
        browser.pause()
        assert browser.js("window.hacked") is None
        assert browser.each("img[src=x]") == []
        assert browser.js("document.scripts.length") == 2
        assert HOSTILE in browser.names()
        assert f"{HOSTILE}: source" in browser.each("img", "node.alt")
        # and the check can fail: such a script does run here
        browser.js("(name) => document.body.insertAdjacentHTML('beforeend', name)", HOSTILE)
        browser.pause()
        assert browser.js("window.hacked") == 1
    finally:
        browser.call("Page.setBypassCSP", enabled=False)


def test_the_policy_runs_no_other_script(browser, small):
    browser.open(small[0])
    browser.js("(name) => document.body.insertAdjacentHTML('beforeend', name)", HOSTILE)
    browser.pause()
    assert browser.js("window.hacked") is None


def test_worst_come_first_in_each_metrics_own_direction(browser, small):
    browser.open(small[0])
    # by the last method and the first metric; what is undefined stands last, infinite is best
    assert browser.names() == [HOSTILE, "a10", "a2", "same", "Tiny"]
    browser.choose("#order", "best")
    assert browser.names() == ["same", "a2", "a10", HOSTILE, "Tiny"]
    browser.choose("#sort", "mae")
    assert browser.names() == ["same", "a2", "Tiny", "a10", HOSTILE]
    browser.choose("#order", "worst")
    assert browser.names() == [HOSTILE, "a10", "Tiny", "a2", "same"]
    assert [line[0] for line in browser.lines()] == browser.names()
    assert "high to low" in browser.text("#order option:checked")
    browser.choose("#method", "old")
    assert browser.names() == [HOSTILE, "a2", "a10", "Tiny", "same"]
    browser.choose("#sort", "name")
    assert browser.names() == [HOSTILE, "a2", "a10", "same", "Tiny"]


def test_images_of_one_value_stand_as_people_count(browser, small):
    browser.open(small[0], f"#method={quote(BASE)}")
    # the untouched input has the same figures for all
    counted = [HOSTILE, "a2", "a10", "same", "Tiny"]
    assert browser.names() == counted
    browser.choose("#order", "best")
    assert browser.names() == counted


def test_a_view_can_be_linked(browser, small):
    path, _ = small
    browser.open(path, "#sort=mae&method=old&order=best&before=%3Atarget&find=a")
    assert browser.names() == ["same", "a10", "a2", HOSTILE]
    controls = ["method", "sort", "order", "before", "after", "find"]
    values = browser.js("(...all) => all.map((one) => document.getElementById(one).value)", *controls)
    assert values == ["old", "mae", "best", ":target", "old", "a"]
    browser.choose("#sort", "psnr")
    browser.choose("#find", "")
    assert browser.js("location.hash") == "#sort=psnr&method=old&order=best&before=%3Atarget"
    # what does not exist falls back
    browser.open(path, "#sort=nothing&method=nobody&order=sideways&after=x")
    assert browser.names() == [HOSTILE, "a10", "a2", "same", "Tiny"]
    assert browser.complaints() == []
    browser.js(
        "new Promise((done) => { addEventListener('hashchange', done); location.hash = '#sort=name&order=best'; })"
    )
    assert browser.names() == ["Tiny", "same", "a10", "a2", HOSTILE]


def test_heads_of_the_table_sort(browser, small):
    browser.open(small[0])
    browser.click("#all th:nth-child(3) button")
    assert browser.names()[0] == HOSTILE
    assert browser.each("#all thead th", "node.ariaSort") == [None, None, "descending"]
    browser.click("#all th:nth-child(3) button")
    assert browser.names()[0] == "same"
    assert browser.each("#all thead th", "node.ariaSort") == [None, None, "ascending"]


def test_figures_stand_under_each_picture(browser, small):
    browser.open(small[0])
    lines = {line[0]: line[1:] for line in browser.lines()}
    assert lines["a10"] == ["21.00 +1.00", "6.0 −3.0"]
    assert lines["same"] == ["∞ +∞", "0.0 −9.0"]
    assert lines["Tiny"][0].split("\n") == ["undefined", "smaller than <the> window"]
    card = browser.each(".card tbody", "node.innerText")[0]
    assert "18.50 −1.50" in card
    assert "21.00 +1.00" in card
    assert browser.each(".card .chosen th") == ["new"] * 5
    # a fall of MAE is good, of PSNR bad
    shown = browser.each(".card .chosen .change", "[node.textContent, node.className.split(' ').pop()]")
    assert shown[:4] == [["−1.50", "bad"], ["+2.5", "bad"], ["+1.00", "good"], ["−3.0", "good"]]


def test_of_many_figures_the_sorted_one_comes_first_under_a_picture(browser, tmp_path):
    metrics = {name: replace(METRICS["ssim"], title=name.upper(), digits=1) for name in "abc"}
    target = flat(tmp_path / "target.png", BLUE)
    values = {row: {name: shift + place for place, name in enumerate("abc")} for row, shift in ((BASE, 0), ("new", 5))}
    shot = Shot(name="one", target=target, source=target, results={"new": target}, values=values)
    page = Page(title="t", protocol="p", methods=["new"], metrics=metrics, shots=[shot], base=BASE)
    write_page(tmp_path / "page.html", page)
    browser.open(tmp_path / "page.html", "#sort=b")
    cells = browser.each(".card tr", "[...node.cells].map((cell) => cell.innerText)")
    assert cells == [
        ["method", "B\u00a0↑", "A\u00a0↑", "C\u00a0↑"],
        [BASE, "1.0", "0.0", "2.0"],
        ["new", "6.0 +5.0", "5.0", "7.0"],
    ]
    assert browser.lines() == [["one", "5.0 +5.0", "6.0 +5.0", "7.0 +5.0"]]


def test_the_slider_follows_the_mouse(browser, small):
    browser.open(small[0])
    points = [(x, 0.8) for x in (0.1, 0.4, 0.6, 0.9)]
    assert cut(browser) == (50, "50")
    assert browser.colours(STAGE, *points) == [RED, RED, GREEN, GREEN]
    browser.drag(HANDLE, (0.5, 0.2), (-4, 0.2))
    assert cut(browser)[0] < 35
    browser.drag(STAGE, (0.9, 0.8), (0.25, 0.8))
    assert cut(browser) == (pytest.approx(25, abs=0.5), "25")
    assert browser.colours(STAGE, *points) == [RED, GREEN, GREEN, GREEN]
    browser.drag(STAGE, (0.25, 0.8), (1.3, 0.8))
    assert cut(browser) == (100, "100")
    assert browser.colours(STAGE, *points) == [RED] * 4
    # the others stay
    assert browser.each(".handle", "node.ariaValueNow")[1:] == ["50"] * 4


def test_the_slider_follows_a_finger(browser, small):
    browser.open(small[0])
    browser.call("Emulation.setTouchEmulationEnabled", enabled=True)
    try:
        browser.swipe(browser.place(STAGE, 0.7, 0.5), browser.place(STAGE, 0.3, 0.5))
        assert cut(browser)[0] == pytest.approx(30, abs=2)
        # up and down it scrolls the page instead, but on the handle
        scrolled = browser.js("scrollY")
        start = browser.place(STAGE, 0.7, 0.8)
        browser.swipe(start, {"x": start["x"], "y": start["y"] - 150})
        browser.wait(f"scrollY > {scrolled} + 50")
        assert cut(browser)[0] == pytest.approx(30, abs=2)
        # where the handle is can be said once the page has come to rest
        browser.wait("(() => { const rests = window.seenAt === scrollY; window.seenAt = scrollY; return rests; })()")
        start = browser.place(HANDLE, 0.5, 0.8)
        browser.swipe(start, {"x": browser.place(STAGE, 0.6)["x"], "y": start["y"] - 150})
        assert cut(browser)[0] == pytest.approx(60, abs=2)
    finally:
        browser.call("Emulation.setTouchEmulationEnabled", enabled=False)


def test_the_slider_follows_keys(browser, small):
    browser.open(small[0])
    browser.js("document.querySelector('.handle').focus()")
    for keys, place in (
        (["ArrowRight"], 52),
        (["ArrowLeft", "ArrowLeft"], 48),
        (["PageUp"], 58),
        (["End"], 100),
        (["ArrowRight"], 100),
        (["Home"], 0),
    ):
        for key in keys:
            browser.key(key)
        assert cut(browser) == (place, str(place))
    role = browser.each(".handle", "[node.role, node.ariaLabel, node.ariaValueText]")[0]
    assert role == ["slider", f"Before and after of {HOSTILE}", "0 % source, rest new"]


def test_any_two_pictures_can_be_compared(browser, small):
    browser.open(small[0])
    points = [(0.1, 0.8), (0.9, 0.8)]
    browser.choose("#method", "old")
    assert browser.colours(STAGE, *points) == [RED, GREY]
    browser.choose("#before", "new")
    browser.choose("#after", ":target")
    assert browser.colours(STAGE, *points) == [GREEN, BLUE]
    assert browser.each(".card .tag")[:2] == ["new", "target"]
    # one card alone
    browser.choose(".card .sides select", ":source")
    assert browser.colours(STAGE, *points) == [RED, BLUE]
    sides = browser.each(".card img", "node.alt.split(': ').pop()")
    assert sides[:4] == ["target", "source", "target", "new"]


def test_both_pictures_are_enlarged_alike(browser, tmp_path):
    # 8x8 fields of 20 px, each of its own colour
    fields = np.zeros((8, 8, 3), np.uint8)
    fields[..., 0], fields[..., 1] = np.arange(8)[:, None] * 30, np.arange(8) * 30
    Image.fromarray(fields.repeat(20, 0).repeat(20, 1)).save(tmp_path / "target.png")
    Image.fromarray(255 - fields.repeat(20, 0).repeat(20, 1)).save(tmp_path / "new.png")
    shot = Shot(name="one", target=tmp_path / "target.png", results={"new": tmp_path / "new.png"}, values={})
    write_page(tmp_path / "page.html", Page(title="t", protocol="p", methods=["new"], metrics=PSNR, shots=[shot]))
    browser.open(tmp_path / "page.html")
    assert "The image is shown." in browser.said()
    assert browser.lines() == [["one", "undefined\nnot measured"]]
    at = lambda x, y: (int(y * 8) * 30, int(x * 8) * 30, 0)  # noqa: E731
    inverse = lambda colour: tuple(255 - part for part in colour)  # noqa: E731
    assert browser.colours(STAGE, (0.3, 0.8), (0.7, 0.8)) == [at(0.3, 0.8), inverse(at(0.7, 0.8))]
    # at rest the wheel is the page's
    browser.wheel(STAGE, 200, 0.3, 0.8)
    browser.pause()
    assert browser.text(".sides output") == ""
    # four times about a point, which stays in its place
    browser.click(STAGE, 0.3, 0.8)
    near = [(0.3 + (x - 0.3) / 4, 0.8 + (y - 0.8) / 4) for x, y in ((0.1, 0.5), (0.9, 0.3))]
    assert browser.colours(STAGE, (0.3, 0.8), (0.1, 0.5), (0.9, 0.3)) == [
        at(0.3, 0.8),
        at(*near[0]),
        inverse(at(*near[1])),
    ]
    assert browser.each(".stage img", "getComputedStyle(node).imageRendering") == ["pixelated"] * 2
    assert browser.text(".sides output") == "×4"
    transforms = browser.each(".stage img", "getComputedStyle(node).transform")
    assert transforms[0] == transforms[1] != "none"
    # now a drag moves both, the handle still cuts, the wheel zooms
    browser.drag(STAGE, (0.3, 0.8), (0.4, 0.8))
    assert browser.colours(STAGE, (0.4, 0.8)) == [at(0.3, 0.8)]
    assert cut(browser)[0] == 50
    browser.wheel(STAGE, 200, 0.4, 0.8)
    browser.wait("document.querySelector('.sides output').textContent === '×8'")
    assert browser.colours(STAGE, (0.4, 0.8)) == [at(0.3, 0.8)]
    browser.js("document.querySelector('.handle').focus()")
    browser.key("-")
    assert browser.text(".sides output") == "×4"
    browser.click(STAGE, 0.3, 0.8)
    assert browser.colours(STAGE, (0.3, 0.8), (0.7, 0.8)) == [at(0.3, 0.8), inverse(at(0.7, 0.8))]
    assert browser.complaints() == []


def test_a_method_may_lack_a_picture(browser, tmp_path):
    files = {name: flat(tmp_path / f"{name}.png", colour) for name, colour in (("target", BLUE), ("new", GREEN))}
    shots = [
        Shot(name=name, target=files["target"], results=results, values={"new": {"psnr": value}})
        for name, results, value in (("without", {}, 1.0), ("with", {"new": files["new"]}, 2.0))
    ]
    write_page(tmp_path / "page.html", Page(title="t", protocol="p", methods=["new"], metrics=PSNR, shots=shots))
    browser.open(tmp_path / "page.html")
    assert browser.each(".card img", "node.alt") == ["without: target"] * 2 + ["with: target", "with: new"][::-1]
    assert browser.complaints() == []


def test_names_are_found(browser, small):
    browser.open(small[0])
    browser.choose("#find", "A1")
    assert browser.names() == ["a10"]
    assert [line[0] for line in browser.lines()] == ["a10"]
    assert browser.text("#count") == "1 of 5 images"
    browser.choose("#find", "tiny")
    assert browser.names() == ["Tiny"]


def test_the_plot_names_images(browser, small):
    browser.open(small[0])
    assert "Left out, since infinite or undefined: 2 of 15 values." in browser.text("#hint")
    # one line through the three finite values of the chosen method
    line = browser.each("#plot path[fill=none]", "node.getAttribute('d')")[0]
    heights = [float(point.split()[1]) for point in line[1:].split("L")]
    assert len(heights) == 3
    assert heights == sorted(heights, reverse=True)
    place = browser.place("#plot", 0.3, 0.5)
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", **place)
    hint = browser.text("#hint")
    assert hint == "a10 (2 of 5): input (untouched) 20.00 · old 24.00 · new 21.00"
    browser.click("#plot", 0.3, 0.5)
    assert browser.text(".found h3") == "a10"


def test_it_follows_the_dark_and_the_light_scheme(browser, small):
    browser.open(small[0])
    shades = []
    try:
        for scheme in ("light", "dark"):
            browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            of = "[getComputedStyle(node).backgroundColor, getComputedStyle(node).color]"
            pair = browser.each("body", of)[0]
            shades.append([sum(map(int, re.findall(r"\d+", shade))) / 3 for shade in pair])
    finally:
        browser.call("Emulation.setEmulatedMedia", features=[])
    (ground, text), (dark_ground, light_text) = shades
    assert ground - text > 180
    assert light_text - dark_ground > 180


def test_a_thousand_images(browser, tmp_path):
    files = {name: flat(tmp_path / f"{name}.png", colour) for name, colour in (("target", BLUE), ("new", GREEN))}
    values = [float(number * 7 % 1000) for number in range(1000)]
    shots = [
        Shot(
            name=f"image{number}", target=files["target"], results={"new": files["new"]}, values={"new": {"mae": value}}
        )
        for number, value in enumerate(values)
    ]
    page = Page(title="t", protocol="p", methods=["new"], metrics=MAE, shots=shots)
    write_page(tmp_path / "page.html", page)
    assert (tmp_path / "page.html").stat().st_size < 250_000
    browser.open(tmp_path / "page.html")
    lines = browser.lines()
    assert len(lines) == 1000
    assert [float(line[1]) for line in lines] == sorted(values, reverse=True)
    shown = browser.names()
    assert len(shown) == 24
    assert shown[:12] == [line[0] for line in lines[:12]]
    said = browser.said()
    assert "The pictures of 24 of 1000 images are in this page: the worst by MAE of new, and others evenly" in said
    assert set(browser.each("#all button.link")) == set(shown)
    browser.choose("#order", "best")
    assert browser.lines()[0][0] == "image0"
    assert browser.complaints() == []


def listed(values: list[float], metrics: dict[str, Metric] = PSNR) -> Page:
    (name,) = metrics
    shots = [
        Shot(name=str(i), target=Path("t"), results={"m": Path("m")}, values={"m": {name: value}})
        for i, value in enumerate(values)
    ]
    return Page(title="t", protocol="p", methods=["m"], metrics=metrics, shots=shots)


def test_which_images_have_their_pictures_shown():
    values = [5.0, math.nan, 1.0, math.inf, 3.0, 2.0, 4.0, 6.0, 8.0, 7.0]
    worse_to_better = [2, 5, 4, 6, 0, 7, 9, 8, 3, 1]
    assert with_pictures(listed(values), 10) == worse_to_better
    assert with_pictures(listed(values), 99) == worse_to_better
    assert with_pictures(listed(values), 5) == [2, 5, 4, 0, 3]
    assert with_pictures(listed(values), 1) == [2]
    assert with_pictures(listed(values, MAE), 3)[:2] == [3, 8]
    assert len(set(with_pictures(listed([0.0] * 1000), 24))) == 24
    # equal ones as people count
    shots = [Shot(name=name, target=Path("t"), results={}, values={}) for name in ("b10", "b9", "a")]
    assert with_pictures(replace(listed([]), shots=shots), 3) == [2, 1, 0]


def written(folder: Path, count: int, size: tuple[int, int], **limits: int) -> tuple[str, dict]:
    """A page of noise; its text and data."""
    shots = [
        Shot(
            name=str(i),
            target=noise(folder / f"target/{i}.png", size, i),
            results={"m": noise(folder / f"m/{i}.png", size, 100 + i)},
            values={"m": {"psnr": float(i)}},
        )
        for i in range(count)
    ]
    write_page(folder / "page.html", Page(title="t", protocol="p", methods=["m"], metrics=PSNR, shots=shots), **limits)
    text = (folder / "page.html").read_text()
    return text, json.loads(re.search(r'id="data">(.*?)</script>', text)[1])


def pixels(uri: str) -> np.ndarray:
    kind, data = uri.split(",", 1)
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert f"data:image/{image.format.lower()};base64" == kind
    return np.asarray(image)


def test_pictures_are_lossless_where_they_are_few(tmp_path):
    text, data = written(tmp_path, 3, (40, 30))
    for shot in data["shots"]:
        for side, folder in ((":target", "target"), ("m", "m")):
            expected = np.asarray(Image.open(tmp_path / f"{folder}/{shot['name']}.png"))
            assert np.array_equal(pixels(shot["pictures"][side]), expected)
        assert shot["size"] == [40, 30]
    assert "stored without loss" in text
    assert "JPEG" not in re.sub(r"<script.*", "", text, flags=re.S)


def test_the_page_stays_small(tmp_path):
    # 12 kB each without loss
    count, budget = 20, 150_000
    text, data = written(tmp_path, count, (64, 64), budget=budget)
    shown = [shot["name"] for shot in data["shots"] if shot["pictures"]]
    bare = len(written(tmp_path, count, (64, 64), most=1, budget=1)[0])
    assert len(text) < budget * 4 / 3 + bare
    assert 5 < len(shown) < count
    # still the worst, and others up to the best
    assert shown[:3] == ["0", "1", "2"]
    assert int(shown[-1]) >= 17
    assert f"The pictures of {len(shown)} of {count} images" in text
    assert "JPEGs of quality 95 here, to keep the page small; the figures are of the written files" in text
    one = next(shot for shot in data["shots"] if shot["pictures"])
    error = pixels(one["pictures"]["m"]).astype(int) - np.asarray(Image.open(tmp_path / f"m/{one['name']}.png"))
    assert 0 < np.abs(error).mean() < 4


def test_one_image_is_shown_whatever_its_size(tmp_path):
    _, data = written(tmp_path, 2, (64, 64), budget=1)
    assert [bool(shot["pictures"]) for shot in data["shots"]] == [True, False]


def test_large_pictures_are_shown_smaller_and_said_to_be(tmp_path):
    text, data = written(tmp_path, 1, (300, 100), longest=150)
    assert data["shots"][0]["size"] == [150, 50]
    assert pixels(data["shots"][0]["pictures"]["m"]).shape == (50, 150, 3)
    assert "Those with a side of more than 150 px (1 of them) are shown smaller" in text
    assert "shown smaller" not in written(tmp_path, 1, (150, 100), longest=150)[0]


def test_deep_and_grey_pictures_are_shown_with_8_bits(tmp_path):
    Image.fromarray(np.full((9, 9), 65535 // 2, np.uint16)).save(tmp_path / "deep.png")
    shot = Shot(name="d", target=tmp_path / "deep.png", results={}, values={})
    write_page(tmp_path / "page.html", Page(title="t", protocol="p", methods=["m"], metrics=PSNR, shots=[shot]))
    text = (tmp_path / "page.html").read_text()
    assert "16-bit pictures are shown with 8 bits." in text
    data = json.loads(re.search(r'id="data">(.*?)</script>', text)[1])
    assert np.array_equal(pixels(data["shots"][0]["pictures"][":target"]), np.full((9, 9, 3), 127))


def test_the_same_page_is_the_same_file(tmp_path, small):
    _, page = small
    write_page(tmp_path / "one.html", page)
    write_page(tmp_path / "other.html", page)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "other.html").read_bytes() == small[0].read_bytes()


def test_a_damaged_picture_is_named_and_nothing_written(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    shot = Shot(name="x", target=tmp_path / "bad.png", results={}, values={})
    with pytest.raises(UserError, match=r"bad\.png"):
        write_page(tmp_path / "page.html", Page(title="t", protocol="p", methods=["m"], metrics=PSNR, shots=[shot]))
    assert [path.name for path in tmp_path.iterdir()] == ["bad.png"]


def test_names_that_are_not_unicode_are_shown_as_they_can_be(tmp_path):
    file = flat(tmp_path / "t.png", RED)
    shot = Shot(name="a\udcff\u2028b", target=file, results={}, values={})
    page = Page(title="x\udcff", protocol="p", methods=["m"], metrics=PSNR, shots=[shot], card={"line": "l\udcff"})
    write_page(tmp_path / "page.html", page)
    assert "<h1>x?</h1>" in (tmp_path / "page.html").read_text()
