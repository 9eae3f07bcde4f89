"""The demo's page as tests use it: a running demo, files dropped and saved, and what `infer` makes of the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from browser import Browser
from PIL import Image

from conftest import picture
from img2img.commands import main
from img2img.demo import DemoModel, DemoServer, Limits, Uploads, page_files
from img2img.images import joined, read

UPLOAD_PIXELS = 500_000


@contextmanager
def serving(models: Sequence[DemoModel], upload: int = UPLOAD_PIXELS, **limits: int) -> Iterator[DemoServer]:
    """A running demo that takes so many pixels; ``limits`` are those of the page, by their names in site.py."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in limits.items():
            patch.setattr(f"img2img.demo.site.{name}", value)
        files = page_files(models, server=True, upload_pixels=upload)
    server = DemoServer("127.0.0.1", 0, files, Uploads(models, Limits(pixels=upload, turn_s=30.0), "cpu"))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server
    finally:
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


def until(browser: Browser, condition: str, seconds: float = 90) -> None:
    """Wait for something that takes as long as a network does."""
    end = time.monotonic() + seconds
    while not browser.js(condition):
        assert time.monotonic() < end, condition
        browser.pause()


def outcome(browser: Browser) -> tuple[str, str]:
    """What the page says when it is done with a photo: its notice, and the facts below the result."""
    until(browser, "document.querySelector('#work').hidden && (!document.querySelector('#result').hidden "
                   "|| document.querySelector('#notice').classList.contains('bad'))")  # fmt: skip
    return browser.text("#notice"), browser.text("#facts")


def save(browser: Browser, folder: Path, button: str = "#save") -> Path:
    """The file that a button of the page saves."""
    folder = folder / f"saved-{len(list(folder.glob('saved-*')))}"
    folder.mkdir()
    browser.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    browser.click(button)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        new = [path for path in folder.iterdir() if path.suffix != ".crdownload"]
        if new and new[0].stat().st_size:
            return new[0]
        time.sleep(0.05)
    raise AssertionError("nothing was saved")


def levels_apart(one: np.ndarray, other: np.ndarray) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def inferred(weights: Path, file: Path, folder: Path) -> np.ndarray:
    (folder / "in").mkdir()
    (folder / "in" / file.name).write_bytes(file.read_bytes())
    words = ["--weights", str(weights), "--input", str(folder / "in"), "--output", str(folder / "out")]
    assert main(["infer", *words, "--precision", "fp32", "--device", "cpu", "--format", "png"]) == 0
    (made,) = (folder / "out").glob("*.png")
    return joined(read(made))


def opened(path: Path, mode: str = "RGB") -> np.ndarray:
    return np.asarray(Image.open(path).convert(mode))
