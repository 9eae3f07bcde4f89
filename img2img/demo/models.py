"""Weights as a page shows them: what they are called, how they are cut into tiles, and their ONNX file."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from img2img import __version__
from img2img.demo.kinds import check_shown, facts_of
from img2img.errors import RunError, UserError
from img2img.export import OPSET
from img2img.export.compare import drift, refuse_drift
from img2img.export.graph import refuse
from img2img.export.model import Session, describe, to_onnx
from img2img.export.run import graph_of
from img2img.files import atomic_write_bytes
from img2img.inference import Translator, load, weights_header, weights_path
from img2img.networks.base import count_parameters
from img2img.progress import say
from img2img.zoo import entry_of, names

# bytes of a model's parameters in fp32; a tab has room for some copies of them
LARGEST = 512 * 2**20
EXTRA = "the demo needs the extra ({}): pip install 'img2img[demo]' (or --server, which needs none)"


@dataclass(frozen=True)
class DemoModel:
    """One model of the page.

    Attributes:
        name: stands in addresses: ``[a-z0-9-]``, unlike those of the others.
        weights: what `img2img.load` takes.
        text: what it is, in one line.
        facts: how the page uses it (see `img2img.demo.kinds`).
        onnx: its file; None where the page leaves all to the server.
    """

    name: str
    weights: str
    text: str
    facts: dict[str, Any]
    onnx: bytes | None = None


def prepare(weights: Sequence[str], *, in_browser: bool = True) -> tuple[DemoModel, ...]:
    """The models of these weights (none: all that come with the package), exported where no earlier start did.

    Raises:
        UserError: the extra is missing; weights that are missing, or cannot be exported or shown.
        RunError: an exported file differs from torch.
    """
    if in_browser:
        _check_extra()
    chosen = list(weights) or names()
    models: list[DemoModel] = []
    for given in chosen:
        translator = load(given, device="cpu", tile="off")
        check_shown(given, translator, in_browser=in_browser)
        name = _address(given, [model.name for model in models])
        onnx = _exported(given, translator) if in_browser and _runs_in_browser(given, translator) else None
        models.append(DemoModel(name, given, _text(given), facts_of(translator, weights_header(given)), onnx))
    return tuple(models)


def _runs_in_browser(given: str, translator: Translator) -> bool:
    """Whether a browser can be given this model; why it cannot is said."""
    size = 4 * count_parameters(translator.network)
    try:
        refuse(translator)
        if size > LARGEST:
            raise UserError(f"{size / 2**20:.0f} MB are too large for the browser")
        if translator.flow.centre_only:
            raise UserError("the browser does not check that holes lie in the middle")
    except UserError as reason:
        say(f"{given}: its pictures are made here, not in the browser: {reason}")
        return False
    return True


def _check_extra() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(EXTRA.format(error)) from error


def _address(given: str, taken: Sequence[str]) -> str:
    """What weights are called in an address: zoo names as they are, runs by their folder, files by their stem."""
    path = Path(given)
    stem = path.stem if path.suffix == ".safetensors" else path.name
    name = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") or "model"
    number = 2
    unique = name
    while unique in taken:
        unique, number = f"{name}-{number}", number + 1
    return unique


def _text(given: str) -> str:
    if given in names():
        return entry_of(given).description
    header = weights_header(given)
    return f"Weights of your own: task {header.get('task')}, method {header.get('name')}."


def _exported(given: str, translator: Translator) -> bytes:
    """The ONNX file of weights in fp32, from the cache or made, compared with torch and kept there."""
    path = cache_folder() / f"{_digest(given)}.onnx"
    if path.is_file():
        return path.read_bytes()
    say(f"{given}: exported for the browser; the next start finds it in {path.parent}")
    # the page clamps: grey is the mean of channels as they are, and tiles are blended before
    model = to_onnx(graph_of(translator, torch.float32, clamped=False), OPSET)
    session = Session(model)
    refuse_drift(drift(lambda *inputs: session(*inputs).clamp(0, 1), translator), given)
    describe(model, weights_header(given), {"precision": "fp32", "clamped": False})
    data: bytes = model.SerializeToString()
    try:
        atomic_write_bytes(path, data)
    except RunError as error:
        say(f"it will have to be exported again: {error}")
    return data


def _digest(given: str) -> str:
    """Of all that an exported file depends on."""
    told = f"{__version__} {torch.__version__} {OPSET} unclamped".encode()
    return hashlib.sha256(told + weights_path(given).read_bytes()).hexdigest()


def cache_folder() -> Path:
    """Where exported files are kept: ``$XDG_CACHE_HOME/img2img/demo``, by default below ``~/.cache``."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "img2img" / "demo"
