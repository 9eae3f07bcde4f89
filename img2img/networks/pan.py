"""PAN's transformation network and critic (Wang et al. 2018; layer facts from the author's and two other programs)."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from img2img.config import options
from img2img.errors import UserError
from img2img.networks.base import Critic, Generator, Width
from img2img.networks.neck import Neck, NeckGenerator
from img2img.networks.norm import scaled
from img2img.types import Verdict

ENCODERS = {"6+6": (64, 128, 256, 512, 512, 512), "8+8": (64, 128, 256, 512, 512, 512, 512, 512)}
DECODERS = {"6+6": (512, 256, 128, 64, 64), "8+8": (512, 512, 512, 512, 256, 128, 64)}


class PanGenerator(Generator):
    """k3 s2 convolutions down, k4 s2 transposed convolutions up, mirrored levels concatenated before the ReLU.

    In the 6+6 form level 1 has no norm and is not concatenated; in the 8+8 form (the author's release) levels 1 to 7
    have one and all are concatenated, level 8 has none. The concatenated tensor is the one after the norm and before
    the LeakyReLU, or with ``skip: before_norm`` the convolution's raw output (the release's).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        form: str,
        width: int,
        skip_before_norm: bool,
        dropout: bool,
        first_std: float,
    ) -> None:
        super().__init__()
        down = [scaled(channels, width) for channels in ENCODERS[form]]
        up = [scaled(channels, width) for channels in DECODERS[form]]
        levels = len(down)
        self.skip_before_norm = skip_before_norm
        normed = range(1, levels) if form == "6+6" else range(levels - 1)
        self.skipped = range(1, levels - 1) if form == "6+6" else range(levels - 1)
        self.convs = nn.ModuleList(
            nn.Conv2d(in_channels if i == 0 else down[i - 1], down[i], 3, 2, 1) for i in range(levels)
        )
        self.convs[0].init_std = first_std  # type: ignore[assignment]
        self.norms = nn.ModuleList(nn.BatchNorm2d(down[i]) if i in normed else nn.Identity() for i in range(levels))
        self.deconvs = nn.ModuleList()
        self.upnorms = nn.ModuleList()
        given = down[-1]
        for place, made in enumerate(up):
            self.deconvs.append(nn.ConvTranspose2d(given, made, 4, 2, 1))
            norm: nn.Module = nn.BatchNorm2d(made)
            self.upnorms.append(nn.Sequential(norm, nn.Dropout(0.5)) if dropout and place < 3 else norm)
            mirror = levels - 2 - place
            given = made + (down[mirror] if mirror in self.skipped else 0)
        self.last = nn.ConvTranspose2d(given, out_channels, 4, 2, 1)
        self.multiple = 2**levels
        # the innermost map has a norm in the 6+6 form only
        self.minimum = self.multiple * (2 if form == "6+6" else 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for conv, norm in zip(self.convs, self.norms, strict=True):
            raw = conv(x)
            x = norm(raw)
            kept.append(raw if self.skip_before_norm else x)
            x = nn.functional.leaky_relu(x, 0.2)
        levels = len(self.convs)
        for place, (deconv, norm) in enumerate(zip(self.deconvs, self.upnorms, strict=True)):
            x = norm(deconv(x))
            mirror = levels - 2 - place
            if mirror in self.skipped:
                x = torch.cat([x, kept[mirror]], dim=1)
            x = nn.functional.relu(x)
        return torch.tanh(self.last(x))


@options
class PanT:
    """PAN's T: ``6+6`` levels (16,831,875 parameters), the release's ``8+8`` (45,873,987), or ``neck`` (69,896,291).

    The last is that of in-painting (models.py of the release): it makes the central half of a picture of 128 px alone.
    """

    width: Annotated[
        Width, Field(description="channels of the first level (published: 64); the others in proportion")
    ] = 64
    form: Annotated[
        Literal["6+6", "8+8", "neck"],
        Field(description="levels down and up: the paper's, or the release's; neck: its own for a hole in the centre"),
    ] = "6+6"
    neck: Annotated[Neck, Field(description="channels of the 1x1 map in the middle of form neck, at width 64")] = 4000
    skip: Annotated[
        Literal["after_norm", "before_norm"],
        Field(description="what is concatenated: the norm's output, or the convolution's raw one (the release)"),
    ] = "after_norm"
    dropout: Annotated[bool, Field(description="dropout 0.5 on the three innermost levels of the decoder")] = False
    first_std: Annotated[
        float,
        Field(gt=0, description="standard deviation of the first convolution's initial weights (the release: 0.05)"),
    ] = 0.02

    @property
    def centre_only(self) -> bool:
        """Whether it makes the central half of a picture alone."""
        return self.form == "neck"

    def build(self, *, in_channels: int, out_channels: int, size: int | None) -> PanGenerator | NeckGenerator:
        if self.form == "neck":
            return NeckGenerator(in_channels, out_channels, size, self.width, self.neck, kernel=3)
        before = self.skip == "before_norm"
        return PanGenerator(in_channels, out_channels, self.form, self.width, before, self.dropout, self.first_std)


class PanCriticNetwork(Critic):
    """Nine k3 convolutions and a linear layer whose width follows the crop; features are layers 1 to 9 activated."""

    STAGES = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 2), (8, 2))

    def __init__(
        self, in_channels: int, size: int, width: int, first_tanh: bool, last_linear: bool, patch: bool
    ) -> None:
        super().__init__()
        layers = []
        given, side = in_channels, size
        for place, (channels, stride) in enumerate(self.STAGES):
            last = place == len(self.STAGES) - 1
            made = channels if last else scaled(channels, width)
            padding, stride = (0 if patch and place == 0 else 1), (1 if patch and last else stride)
            side = (side + 2 * padding - 3) // stride + 1
            parts: list[nn.Module] = [nn.Conv2d(given, made, 3, stride, padding)]
            if 0 < place < len(self.STAGES) - 1:
                parts.append(nn.BatchNorm2d(made, track_running_stats=False))
            if place == 0 and first_tanh:
                parts[0].init_std = 0.5  # type: ignore[assignment]
                parts.append(nn.Tanh())
            elif not (last and last_linear):
                parts.append(nn.LeakyReLU(0.2, inplace=True))
            layers.append(nn.Sequential(*parts))
            given = made
        self.layers = nn.ModuleList(layers)
        self.size = size
        self.linear = nn.Linear(8 * side**2, 1)

    def forward(self, x: Tensor) -> Verdict:
        if tuple(x.shape[2:]) != (self.size, self.size):
            raise UserError(
                f"PAN's critic was built for {self.size}x{self.size} px (its last layer is sized by the crop), "
                f"got {x.shape[3]}x{x.shape[2]}"
            )
        features = []
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return Verdict((self.linear(x.flatten(1)),), tuple(features))


@options
class PanCritic:
    """PAN's critic (7,050,249 parameters at 256 px); its last layer is sized by the training crop."""

    width: Annotated[
        Width, Field(description="channels of the first layer (published: 64); the others but the last in proportion")
    ] = 64
    first: Annotated[
        Literal["lrelu", "tanh"],
        Field(description="activation of the first layer; tanh, with weights N(0, 0.5), is the author's release"),
    ] = "lrelu"
    form: Annotated[
        Literal["picture", "patch"],
        Field(description="patch: the release's for holes: no border in the first layer, no stride in the last"),
    ] = "picture"
    last: Annotated[
        Literal["lrelu", "linear"],
        Field(description="activation of the last convolution; linear is the author's release"),
    ] = "lrelu"

    def build(self, *, in_channels: int, size: int | None) -> PanCriticNetwork:
        if size is None or size < 32 or size % 32:
            raise UserError(
                f"critic pan: the crop must be a multiple of 32 px (its last layer is sized by it), got {size}"
            )
        first_tanh, last_linear, patch = self.first == "tanh", self.last == "linear", self.form == "patch"
        return PanCriticNetwork(in_channels, size, self.width, first_tanh, last_linear, patch)
