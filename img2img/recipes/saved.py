"""The generators of a weights file, rebuilt from what its header says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from img2img.config import build
from img2img.errors import UserError
from img2img.recipes.blueprint import draw_up_generators
from img2img.recipes.method import Method
from img2img.weights.file import MISFIT, check_tensors, load_weights, read_header
from img2img.weights.header import Shape, WeightsHeader


@dataclass(frozen=True)
class SavedGenerators:
    """A weights file in memory: its header, the method and shape in it, and the generators by name, on the CPU."""

    header: WeightsHeader
    method: Method
    shape: Shape
    networks: nn.ModuleDict


def load_generators(path: Path) -> SavedGenerators:
    """The generators of a weights file.

    The file may come from a stranger: sizes beyond the networks' bounds are refused, and the shapes that the header
    asks for are compared with those in the file, before anything takes memory or time.

    Raises:
        UserError: no such file, one of something else, or a header that does not belong to the tensors.
    """
    header = read_header(path)
    if header.shape is None or not header.method:
        raise UserError(f"{path}: {MISFIT}: the header has no {'shape' if header.method else 'method'}")
    method, shape = build(Method, header.method, str(path)), header.shape
    try:
        blueprint = draw_up_generators(method, shape)
        with torch.device("meta"):
            expected = blueprint.build_generators()
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except (KeyError, TypeError, RuntimeError) as error:
        raise UserError(f"{path}: {MISFIT} ({type(error).__name__})") from error
    check_tensors(path, expected)
    networks = blueprint.build_generators()
    networks.load_state_dict(load_weights(path)[1])
    return SavedGenerators(header, method, shape, networks)
