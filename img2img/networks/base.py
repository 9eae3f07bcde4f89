"""What all networks share: the attributes inference reads, and checks that need no weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from img2img.errors import UserError
from img2img.types import Verdict

# sixteen times what is published: what a configuration may ask for, or the header of a weights file from a stranger
Width = Annotated[int, Field(ge=1, le=1024)]
Blocks = Annotated[int, Field(ge=1, le=256)]


class Generator(nn.Module):
    """A network that makes pictures (NCHW in [-1, 1]) or vectors.

    Attributes:
        multiple: height and width of its input must be multiples of this many pixels.
        minimum: least side in pixels at which no normalisation sees one value per channel at batch 1.
        radius: pixels around an output pixel that it depends on while statistics are fixed; None for the whole picture.
        vector: whether it maps vectors to vectors.
        latent: length of the z it starts from, or None.
        whole_only: whether a part of a picture means nothing to it, so that it cannot be used in tiles.
        channels_last: whether it computes in this memory layout (docs/speed.md has measurements on CPUs); None leaves
            it to the device (`img2img.networks.layout`).
    """

    multiple: int = 1
    minimum: int = 1
    radius: int | None = None
    vector: bool = False
    latent: int | None = None
    whole_only: bool = False
    channels_last: bool | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, C, H, W), sides multiples of `multiple`, or vectors (N, F), to the same of its making."""
        raise NotImplementedError

    __call__: Callable[..., Tensor]


class Critic(nn.Module):
    """A network that judges: returns a `Verdict` with logits and the hidden layers after their activations.

    Attributes:
        channels_last: as a `Generator`'s.
    """

    channels_last: bool | None = None

    def forward(self, x: Tensor) -> Verdict:
        """The verdict on a batch."""
        raise NotImplementedError

    __call__: Callable[..., Verdict]


def count_parameters(module: nn.Module) -> int:
    """Number of trainable values."""
    return sum(parameter.numel() for parameter in module.parameters())


def check_training_shape(network: nn.Module, shape: tuple[int, ...], given: Mapping[str, Tensor] | None = None) -> Any:
    """Refuse a training batch that a network cannot take, or that would give a normalisation one value per channel.

    Found by a forward without data (meta device), whatever the network is made of.

    Args:
        shape: of the input batch, (N, C, H, W) or (N, F).
        given: what else the network is called with by name, on the meta device.

    Returns:
        What the network makes of it: shapes without values, on the meta device.

    Raises:
        UserError: with the layer's place and what to change.
    """
    with torch.device("meta"):
        twin = copy.deepcopy(network).to("meta").train()
    found: list[str] = []

    def watch(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def look(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            given = inputs[0].shape
            per_channel = given.numel() // given[1]
            if isinstance(module, nn.modules.instancenorm._InstanceNorm):
                per_channel = per_channel // given[0]
            if per_channel == 1:
                found.append(f"{name} sees {'x'.join(str(side) for side in given[2:]) or 'one value'}")
                raise _OneValueError

        return look

    for name, module in twin.named_modules():
        if isinstance(module, nn.modules.batchnorm._NormBase):
            module.register_forward_pre_hook(watch(name))
    try:
        with torch.no_grad():
            answer = twin(torch.empty(shape, device="meta"), **(given or {}))
    except _OneValueError:
        size = "x".join(str(side) for side in shape[2:])
        raise UserError(
            f"a batch of {shape[0]} at {size} px gives the normalisation {found[0]}: one value per channel, whose "
            f"normalised value is always 0; use a larger train.batch or data.crop, or a network with fewer levels"
        ) from None
    except RuntimeError as error:
        _check_multiple(network, shape)
        raise UserError(_misfit(twin, shape, error)) from error
    _check_multiple(network, shape)
    return answer


def _check_multiple(network: nn.Module, shape: tuple[int, ...]) -> None:
    """Refuse sides that the network cannot halve as often as it does."""
    multiple = int(getattr(network, "multiple", 1))
    if len(shape) != 4 or not any(side % multiple for side in shape[2:]):
        return
    below = min(shape[2:]) // multiple * multiple
    near = [side for side in (below, below + multiple) if side]
    raise UserError(
        f"data.crop: the network takes sides that are multiples of {multiple} px, training samples are "
        f"{shape[3]}x{shape[2]}; set {' or '.join(f'data.crop={side}' for side in near)}"
    )


def _misfit(twin: nn.Module, shape: tuple[int, ...], error: RuntimeError) -> str:
    """Why a network on the meta device cannot take a batch: too small a picture is told from all else by trying."""
    largest = max(shape[2:], default=0)
    for side in (2**power for power in range(3, 11)):
        if len(shape) != 4 or side <= largest:
            continue
        try:
            with torch.no_grad():
                twin(torch.empty((*shape[:2], side, side), device="meta"))
        except (RuntimeError, _OneValueError):
            continue
        return f"data.crop: samples of {shape[3]}x{shape[2]} px are too small for the network; set data.crop={side}"
    size = "x".join(str(side) for side in shape[1:])
    return f"the network cannot take batches of shape {shape[0]}x{size}: {str(error).splitlines()[0]}"


class _OneValueError(Exception):
    pass
