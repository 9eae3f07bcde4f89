"""Networks that make the middle of a picture through a neck of one pixel: Context-Encoder's, PAN's for in-painting."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn

from img2img.config import options
from img2img.errors import UserError
from img2img.networks.base import Generator, Width
from img2img.networks.norm import scaled

# sides of the map before the neck, and of the first after it
INNERMOST = 4
Neck = Annotated[int, Field(ge=1, le=64_000)]


def central_half(x: Tensor) -> Tensor:
    """(..., H, W) -> (..., round(H / 2), round(W / 2)): what lies in the middle, placed as holes of share 0.5 are."""
    height, width = x.shape[-2:]
    down, across = max(1, round(height / 2)), max(1, round(width / 2))
    top, left = (height - down) // 2, (width - across) // 2
    return x[..., top : top + down, left : left + across]


class NeckGenerator(Generator):
    """(N, C, H, W) in [-1, 1] -> the same size, of which the central half is made and the rest is 0.

    Convolutions of ``kernel`` px and stride 2 down to 4x4, one of k4 to a neck of 1x1 (norm from the second on,
    LeakyReLU 0.2), and k4 transposed convolutions up to half of the side (norm, ReLU), tanh. At 128 px: 64, 64, 128,
    256, 512, the neck, 512, 256, 128, 64; a doubling more or less for each doubling of ``size``. Pictures of another
    size than that of training are resized to it, and what is made of them back.
    """

    whole_only = True

    def __init__(
        self, in_channels: int, out_channels: int, size: int | None, width: int, neck: int, kernel: int
    ) -> None:
        super().__init__()
        levels = (size or 0).bit_length() - 3
        if size is None or levels < 2 or size != INNERMOST * 2**levels:
            raise UserError(
                f"a network with a neck takes training samples whose side is a power of two of at least 16 px "
                f"(data.crop), got {size}"
            )
        down = [scaled(64 * min(8, 2 ** max(0, level - 1)), width) for level in range(levels)]
        neck = scaled(neck, width)
        parts: list[nn.Module] = []
        given = in_channels
        for level, channels in enumerate(down):
            parts.append(nn.Conv2d(given, channels, kernel, 2, 1))
            parts += [nn.BatchNorm2d(channels)] if level else []
            parts.append(nn.LeakyReLU(0.2, inplace=True))
            given = channels
        parts += [nn.Conv2d(given, neck, INNERMOST), nn.BatchNorm2d(neck), nn.LeakyReLU(0.2, inplace=True)]
        given = neck
        for level, channels in enumerate(down[:0:-1]):
            parts.append(nn.ConvTranspose2d(given, channels, INNERMOST, 2 if level else 1, 1 if level else 0))
            parts += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
            given = channels
        parts += [nn.ConvTranspose2d(given, out_channels, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*parts)
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        fitting = (height, width) == (self.size, self.size)
        patch: Tensor = self.layers(x if fitting else _resized(x, self.size, self.size))
        down, across = central_half(x).shape[-2:]
        if not fitting:
            patch = _resized(patch, down, across).clamp(-1, 1)
        top, left = (height - down) // 2, (width - across) // 2
        return nn.functional.pad(patch, (left, width - across - left, top, height - down - top))


def _resized(x: Tensor, height: int, width: int) -> Tensor:
    return nn.functional.interpolate(x, size=(height, width), mode="bilinear", antialias=True)


@options
class ContextEncoder:
    """Context-Encoder's in-painting network (Pathak et al. 2016, train.lua): 71,130,531 parameters at 128 px."""

    centre_only: ClassVar[bool] = True

    width: Annotated[
        Width, Field(description="channels of the first level (published: 64); the others in proportion")
    ] = 64
    neck: Annotated[Neck, Field(description="channels of the 1x1 map in its middle, at width 64")] = 4000

    def build(self, *, in_channels: int, out_channels: int, size: int | None) -> NeckGenerator:
        return NeckGenerator(in_channels, out_channels, size, self.width, self.neck, kernel=4)
