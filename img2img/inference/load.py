"""Translators of what training wrote, and of networks in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, cast

import torch
from torch import nn

from img2img.compute.precision import DTYPES, is_fast_in_bf16
from img2img.config import build
from img2img.data.holes import fill_levels
from img2img.data.labels import LabelMaps
from img2img.data.rows import ArrayRecipe
from img2img.data.samples import PLAIN_FORMS
from img2img.data.source_statistics import SourceStatistics
from img2img.errors import UserError, unknown
from img2img.images.form import Forms
from img2img.inference.budget import parse_amount
from img2img.inference.ensemble import SIZES, Ensemble, SelfEnsemble
from img2img.inference.tiles import Tile, parse_tile
from img2img.inference.translator import Translator
from img2img.networks.layout import to_device
from img2img.recipes.method import Method
from img2img.recipes.saved import SavedGenerators, load_generators
from img2img.weights.file import read_header, weights_path
from img2img.weights.header import Shape, WeightsHeader

DIRECTIONS = ("AtoB", "BtoA")
PRECISIONS = ("auto", *DTYPES)
# dB of PSNR that ``auto`` may give away for speed
MOST_LOST_DB = 0.05


def translator_of(
    networks: nn.ModuleDict,
    method: Method,
    shape: Shape,
    device: torch.device,
    precision: str,
    seed: int = 0,
    *,
    grey_targets: bool = False,
    forms: Forms = PLAIN_FORMS,
    labels: LabelMaps | None = None,
    back: bool = False,
) -> Translator:
    """The translator of networks in memory (validation).

    With ``back`` that of the way back, which the flow must have.
    """
    flow = method.build_flow()
    name = flow.networks[0]
    if back:
        if flow.way_back is None:
            raise LookupError("this flow has no way back")
        name, shape, grey_targets = flow.way_back, replace(shape, source=shape.target, target=shape.source), False
    _, inference = method.generator_spec()
    # training has the memory it has: validation must not stop where --memory would ask for more
    whole_only = inference.norm == "batch" or getattr(networks[name], "whole_only", False)
    tile: Tile = "off" if whole_only else "auto"
    return Translator(
        networks[name],
        method,
        shape,
        device=device,
        precision=precision,
        tile=tile,
        seed=seed,
        grey_targets=grey_targets,
        forms=forms.back if back else forms,
        labels=labels,
    )


class Told(TypedDict):
    """What a translator is told of its weights and of its sides' files."""

    name: str
    forms: Forms
    labels: LabelMaps | None


def load(
    weights: str | Path,
    device: str = "auto",
    precision: str = "fp32",
    tile: Tile = "auto",
    memory: str | int | None = None,
    direction: str | None = None,
    ensemble: int = 1,
) -> Translator:
    """The translator of a training: call it with a picture and it gives the picture translated.

    Examples:
        >>> derain = img2img.load("derain")
        >>> dry = derain(PIL.Image.open("rainy.jpg"))

    Args:
        weights: the name of shipped weights (``img2img list weights``), a run directory (its best weights) or a
            ``.safetensors`` file, which alone is enough.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        precision: ``fp32``, ``bf16`` or ``fp16``; ``auto`` is bf16 where the device has instructions for it and the
            weights say that it costs at most 0.05 dB (those that are shipped do), else fp32.
        tile: ``auto`` takes pictures that exceed the memory in tiles as large as fit, ``off`` none; a number takes
            tiles of that side in px.
        memory: what the process may take, in bytes or as ``"800M"``, ``"2G"``; on a GPU: of its memory. By default
            1.5 GB (a GPU: three quarters of what is free), more where a picture's own pixels need it.
        direction: ``AtoB`` or ``BtoA``, as in ``data.direction``; by default as the training had it. The other one
            takes the way back, which CycleGAN's weights hold.
        ensemble: results are the mean over so many views: 2 mirrored left to right, 4 upside down too, 8 turned too.

    Returns:
        A `Translator`, for images, arrays and tensors; its call says which, in what ranges.

    Raises:
        UserError: missing, or something else than weights written by training; no such device or precision; memory
            that the program alone takes; a direction that these weights do not translate in.
    """
    from img2img.compute.distributed import pick_device

    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    path = weights_path(str(weights))
    saved = load_generators(path)
    name, shape = _way(saved, path, direction)
    chosen = pick_device(device)
    to_device(saved.networks[name], chosen)
    return Translator(
        _ensemble(saved.networks[name], ensemble, saved.method),
        saved.method,
        shape,
        device=chosen,
        precision=_fastest(saved.header, chosen) if precision == "auto" else precision,
        tile=parse_tile(str(tile)),
        memory=None if memory is None else parse_amount("--memory", memory),
        seed=saved.header.seed,
        fill=_fill(saved, path, shape),
        statistics=saved.header.source_statistics,
        grey_targets=saved.header.grey_targets,
        array=saved.header.array,
        **_told(path, saved.header, goes_back(saved.header, direction)),
    )


