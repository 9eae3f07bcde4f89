"""The demo's page in a real browser: a photo in, what `infer` makes of it out."""

from __future__ import annotations

import base64
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import Browser
from PIL import Image
from torch import nn
from translators import weights_file

from conftest import picture
from img2img.commands import main
from img2img.demo import DemoServer, Limits, Uploads, page_files, prepare
from img2img.images import read, to_pixels, to_tensor
from img2img.inference import load
from img2img.inference.generator import WithinFlow
from img2img.inference.tiles import lay_out, stream
from img2img.recipes.saved import load_generators
from img2img.weights.file import save_weights

REASON = "the extra is not installed: pip install 'img2img[demo]'"
for extra in ("onnx", "onnxruntime", "onnxscript"):
    pytest.importorskip(extra, reason=REASON)

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
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"TILE_PIXELS": TILE, "BROWSER_PIXELS": MOST}.items():
            patch.setattr(f"img2img.demo.site.{name}", value)
        limits = Limits(pixels=UPLOAD)
        files = page_files(models, server=True, upload_pixels=limits.pixels)
    server = DemoServer("127.0.0.1", 0, files, Uploads(models, limits, "cpu"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def photo(path: Path, height: int, width: int, mode: str = "RGB", **more: object) -> Path:
    Image.fromarray(picture(7, height, width)).convert(mode).save(path, **more)
    return path


def drop(browser: Browser, file: Path) -> None:
    """As a hand drops a file onto the page."""
    data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.call("Input.dispatchDragEvent", type=kind, x=500, y=450, data=data)


def outcome(browser: Browser) -> str:
    """What the page says when it is done with a photo."""
    browser.wait("document.querySelector('#work').hidden && (!document.querySelector('#result').hidden "
                 "|| document.querySelector('#notice').classList.contains('bad'))")  # fmt: skip
    return browser.js("document.querySelector('#notice').textContent + '|' + document.querySelector('#facts').textContent")


def save(browser: Browser, folder: Path) -> Path:
    """The file that the page's button saves."""
    before = set(folder.iterdir())
    browser.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    browser.click("#save")
    until = time.monotonic() + 20
    while time.monotonic() < until:
        new = [path for path in set(folder.iterdir()) - before if path.suffix != ".crdownload"]
        if new and new[0].stat().st_size:
            return new[0]
        time.sleep(0.05)
    raise AssertionError("nothing was saved")


@pytest.fixture
def page(browser, served):
    browser.open(served.address)
    browser.wait("document.body.dataset.ready")
    return browser


def levels_apart(one: np.ndarray, other: np.ndarray) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def inferred(weights: Path, file: Path, folder: Path) -> np.ndarray:
    (folder / "in").mkdir()
    Image.open(file)
    (folder / "in" / file.name).write_bytes(file.read_bytes())
    words = ["--weights", str(weights), "--input", str(folder / "in"), "--output", str(folder / "out")]
    assert main(["infer", *words, "--precision", "fp32", "--device", "cpu", "--format", "png"]) == 0
    (made,) = (folder / "out").glob("*.png")
    return np.asarray(Image.open(made))


def test_a_dropped_photo_is_saved_as_infer_writes_it(page, weights, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # on its side
    file = photo(tmp_path / "rainy day.png", 120, 200, exif=exif)
    drop(page, file)
    assert "in the browser" in outcome(page)
    (tmp_path / "saved").mkdir()
    saved = save(page, tmp_path / "saved")
    assert saved.name == "rainy day-own-dry.png"
    made = np.asarray(Image.open(saved).convert("RGB"))
    assert made.shape == (200, 120, 3)
    expected = inferred(weights, file, tmp_path)
    assert levels_apart(made, expected) <= 1
    assert levels_apart(made, np.asarray(Image.open(file).convert("RGB")).transpose(1, 0, 2)[:, ::-1]) > 20
    assert page.complaints() == []
