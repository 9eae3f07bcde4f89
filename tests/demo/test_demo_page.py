"""The demo's page in a real browser: a photo in, what `infer` makes of it out."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from browser import Browser, installed
from demo_page import drop, inferred, levels_apart, opened, outcome, photo, save, serving, until
from PIL import Image, ImageCms
from torch import nn
from translators import weights_file

from conftest import picture
from img2img.demo import page_files, prepare, write_site
from img2img.demo.site import RUNTIME
from img2img.errors import UserError
from img2img.images import Picture, encode, joined, read, to_pixels, to_tensor
from img2img.inference import load
from img2img.inference.generator import WithinFlow
from img2img.inference.tiles import blend_of, lay_out, stream
from img2img.recipes.saved import load_generators
from img2img.weights.file import save_weights

REASON = "the extra is not installed: pip install 'img2img[demo]'"
for extra in ("onnx", "onnxruntime", "onnxscript"):
    pytest.importorskip(extra, reason=REASON)

ROOT = Path(__file__).resolve().parents[2]
# pixels of a tile, of a picture for the browser and of an upload: small, so that small pictures try them
TILE, MOST, UPLOAD = 320 * 320, 300_000, 500_000
RESTORER = {"generator.name": "restorer", "generator.width": 8, "generator.blocks": [1, 1]}


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """Weights whose results are far from their inputs."""
    path = tmp_path_factory.mktemp("weights") / "Own dry.safetensors"
    weights_file(path, "l1", **RESTORER)
    saved = load_generators(path)
    generator = torch.Generator().manual_seed(0)
    for part in saved.networks.modules():
        if isinstance(part, nn.Conv2d):
            with torch.no_grad():
                part.weight.normal_(0, (0.8 / part.weight[0].numel()) ** 0.5, generator=generator)
    save_weights(path, saved.networks, saved.header.to_json())
    return path


@pytest.fixture(scope="module")
def models(weights, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        first = prepare([str(weights)])
        patch.setattr("img2img.demo.models.to_onnx", None)
        assert prepare([str(weights)]) == first  # from the cache
    assert first[0].name == "own-dry"
    return first


@pytest.fixture(scope="module")
def served(models):
    """A running demo."""
    with serving(models, UPLOAD, TILE_PIXELS=TILE, BROWSER_PIXELS=MOST) as server:
        yield server


@pytest.fixture
def page(browser, served):
    browser.open(served.address)
    browser.wait("document.body.dataset.ready")
    return browser


def test_a_dropped_photo_is_saved_as_infer_writes_it(page, weights, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # on its side
    file = photo(tmp_path / "rainy day.png", 120, 200, exif=exif)
    drop(page, file)
    notice, facts = outcome(page)
    assert (notice, "120 × 200" in facts, "in the browser" in facts) == ("", True, True)
    saved = save(page, tmp_path)
    assert saved.name == "rainy day-own-dry.png"
    made = np.asarray(Image.open(saved).convert("RGB"))
    assert made.shape == (200, 120, 3)
    expected = inferred(weights, file, tmp_path)
    assert levels_apart(made, expected) <= 1
    assert levels_apart(made, np.asarray(Image.open(file).convert("RGB")).transpose(1, 0, 2)[:, ::-1]) > 20
    assert page.complaints() == []


def test_tiles_are_those_of_infer(page, weights, tmp_path):
    file = photo(tmp_path / "large.png", 500, 560)
    drop(page, file)
    until(page, "document.querySelector('#step').textContent.includes('tiles')")
    assert "in the browser" in outcome(page)[1]
    translator = load(str(weights), device="cpu", tile="off")
    network = WithinFlow(translator.flow, translator.network, (), masked=False)
    values = to_tensor(read(file).pixels)
    expected = torch.empty_like(values)

    def put(top: int, left: int, tile: torch.Tensor) -> None:
        expected[..., top : top + tile.shape[2], left : left + tile.shape[3]] = tile

    cut = lay_out(network, 500, 560, limit=TILE)
    assert cut.tiles >= 4
    with torch.inference_mode():
        stream(network, cut, lambda top, bottom, left, right: values[..., top:bottom, left:right], put)
    assert levels_apart(opened(save(page, tmp_path)), to_pixels(expected, np.uint8)) <= 1


def test_grey_stays_grey_and_a_profile_is_kept(page, weights, tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file = photo(tmp_path / "grey.jpg", 90, 140, "L", quality=95)
    drop(page, file)
    outcome(page)
    made = opened(save(page, tmp_path))
    assert levels_apart(made[..., 0], made[..., 2]) == 0
    assert levels_apart(made[..., :1], inferred(weights, file, tmp_path)) <= 1
    for name in ("wide.jpg", "broad.png"):
        drop(page, photo(tmp_path / name, 60, 70, icc_profile=profile))
        outcome(page)
        saved = Image.open(save(page, tmp_path))
        saved.load()
        assert saved.info["icc_profile"] == profile


def test_what_the_browser_cannot_do_the_server_does_and_says_so(page, weights, tmp_path):
    deep = tmp_path / "deep.png"
    encoded, _ = encode(Picture(picture(5, 40, 50).astype(np.uint16) * 257), "PNG")
    deep.write_bytes(encoded)
    files = {
        photo(tmp_path / "big.png", 560, 600): "more than the browser is given",
        photo(tmp_path / "clear.png", 30, 50, "RGBA"): "",
        photo(tmp_path / "scan.tif", 30, 50): "the browser cannot read this kind of file",
        deep: "the browser would keep 8 of its 16 bits",
    }
    half = picture(5, 30, 50)
    Image.fromarray(np.dstack([half, half[..., :1]])).save(tmp_path / "clear.png")
    files[tmp_path / "clear.png"] = "the browser changes colours under transparency"
    for file, why in files.items():
        drop(page, file)
        notice, facts = outcome(page)
        assert "on the server" in facts
        assert notice.startswith("Translated by the server: ")
        assert why in notice
        saved = read(save(page, tmp_path))
        (folder := tmp_path / file.stem).mkdir()
        assert levels_apart(joined(saved), inferred(weights, file, folder)) <= (257 if file == deep else 1)
        assert (saved.pixels.dtype == np.uint16) == (file == deep)


def test_what_nobody_does_is_said(page, tmp_path):
    (tmp_path / "x.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    for file, says in (
        (photo(tmp_path / "huge.png", 800, 700), "are more than is taken (0.5 MP): use img2img infer"),
        (tmp_path / "broken.png", "Not translated: this file: not a picture"),
        (tmp_path / "x.svg", "Not translated: this file: not a picture"),
    ):
        drop(page, file)
        assert says in outcome(page)[0]
        assert page.js("document.querySelector('#notice').classList.contains('bad')")


def test_the_slider_shows_before_and_after(page, tmp_path):
    drop(page, photo(tmp_path / "a.png", 160, 240))
    outcome(page)
    points = [(0.25, 0.5), (0.75, 0.5)]
    page.choose("#slider", "100")
    before = page.colours("#stage", *points)
    page.choose("#slider", "0")
    after = page.colours("#stage", *points)
    assert all(one != other for one, other in zip(before, after, strict=True))
    page.drag("#slider", (0.01, 0.5), (0.5, 0.5))
    assert page.colours("#stage", *points) == [before[0], after[1]]
    page.click("#slider", 0.9, 0.3)
    page.key("Home")
    assert page.colours("#stage", *points) == after


def test_cancel_ends_it_and_the_next_photo_goes(page, tmp_path):
    drop(page, photo(tmp_path / "large.png", 500, 560))
    until(page, "document.querySelector('#step').textContent.startsWith('Translating')")
    page.click("#cancel")
    assert page.text("#notice") == "Cancelled."
    assert page.js("document.querySelector('#work').hidden && document.querySelector('#result').hidden")
    drop(page, photo(tmp_path / "small.png", 40, 50))
    assert "50 × 40" in outcome(page)[1]


def test_a_photo_is_pasted_or_chosen(page, tmp_path):
    code = """async () => {
        const canvas = new OffscreenCanvas(30, 20);
        canvas.getContext("2d").fillRect(0, 0, 30, 20);
        const clipboardData = new DataTransfer();
        clipboardData.items.add(new File([await canvas.convertToBlob()], "image.png", {type: "image/png"}));
        dispatchEvent(new ClipboardEvent("paste", {clipboardData}));
    }"""
    page.js(f"({code})()")
    assert "30 × 20" in outcome(page)[1]
    root = page.call("DOM.getDocument")["root"]["nodeId"]
    node = page.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    page.call("DOM.setFileInputFiles", files=[str(photo(tmp_path / "a.png", 24, 32))], nodeId=node)
    until(page, "document.querySelector('#facts').textContent.includes('32 × 24')")


def test_tiles_are_laid_out_as_in_python(page):
    rng = np.random.default_rng(0)
    cases, expected = [], []
    for _ in range(60):
        radius = None if rng.random() < 0.3 else int(rng.integers(0, 40))
        network = WithinFlow.__new__(WithinFlow)
        multiple = int(rng.choice([1, 4, 8, 32]))
        minimum = int(rng.choice([1, multiple, 50]))
        torch.nn.Module.__init__(network)
        network.multiple, network.minimum, network.radius = multiple, minimum, radius
        margin, blend = blend_of(radius)
        height, width, limit = (int(rng.integers(*span)) for span in ((1, 3000), (1, 3000), (1000, 1 << 20)))
        cases.append(
            [{"multiple": multiple, "minimum": minimum, "margin": margin, "blend": blend}, height, width, limit]
        )
        cut = lay_out(network, height, width, limit=limit)
        expected.append([[vars(span) for span in axis] for axis in (cut.rows, cut.columns)])
    code = """async (cases) => {
        const {layOut} = await import("./tiles.js");
        return cases.map((one) => layOut(...one)).map(({rows, columns}) => [rows, columns]);
    }"""
    assert page.js(code, cases) == expected


def test_nothing_is_asked_of_another_machine(page, served):
    drop(page, ROOT / "datasets/samples/derain/rainy/rocket.png")
    outcome(page)
    asked = [url for url in page.requests() if not url.startswith(("blob:", "data:"))]
    assert len(asked) > 3
    assert all(url.startswith(served.address) for url in asked)
    # nor could it be: the page's own rules forbid it
    assert page.js("fetch('http://127.0.0.2:1/').then(() => 'sent', (error) => error.name)") == "TypeError"
    violations = [event["params"]["entry"]["text"] for event in page.complaints() if "entry" in event["params"]]
    assert any("Content Security Policy" in text for text in violations)


def test_the_browsers_own_log_has_no_other_address_of_page_or_worker(browser, served, tmp_path):
    """Chromium's log of its network has all that any of its processes asks for, and for which origin."""
    log = tmp_path / "net.json"
    logged = Browser(installed(), tmp_path / "profile", f"--log-net-log={log}")
    try:
        logged.open(served.address)
        logged.wait("document.body.dataset.ready")
        drop(logged, ROOT / "datasets/samples/derain/rainy/rocket.png")
        assert "in the browser" in outcome(logged)[1]
    finally:
        logged.close()
    asked = requested(log)
    here = served.address.rstrip("/")
    ours = {url for url, origin in asked if origin == here}
    # what the worker alone asks for is among them
    assert {f"{here}/models/own-dry.onnx", f"{here}/runtime/ort-wasm-simd-threaded.wasm"} <= ours
    assert all(url.startswith(served.address) for url in ours)
    # the browser asks for things of its own, none of which a page has asked for
    assert {origin for url, origin in asked} <= {here, "not an origin"}