def _told(path: Path, header: WeightsHeader, back: bool) -> Told:
    """The weights' name and what the two sides are, on the way that is taken: ``back`` is not the training's."""
    forms, labels = header.forms, header.labels
    name = f"{header.name} of {path}" if header.name else str(path)
    if not back:
        return {"name": name, "forms": forms, "labels": labels}
    turned = None if labels is None else replace(labels, side="source" if labels.side == "target" else "target")
    return {"name": name, "forms": forms.back, "labels": turned}


def _ensemble(network: nn.Module, count: int, method: Method) -> nn.Module:
    """A network, or the mean of what it gives for ``count`` views of a picture."""
    if count not in SIZES:
        raise UserError(f"--ensemble {count}: 1 (none), 2, 4 or 8 views of a picture")
    if count > 1 and method.build_flow().from_noise:
        raise UserError(f"--ensemble {count}: these weights make pictures from noise, of which there are no views")
    return network if count == 1 else SelfEnsemble(network, cast(Ensemble, count))


def other_direction(weights: str | Path, direction: str | None) -> str:
    """The direction that leads back from results of `load` in ``direction`` to what they were made from.

    Raises:
        UserError: weights of one network, which do not go back; another word than AtoB or BtoA.
    """
    header = read_header(weights_path(str(weights)))
    if header.method and build(Method, header.method, str(weights)).build_flow().way_back is None:
        raise UserError(f"--cycle: {weights} holds no network for the way back; leave it out")
    trained = header.data.get("direction", DIRECTIONS[0])
    turned = trained if goes_back(header, direction) else next(way for way in DIRECTIONS if way != trained)
    return str(turned)


def _fastest(header: WeightsHeader, device: torch.device) -> str:
    """The fastest precision whose results are as good as fp32's."""
    cost = header.release.get("bf16_costs")
    cheap = isinstance(cost, int | float) and cost <= MOST_LOST_DB
    return "bf16" if cheap and is_fast_in_bf16(device) else "fp32"


def _way(saved: SavedGenerators, path: Path, direction: str | None) -> tuple[str, Shape]:
    """The generator that translates in a direction, by name, and the channels of its two sides."""
    flow, shape = saved.method.build_flow(), saved.shape
    if not goes_back(saved.header, direction):
        return flow.networks[0], shape
    if flow.way_back is None:
        raise UserError(f"--direction {direction}: {path} holds no network for the way back{_trained(saved.header)}")
    return flow.way_back, replace(shape, source=shape.target, target=shape.source)


def _fill(saved: SavedGenerators, path: Path, shape: Shape) -> tuple[int, ...]:
    """The levels (0 to 255, as shares of the range) that holes had in training; empty where there were none."""
    header = saved.header
    if not (saved.method.build_flow().needs_mask or header.data.get("synthesis") == "hole"):
        return ()
    try:
        fill = tuple(header.data["hole"]["fill"])
    except (KeyError, TypeError) as error:
        raise UserError(f"{path}: its header does not say how holes are filled (config.data.hole.fill)") from error
    return fill_levels(fill, shape.source)


def goes_back(header: WeightsHeader, direction: str | None) -> bool:
    """Whether a ``direction`` (None: as trained) is the way back of the training that a header tells of.

    Raises:
        UserError: another word than AtoB or BtoA.
    """
    if direction is not None and direction not in DIRECTIONS:
        raise unknown("direction", direction, DIRECTIONS, "--direction")
    return direction is not None and direction != header.data.get("direction", DIRECTIONS[0])


def _trained(header: WeightsHeader) -> str:
    return f": {header.name} trains one network, {header.data.get('direction', DIRECTIONS[0])}; leave --direction out"


def weights_header(weights: str | Path) -> dict[str, Any]:
    """What a weights file says of itself: config, task, method, metrics, step."""
    return read_header(weights_path(str(weights))).to_json()


def header_for(
    settings_tree: Mapping[str, Any],
    method_tree: Mapping[str, Any],
    shape: Shape,
    seed: int,
    *,
    statistics: SourceStatistics | None = None,
    grey_targets: bool = False,
    forms: Forms = PLAIN_FORMS,
    fingerprint: Mapping[str, Any] | None = None,
    labels: LabelMaps | None = None,
    array: ArrayRecipe | None = None,
) -> dict[str, Any]:
    """What goes into a weights file so that it can be used alone."""
    header = WeightsHeader(
        config=settings_tree,
        task=settings_tree["task"],
        name=settings_tree["method"],
        method=method_tree,
        shape=shape,
        source_statistics=statistics,
        grey_targets=grey_targets,
        forms=forms,
        labels=labels,
        array=array,
        seed=seed,
        fingerprint=fingerprint or {},
    )
    checked: dict[str, Any] = json.loads(json.dumps(header.to_json()))
    return checked
