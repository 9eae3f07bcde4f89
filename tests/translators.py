"""Translators for tests: small generators by their options, in memory or as weights files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from conftest import small
from img2img.config import build, plain
from img2img.inference import Shape, Translator, header_for, translator_of
from img2img.networks.init import initialize
from img2img.randomness import torch_generator
from img2img.recipes.blueprint import draw_up
from img2img.recipes.method import Method
from img2img.weights.file import save_weights

IDCGAN = {"name": "idcgan", "width": 8}


def sources(count: int, height: int = 24, width: int = 36) -> torch.Tensor:
    """Random pictures (count, 3, height, width) in [-1, 1]."""
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


def translator(generator: dict[str, Any], size: int | None = 64, seed: int = 0, **method: Any) -> Translator:
    """A translator of pictures with three channels; its weights are of this seed."""
    made = build(Method, {"generator": generator, "generator_losses": {"l1": 1}, **method}, "test")
    networks = draw_up(made, Shape(source=3, target=3, size=size)).build_generators()
    for network in networks.values():
        initialize(network, "normal", torch_generator(seed, "test"))
    return translator_of(networks, made, Shape(source=3, target=3, size=size), torch.device("cpu"), "fp32")


def unsettled(generator: dict[str, Any], **inference: object) -> Translator:
    """A translator whose running statistics are not those of any picture, and whose weights are large enough to see."""
    made = translator({**generator, "inference": inference})
    for part in made.network.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(part.weight, generator=torch.Generator().manual_seed(0))
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.fill_(0.02)
            part.running_var.fill_(1.5)
    return made


def weights_file(
    path: Path,
    method: str = "quick",
    task: str | None = None,
    seed: int = 0,
    classes: tuple[int, ...] = (),
    **extra: object,
) -> Path:
    """A weights file as training writes it, of untrained networks (``quick``'s give their input back)."""
    settings = small(method, task, **extra)
    size = None if task == "toy" else settings.data.crop
    channels = 2 if task == "toy" else 3
    shape = Shape(source=channels, target=channels, size=size, classes=classes)
    networks = draw_up(settings.method, shape).build_generators()
    for network in networks.values():
        initialize(network, settings.train.init, torch_generator(seed, "test"))
    save_weights(path, networks, header_for(settings.tree, plain(settings.method), shape, settings.train.seed))
    return path
