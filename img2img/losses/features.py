"""Distances between what a frozen, trained network sees in the fake and in the target."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from img2img.config import options
from img2img.errors import UserError
from img2img.losses.games import at_least_fp32
from img2img.networks.features import FEATURES, FrozenFeatures, frozen_features
from img2img.types import ForwardView

Network = Annotated[
    Literal["vgg16", "vgg19", "stlpips_vgg16", "hed_vgg16"],
    Field(
        description="frozen features: ImageNet's by torchvision, or of packages that bring weights (docs/methods.md)"
    ),
]
File = Annotated[
    str | None,
    Field(description="the network's weights (.pth, .safetensors, .h5); null: torch's cache, or the package's own"),
]
Layers = Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)]


@cache
def _kept(
    name: str, file: str | None, wanted: tuple[str, ...], changed: int, device: torch.device, dtype: torch.dtype
) -> FrozenFeatures:
    """One copy a device and a type of numbers; ``changed`` is when the file was, so that another is read anew."""
    return frozen_features(name, file, wanted).to(device=device, dtype=dtype)


def network_for(name: str, file: str | None, wanted: tuple[str, ...], images: Tensor) -> FrozenFeatures:
    """The feature network beside ``images``, in their type of numbers (weights are fp32 under autocast)."""
    changed = Path(file).stat().st_mtime_ns if file is not None and Path(file).is_file() else 0
    dtype = torch.float64 if images.dtype == torch.float64 else torch.float32
    return _kept(name, file, wanted, changed, images.device, dtype)


def seen(view: ForwardView, network: FrozenFeatures) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
    """Activations of (fake, target) by layer; the gradient goes to the fake alone."""
    target = view.batch.target
    if target is None:
        raise UserError("a loss of features needs data with a target")
    return view.run(network, view.images["fake"]), view.run(network, target)


@options
class Perceptual:
    """Sum over layers of weight times the mean absolute or squared difference of activations.

    L2 of relu2_2 is ID-CGAN's (Zhang, Sindagi, Patel 2017, eq. 7) and the feature reconstruction loss of Johnson et al.
    (2016, eq. 2): both divide by the number of elements. Logs each layer's share where there are several.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"target"})
    network: Network = "vgg16"
    weights_file: File = None
    layers: Annotated[Layers, Field(description="weight of each layer; relu2_2 is the second of block 2")] = Field(
        default_factory=lambda: {"relu2_2": 1.0}
    )
    distance: Annotated[Literal["l1", "l2"], Field(description="between activations: absolute or squared")] = "l2"

    def prepare(self) -> None:
        """Read the weights, so that what is wrong with them is said before anything is trained."""
        network_for(self.network, self.weights_file, tuple(self.layers), torch.empty(0))

    def __call__(self, view: ForwardView) -> Tensor:
        network = network_for(self.network, self.weights_file, tuple(self.layers), view.images["fake"])
        fake, target = seen(view, network)
        shares = []
        for layer, weight in self.layers.items():
            difference = at_least_fp32(fake[layer]) - at_least_fp32(target[layer])
            size = difference.abs() if self.distance == "l1" else difference.square()
            shares.append(weight * size.mean())
            if len(self.layers) > 1:
                view.log(f"perceptual/{layer}", shares[-1])
        return torch.stack(shares).sum()


@options
class Lpips:
    """LPIPS' form (Zhang et al. 2018, eq. 1), mean over the batch.

    Activations of the last layer of each block are brought to length 1 at every pixel; squared differences are weighted
    by channel, summed, averaged over pixels, and summed over layers. ``stlpips_vgg16`` brings learned weights of the
    channels (ST-LPIPS); the others have none here: all channels count 1 over their number, which is not LPIPS'
    own scale.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"target"})
    network: Network = "stlpips_vgg16"
    weights_file: File = None
    blocks: Annotated[int, Field(ge=1, le=5, description="blocks compared, from the first on; LPIPS has all 5")] = 5

    @property
    def layers(self) -> tuple[str, ...]:
        """The last activation of each block compared (Zhang et al. 2018)."""
        lasts = FEATURES[self.network].convolutions[: self.blocks]
        return tuple(f"relu{block}_{last}" for block, last in enumerate(lasts, 1))

    def prepare(self) -> None:
        """Read the weights, so that what is wrong with them is said before anything is trained."""
        network_for(self.network, self.weights_file, self.layers, torch.empty(0))

    def __call__(self, view: ForwardView) -> Tensor:
        network = network_for(self.network, self.weights_file, self.layers, view.images["fake"])
        fake, target = seen(view, network)
        shares = []
        for layer in self.layers:
            difference = (_unit(fake[layer]) - _unit(target[layer])).square()
            head = network.heads[layer].view(1, -1, 1, 1) if layer in network.heads else 1 / difference.shape[1]
            shares.append((difference * head).sum(1).mean())
        return torch.stack(shares).sum()


def _unit(activations: Tensor) -> Tensor:
    """Of length 1 over the channels; the small number keeps the gradient finite where all are 0."""
    activations = at_least_fp32(activations)
    return activations * torch.rsqrt(activations.square().sum(1, keepdim=True) + 1e-10)
