"""Features of Inception v3: FID's own network by torch-fidelity, and torchvision's, where their weights are there."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from img2img.errors import UserError
from img2img.metrics.sets.spaces.base import Network, Space, Spaced, of_network, resized
from img2img.networks.features import IMAGENET_MEAN, IMAGENET_STD, read_state, torchvision_models

SIDE, FEATURES = 299, 2048
FIDELITY = "weights-inception-2015-12-05-6726825d.pth"
FIDELITY_URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FIDELITY}"
TORCHVISION = "inception_v3_google-0cc3c7bd.pth"
TORCHVISION_URL = f"https://download.pytorch.org/models/{TORCHVISION}"


def weights_in_cache(space: str, name: str, url: str) -> Path:
    """A file in torch's cache, whose name ends with the begin of its SHA-256.

    Raises:
        UserError: it is not there, or is another file.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not path.is_file():
        raise UserError(f"{space} needs weights that are not here, and nothing is downloaded: put {url} at {path}")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(path.stem.rpartition("-")[2]):
        raise UserError(f"{path}: is damaged (its SHA-256 is another): put {url} there anew")
    return path


@cache
def fidelity_network() -> Network:
    """FID's network: 2048 features, and the logits without their bias, as the inception score takes them.

    Levels (N, 3, H, W) are resized and scaled within, as TensorFlow 1 did.

    Raises:
        UserError: torch-fidelity or the weights are absent.
    """
    path = weights_in_cache("inception", FIDELITY, FIDELITY_URL)
    if find_spec("torch_fidelity") is None:
        raise UserError("inception is built by torch-fidelity, which is not installed: pip install torch-fidelity")
    torchvision_models()
    build: Callable[..., Any] = importlib.import_module("torch_fidelity").FeatureExtractorInceptionV3
    built = build("inception-v3-compat", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(path))

    def network(levels: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = built.to(levels.device)(levels.round().to(torch.uint8))
        return features, logits

    return network


@cache
def torchvision_network() -> Network:
    """torchvision's Inception v3: 2048 features and the logits of ImageNet's classes.

    Raises:
        UserError: torchvision or the weights are absent.
    """
    path = weights_in_cache("inception_torchvision", TORCHVISION, TORCHVISION_URL)
    built = torchvision_models().inception_v3(weights=None, transform_input=True, aux_logits=True, init_weights=False)
    try:
        built.load_state_dict(read_state(path, "inception_torchvision"))
    except RuntimeError as error:
        raise UserError(f"{path}: no weights of Inception v3: put {TORCHVISION_URL} there anew") from error
    head, built.fc = built.fc, nn.Identity()
    built.requires_grad_(False).eval()
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))

    def network(levels: Tensor) -> tuple[Tensor, Tensor]:
        pictures = resized(levels, SIDE) / 255
        features = built.to(levels.device)((pictures - mean.to(levels)) / std.to(levels))
        return features, head.to(levels.device)(features)

    return network


def _opened(name: str, network: Callable[[], Network], device: torch.device) -> Spaced:
    return of_network(name, network(), device, 25)


INCEPTION = Space(
    "inception",
    FEATURES,
    1008,
    f"{FEATURES} features of FID's Inception v3 (2015-12-05, by torch-fidelity), which looks at R, G and B at "
    f"{SIDE}x{SIDE} px, other sizes resized as TensorFlow 1 did (bilinear, not filtered)",
    partial(_opened, "inception", fidelity_network),
)
INCEPTION_TORCHVISION = Space(
    "inception_torchvision",
    FEATURES,
    1000,
    f"{FEATURES} features of torchvision's Inception v3, which is not FID's network and looks at R, G and B at "
    f"{SIDE}x{SIDE} px, other sizes resized (bilinear, low-pass filtered)",
    partial(_opened, "inception_torchvision", torchvision_network),
)
