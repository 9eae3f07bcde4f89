"""Small classifiers whose weights come with the package: NAME.safetensors (fp16), and what NAME.yaml says of them.

Both are written by ``tools/train_features.py NAME``.
"""

from __future__ import annotations

import hashlib
from functools import cache, partial
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from safetensors.torch import load
from torch import Tensor

from img2img.config import build, options, read_yaml
from img2img.errors import UserError
from img2img.metrics.sets.spaces.base import Space, Spaced, of_network, resized
from img2img.networks.classifier import SmallClassifier

FOLDER = Path(__file__).parent


@options
class Shipped:
    """What is known of a shipped classifier."""

    data: Annotated[str, Field(min_length=1, description="pictures it was trained on, and how many")]
    test: Annotated[str, Field(min_length=1, description="pictures it was tested on, and how many")]
    accuracy: Annotated[float, Field(ge=0, le=1, description="share of these that it tells the class of")]
    licence: Annotated[str, Field(min_length=1, description="of the weights, and what is known of the data's")]
    command: Annotated[str, Field(min_length=1, description="what made it")]
    layer: Annotated[str, Field(min_length=1, description="what the features are")]
    widths: Annotated[tuple[int, ...], Field(min_length=5, max_length=5, description="channels of the convolutions")]
    classes: Annotated[tuple[str, ...], Field(min_length=2, description="names, in the order of the logits")]
    side: Annotated[int, Field(ge=4, description="px of the pictures it looks at")]
    grey: Annotated[bool, Field(description="whether it looks at the mean of R, G and B")]
    sha256: Annotated[str, Field(description="of the file of weights, or empty before it was made")] = ""


def network_of(entry: Shipped) -> SmallClassifier:
    """The network of an entry, initialised anew."""
    return SmallClassifier(1 if entry.grey else 3, entry.widths, len(entry.classes))


def seen(levels: Tensor, entry: Shipped) -> Tensor:
    """(N, 3, H, W) levels, 0 to 255, as a shipped classifier looks at them: (N, 1 or 3, side, side) in [-1, 1]."""
    levels = levels.mean(1, keepdim=True) if entry.grey else levels
    return resized(levels, entry.side) / 127.5 - 1


@cache
def read_shipped(name: str) -> Shipped:
    """The entry of a shipped classifier."""
    return build(Shipped, read_yaml(FOLDER / f"{name}.yaml"), f"{name}.yaml")


def load_shipped(name: str) -> SmallClassifier:
    """A shipped classifier in float32 on the CPU.

    Raises:
        UserError: its file is absent, or is not the one that the entry is about.
    """
    entry, path = read_shipped(name), FOLDER / f"{name}.safetensors"
    if not path.is_file():
        raise UserError(f"{path}: is not there; install the package anew, or make it: {entry.command}")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise UserError(
            f"{path}: is not the file that {name}.yaml is about (SHA-256 differs); install the package anew"
        )
    network = network_of(entry)
    network.load_state_dict({key: value.float() for key, value in load(content).items()}, strict=False)
    return network.requires_grad_(False).eval()


def _opened(name: str, device: torch.device) -> Spaced:
    network, entry = load_shipped(name).to(device), read_shipped(name)
    return of_network(name, lambda levels: network(seen(levels, entry)), device)


def shipped_space(name: str) -> Space:
    """The space of a shipped classifier."""
    entry = read_shipped(name)
    colours = "the mean of R, G and B" if entry.grey else "R, G and B"
    line = (
        f"{entry.widths[-1]} features, {entry.layer} of a small classifier of {entry.data} (right on "
        f"{100 * entry.accuracy:.4g} % of {entry.test}), which looks at {colours} at {entry.side}x{entry.side} px, "
        f"other sizes resized (bilinear, low-pass filtered); weights {entry.sha256[:8]}"
    )
    return Space(name, entry.widths[-1], len(entry.classes), line, partial(_opened, name))
