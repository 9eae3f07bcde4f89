"""The files of the page by their addresses: the table that the server answers from, and that is written as files."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from img2img import __version__
from img2img.demo.models import DemoModel
from img2img.errors import UserError
from img2img.files import atomic_write_bytes, check_folder

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".txt": "text/plain; charset=utf-8",
    ".onnx": "application/octet-stream",
}
STATIC = (
    *("index.html", "demo.css", "studio.css", "examples.json"),
    *("page.js", "ui.js", "jobs.js", "worker.js", "tiles.js", "headers.js", "png.js"),
    *("photo.js", "studio.js", "easel.js", "edges.js", "seeds.js", "noise.js"),
)
RUNTIME = ("ort.wasm.bundle.min.mjs", "LICENSE.txt", "ort-wasm-simd-threaded.wasm.gz")
# what a browser is given to do, in pixels: more goes to the server
BROWSER_PIXELS, WHOLE_PIXELS = 16_000_000, 1_500_000
# of a tile: the browser was measured at 600 MB so with the largest of the shipped networks
TILE_PIXELS = 1024 * 1024


@dataclass(frozen=True)
class Resource:
    """A file of the page: its media type, its bytes, and whether those are compressed by gzip."""

    kind: str
    data: bytes
    zipped: bool = False

    @property
    def plain(self) -> bytes:
        """The bytes, uncompressed."""
        return gzip.decompress(self.data) if self.zipped else self.data


def page_files(models: Sequence[DemoModel], *, server: bool, upload_pixels: int = 0) -> dict[str, Resource]:
    """All files of the page by their path below the root; ``index.html`` is the page.

    Args:
        server: whether there is a server that pictures can be sent to, of up to ``upload_pixels``.
    """
    files = {name: _packed("img2img.demo.static", name) for name in STATIC}
    files["palette.css"] = _packed("img2img.reports.pages", "palette.css")
    if any(model.onnx is not None for model in models):
        files |= {f"runtime/{name.removesuffix('.gz')}": _packed("img2img.demo.runtime", name) for name in RUNTIME}
    for model in models:
        if model.onnx is not None:
            files[f"models/{model.name}.onnx"] = Resource(KINDS[".onnx"], model.onnx)
    facts = {
        "version": __version__,
        "server": server,
        "uploadPixels": upload_pixels,
        "browserPixels": BROWSER_PIXELS,
        "wholePixels": WHOLE_PIXELS,
        "tilePixels": TILE_PIXELS,
        "models": [
            {"name": model.name, "text": model.text, "browser": model.onnx is not None, **model.facts}
            for model in models
        ],
    }
    files["demo.json"] = Resource(KINDS[".json"], json.dumps(facts).encode())
    return files


def _packed(package: str, name: str) -> Resource:
    """A file that comes with a package of ours."""
    data = resources.files(package).joinpath(name).read_bytes()
    zipped = name.endswith(".gz")
    return Resource(KINDS[Path(name.removesuffix(".gz")).suffix], data, zipped)


def write_site(files: dict[str, Resource], folder: Path) -> int:
    """The same as files that any web server can hand out, uncompressed; how many there are.

    Raises:
        UserError: the folder holds something else, or cannot be written to.
        RunError: the file system refuses.
    """
    check_folder(folder, "--export")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "demo.json").is_file():
        raise UserError(f"--export {folder}: holds other files; name a new or an empty folder")
    for name, resource in files.items():
        atomic_write_bytes(folder / name, resource.plain)
    return len(files)
