"""Which order of a picture's values in memory a network computes in, and bringing it to its device so."""

from __future__ import annotations

import torch
from torch import nn

from img2img.networks.padding import ReflectionPad

# kernels of CUDA that take channels first alone: each would copy its input and its result into the other order
CHANNELS_FIRST = (nn.modules.instancenorm._InstanceNorm, nn.modules.padding._ReflectionPadNd, ReflectionPad)


def is_channels_last(network: nn.Module, device: torch.device) -> bool:
    """Whether a network computes in channels last on a device: as its ``channels_last`` says, or None leaves open.

    Then not on CPUs, where it depends on the network's shapes, and on CUDA, whose tensor cores want it, unless it has
    layers that work in channels first.
    """
    said: bool | None = getattr(network, "channels_last", None)
    if said is not None:
        return said
    return device.type == "cuda" and not any(isinstance(module, CHANNELS_FIRST) for module in network.modules())


def to_device(network: nn.Module, device: torch.device) -> None:
    """Bring a network to a device, in the order of values that it computes in there, in place."""
    if is_channels_last(network, device):
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.to(device)
