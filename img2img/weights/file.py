"""Weights files: safetensors whose header holds all that is needed to use them again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from img2img.errors import UserError, nearest
from img2img.files import atomic_write_bytes
from img2img.progress import say
from img2img.weights.checksum import checksum_in, tensors_checksum
from img2img.weights.header import WeightsHeader
from img2img.zoo import names as shipped_names
from img2img.zoo import shipped_file

FORMAT = "img2img weights 1"
MISFIT = "its header and its tensors do not fit together"


def weights_path(given: str) -> Path:
    """The weights file that ``--weights`` means: a run directory (its best), a file, or the name of shipped weights.

    What is there under a shipped name goes before the shipped weights, with a line that says so; a directory that holds
    no run does not.

    Raises:
        UserError: none of them, with the nearest shipped name; shipped weights that are damaged.
    """
    path = Path(given)
    shipped = given in shipped_names()
    if path.exists() and not (shipped and path.is_dir() and not _is_run(path)):
        file = _best(path, given) if path.is_dir() else path
        if shipped:
            _say_once(f"--weights {given}: {file} is taken, not the shipped weights called {given}")
        return file
    if shipped:
        return shipped_file(given)
    if given != path.name or path.suffix:
        raise UserError(f"--weights {given}: no such run directory or file")
    hint = nearest(given, shipped_names())
    raise UserError(f"--weights {given}: no such run directory or file, and no shipped weights of that name{hint}")


def _is_run(folder: Path) -> bool:
    return (folder / "config.yaml").is_file() or (folder / "weights").is_dir()


def _best(folder: Path, given: str) -> Path:
    for which in ("best", "last"):
        file = folder / "weights" / f"{which}.safetensors"
        if file.is_file():
            return file
    raise UserError(f"--weights {given}: no weights in this directory yet (expected weights/best.safetensors)")


@cache
def _say_once(line: str) -> None:
    say(line)


def save_weights(path: Path, networks: nn.ModuleDict, header: Mapping[str, Any]) -> None:
    """Generators as safetensors; ``header`` is what `WeightsHeader.to_json` gives."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in networks.state_dict().items()}
    write_tensors(path, tensors, header)


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], header: Mapping[str, Any]) -> None:
    """Tensors on the CPU as a weights file."""
    # one key alone: the order of several is random, and the same weights should be the same file
    atomic_write_bytes(path, save(dict(tensors), {FORMAT: json.dumps(header)}))


def load_weights(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """(header as parsed JSON, tensors) of a weights file; tensors stored in fp16 as fp32.

    Raises:
        UserError: no such file, one of something else, or tensors that their checksum in the header is not of.
    """
    with _opened(path) as (file, header):
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    known = checksum_in(header)
    if known is not None and known != tensors_checksum(tensors):
        raise UserError(f"{path}: damaged: its tensors are not those of the checksum in its header; get it again")
    return header, {name: value.float() if value.dtype == torch.float16 else value for name, value in tensors.items()}


def read_header(path: Path) -> WeightsHeader:
    """What a weights file says of itself; no tensor is read.

    Raises:
        UserError: no such file, one of something else, or a header whose values are not what their keys hold.
    """
    with _opened(path) as (_, header):
        return WeightsHeader.from_json(header, f"{path}: {MISFIT}: header")


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of the tensors of a weights file by name; no tensor is read.

    Raises:
        UserError: no such file, or one of something else.
    """
    with _opened(path) as (file, _):
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def check_tensors(path: Path, networks: nn.ModuleDict) -> None:
    """Compare the tensors of a file with those of the networks that its header asks for; no tensor is read.

    Args:
        networks: may lie on the meta device, where they take no memory.

    Raises:
        UserError: naming the first tensor that differs.
    """
    found = tensor_shapes(path)
    expected = {name: tuple(value.shape) for name, value in networks.state_dict().items()}
    for name in (*expected, *(name for name in found if name not in expected)):
        if name not in found:
            raise UserError(f"{path}: {MISFIT}: {name}, {_sides(expected[name])} by the header, is missing")
        if name not in expected:
            raise UserError(f"{path}: {MISFIT}: {name} belongs to no network that the header asks for")
        if found[name] != expected[name]:
            raise UserError(
                f"{path}: {MISFIT}: {name} is {_sides(found[name])}, by the header {_sides(expected[name])}"
            )


def _sides(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "one number"


@contextmanager
def _in_utf8(path: Path) -> Iterator[str]:
    """A name of a file for safetensors, which takes none that is no UTF-8."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        handle = os.open(path, os.O_RDONLY)
        try:
            yield f"/dev/fd/{handle}"
        finally:
            os.close(handle)
    else:
        yield str(path)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """(the open file, its header as parsed JSON)."""
    if not path.exists():
        raise UserError(f"{path}: no such weights file")
    try:
        with _in_utf8(path) as name, safe_open(name, framework="pt") as file:
            metadata = file.metadata() or {}
            if FORMAT not in metadata:
                raise UserError(f"{path}: a safetensors file, but not weights written by img2img train")
            yield file, json.loads(metadata[FORMAT])
    except (SafetensorError, OSError, ValueError, KeyError, RecursionError) as error:
        if not os.access(path, os.R_OK):
            # what safetensors raises says that there is no such file
            raise UserError(f"{path}: Permission denied") from error
        raise UserError(f"{path}: not a weights file written by img2img train ({type(error).__name__})") from error
