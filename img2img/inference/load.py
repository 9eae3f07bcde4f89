"""Translators of what training wrote, and of networks in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from img2img.compute.precision import DTYPES
from img2img.config import build
from img2img.errors import UserError, unknown
from img2img.inference.budget import parse_amount
from img2img.inference.tiles import Tile, parse_tile
from img2img.inference.translator import Shape, Translator
from img2img.recipes.method import Method
from img2img.weights.file import load_weights


def translator_of(
    networks: nn.ModuleDict, method: Method, shape: Shape, device: torch.device, precision: str, seed: int = 0
) -> Translator:
    """The translator of networks in memory (validation)."""
    name = method.build_flow().networks[0]
    _, inference = method.generator_spec()
    # training has the memory it has: validation must not stop where --memory would ask for more
    tile: Tile = "off" if inference.norm == "batch" else "auto"
    return Translator(networks[name], method, shape, device=device, precision=precision, tile=tile, seed=seed)


def weights_path(given: str) -> Path:
    """The weights file that ``--weights`` means: a run directory (its best), or a file.

    Raises:
        UserError: neither.
    """
    path = Path(given)
    if path.is_dir():
        for which in ("best", "last"):
            file = path / "weights" / f"{which}.safetensors"
            if file.is_file():
                return file
        raise UserError(f"--weights {given}: no weights in this directory yet (expected weights/best.safetensors)")
    if not path.exists():
        raise UserError(f"--weights {given}: no such run directory or file")
    return path


def load(
    weights: str | Path,
    device: str = "auto",
    precision: str = "fp32",
    tile: Tile = "auto",
    memory: str | int | None = None,
) -> Translator:
    """The translator of a training: call it with a picture and it gives the picture translated.

    >>> derain = img2img.load("runs/derain")
    >>> dry = derain(PIL.Image.open("rainy.jpg"))

    Args:
        weights: a run directory (its best weights) or a ``.safetensors`` file, which alone is enough.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        tile: ``auto`` takes pictures that exceed the memory in tiles as large as fit, ``off`` none; a number takes
            tiles of that side in px.
        memory: what the process may take, in bytes or as ``"800M"``, ``"2G"``; on a GPU: of its memory. By default
            1.5 GB (a GPU: three quarters of what is free), more where a picture's own pixels need it.

    Returns:
        A `Translator`, for images, arrays and tensors; its call says which, in what ranges.

    Raises:
        UserError: missing, or something else than weights written by training; no such device or precision; memory
            that the program alone takes.
    """
    from img2img.compute.distributed import pick_device

    allowed = None if memory is None else parse_amount("--memory", memory)
    tile = parse_tile(str(tile))
    if precision not in DTYPES:
        raise unknown("precision", precision, DTYPES)
    network, method, shape, fill, seed = _read(weights_path(str(weights)))
    chosen = pick_device(device)
    network = network.to(chosen)
    if getattr(network, "channels_last", False):
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Translator(
        network,
        method,
        shape,
        device=chosen,
        precision=precision,
        tile=tile,
        memory=allowed,
        seed=seed,
        fill=fill,
    )


def _read(path: Path) -> tuple[nn.Module, Method, Shape, tuple[int, ...], int]:
    """The generator that translates, its method and shape, the levels that holes had in training, and its seed."""
    header, tensors = load_weights(path)
    try:
        method = build(Method, header["method"], str(path))
        shape = Shape(**header["shape"])
        networks = method.build_generators(shape.source, shape.target, shape.size)
        networks.load_state_dict(tensors)
        flow = method.build_flow()
        data = header.get("config", {}).get("data", {})
        holes = flow.needs_mask or data.get("synthesis") == "hole"
        fill = tuple(data["hole"]["fill"]) if holes else ()
    except (KeyError, TypeError, RuntimeError) as error:
        raise UserError(f"{path}: its header and its tensors do not fit together ({type(error).__name__})") from error
    # levels for other channels than the network takes fill nothing
    fill = fill if len(fill) == shape.source else ()
    return networks[flow.networks[0]], method, shape, fill, int(header.get("seed", 0))


def weights_header(weights: str | Path) -> dict[str, Any]:
    """What a weights file says of itself: config, task, method, metrics, step."""
    header, _ = load_weights(weights_path(str(weights)))
    return header


def header_for(
    settings_tree: Mapping[str, Any], method_tree: Mapping[str, Any], shape: Shape, seed: int
) -> dict[str, Any]:
    """What goes into a weights file so that it can be used alone."""
    value = {
        "config": settings_tree,
        "task": settings_tree["task"],
        "name": settings_tree["method"],
        "method": method_tree,
        "shape": vars(shape),
        "seed": seed,
    }
    checked: dict[str, Any] = json.loads(json.dumps(value))
    return checked
