"""pix2pixHD's critics (Wang et al. 2018, section 3.2): one PatchGAN a scale, none sharing weights with another."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from img2img.config import options
from img2img.errors import UserError
from img2img.networks.base import Critic, Width
from img2img.networks.norm import Norm
from img2img.networks.patchgan import Layers, PatchCritic, patch_critic
from img2img.types import Verdict


class MultiscaleCritic(Critic):
    """Critics of the picture, of its half, of its quarter, ...; each halving a mean over 3x3 px, stride 2.

    (N, C, H, W) in [-1, 1] -> a map of logits (N, 1, h, w) a scale, the full size first; features of all scales in the
    same order, as many of each. Pixels outside the picture do not count in a mean, as in the authors' program.
    """

    def __init__(self, critics: list[PatchCritic]) -> None:
        super().__init__()
        self.channels_last = critics[0].channels_last
        self.critics = nn.ModuleList(critics)

    def forward(self, x: Tensor) -> Verdict:
        verdicts: list[Verdict] = []
        for critic in self.critics:
            if verdicts:
                x = avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            verdicts.append(critic(x))
        logits = tuple(scale for verdict in verdicts for scale in verdict.logits)
        return Verdict(logits, tuple(feature for verdict in verdicts for feature in verdict.features))


@options
class Multiscale:
    """PatchGANs at 1, 1/2, 1/4, ... of the size, whose convolutions are padded by 2 px (2,767,809 parameters each)."""

    width: Annotated[Width, Field(description="channels of the first layer of each scale, doubled up to eightfold")] = (
        64
    )
    layers: Annotated[Layers, Field(description="strided layers of each scale")] = 3
    scales: Annotated[
        int, Field(ge=1, le=6, description="sizes that are judged (the paper: 3, the authors' program: 2)")
    ] = 3
    norm: Annotated[
        Norm, Field(description="normalisation from the second layer on; gradient penalties need none or instance")
    ] = "instance"

    def build(self, *, in_channels: int, size: int | None) -> MultiscaleCritic:
        if size is None:
            raise UserError("critic 'multiscale' judges pictures; these data are vectors: take mlp")
        return MultiscaleCritic(
            [patch_critic(in_channels, self.width, self.layers, self.norm, padding=2) for _ in range(self.scales)]
        )