def requested(log: Path) -> set[tuple[str, str]]:
    """(address, origin that asks) of each request in a log of Chromium's network."""
    events = [event.get("params", {}) for event in json.loads(log.read_text(encoding="utf-8"))["events"]]
    return {(params["url"], params["initiator"]) for params in events if "url" in params and "initiator" in params}


def test_written_as_files_any_web_server_will_do(models, weights, browser, tmp_path, monkeypatch):
    folder = tmp_path / "public"
    count = write_site(page_files(models, server=False), folder)
    assert count == len([path for path in folder.rglob("*") if path.is_file()])
    assert write_site(page_files(models, server=False), folder) == count  # over itself
    with pytest.raises(UserError, match="holds other files"):
        write_site(page_files(models, server=False), tmp_path)
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.open(f"http://127.0.0.1:{server.server_port}/")
        browser.wait("document.body.dataset.ready")
        file = photo(tmp_path / "a.png", 50, 60)
        drop(browser, file)
        assert "in the browser, 1 thread" in outcome(browser)[1]
        assert levels_apart(opened(save(browser, tmp_path)), inferred(weights, file, tmp_path)) <= 1
        drop(browser, photo(tmp_path / "scan.tif", 30, 50))
        assert "This photo cannot be translated here: the browser cannot read" in outcome(browser)[0]
        server.shutdown()


def test_the_runtime_is_the_one_that_its_origin_tells_of():
    origin = yaml.safe_load((ROOT / "img2img/demo/runtime/ORIGIN.yaml").read_text())
    assert set(origin["sha256"]) | {"LICENSE.txt"} == {name.removesuffix(".gz") for name in RUNTIME}
    for name, digest in origin["sha256"].items():
        path = ROOT / "img2img/demo/runtime" / name
        data = path.read_bytes() if path.is_file() else gzip.decompress(path.with_name(f"{name}.gz").read_bytes())
        assert hashlib.sha256(data).hexdigest() == digest
