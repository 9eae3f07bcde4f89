"""The ``data`` keys of a configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from img2img.config import options

Layout = Literal[
    "auto", "side_by_side", "two_folders", "one_folder", "photos", "unpaired", "images", "arrays", "mixture"
]
Share = Annotated[float, Field(ge=0, le=1)]
Level = Annotated[int, Field(ge=0, le=255)]


@options
class Rain:
    """Made rain; its strength is set so that the PSNR of rainy against clean is uniform in [psnr_min, psnr_max] dB."""

    psnr_min: Annotated[float, Field(gt=5, lt=60, description="dB of the strongest rain")] = 20.0
    psnr_max: Annotated[float, Field(gt=5, lt=60, description="dB of the faintest rain")] = 23.0

    def __post_init__(self) -> None:
        if self.psnr_min > self.psnr_max:
            raise ValueError(f"rain.psnr_min={self.psnr_min} is above rain.psnr_max={self.psnr_max}")


@options
class Hole:
    """Holes for in-painting: ``centre`` (``share`` of each side), ``blocks`` (random rectangles), ``region`` (blobs).

    Blocks and regions cover ``share`` squared of the area, as the centre does (Pathak et al. 2016, section 3.3).
    """

    kind: Annotated[Literal["centre", "blocks", "region"], Field(description="shape of the hole")] = "centre"
    share: Annotated[float, Field(gt=0, lt=1, description="side of the hole, as a share of the picture's")] = 0.5
    fill: Annotated[tuple[Level, Level, Level], Field(description="RGB levels 0 to 255 put into the hole")] = (
        117,
        104,
        123,
    )
    masks: Annotated[
        str | None,
        Field(description="folder of masks (white = hole), NAME or NAME_mask of each photo; null: holes are made"),
    ] = None
    match: Annotated[
        str | None, Field(description="what masks are called, {} being the photo's path without ending: {}_hole")
    ] = None

    def __post_init__(self) -> None:
        if self.match is not None and "{}" not in self.match:
            raise ValueError(f"hole.match={self.match} needs {{}} for the photo's name, such as {{}}_hole")
        if self.match is not None and self.masks is None:
            raise ValueError("hole.match says what the masks in hole.masks are called: give their folder")


@options
class Edges:
    """Canny edges of a photo as its source, black lines on white."""

    sigma: Annotated[float, Field(gt=0, description="blur before the edges are looked for, in px")] = 1.5


@options
class NamePattern:
    """Names of a pair: ``{}`` stands for what both have in common, ``*`` for any text; endings do not count.

    With ``*`` in the source's, one target may have many sources (``{}_*`` and ``{}``: 901_1 to 901_14 and 901).
    """

    source: Annotated[str, Field(description="of the source's path below its folder, such as {}x4")] = "{}"
    target: Annotated[str, Field(description="of the target's path below its folder, such as {}")] = "{}"

    def __post_init__(self) -> None:
        counts = {text.count("{}") for text in (self.source, self.target)}
        if len(counts) > 1 or 0 in counts:
            raise ValueError(
                f"source {self.source!r} and target {self.target!r} need {{}}, equally often, for what the names of a "
                f"pair have in common"
            )


@options
class DataConfig:
    """Which pictures are learnt from, and how a training sample is made of them."""

    path: Annotated[str | None, Field(description="folder or .npz; null: what is built in")] = None
    layout: Annotated[Layout, Field(description="auto says what it chose and refuses when in doubt")] = "auto"
    synthesis: Annotated[
        Literal["none", "rain", "hole", "edges"], Field(description="how a source is made of a clean photo")
    ] = "none"
    direction: Annotated[
        Literal["AtoB", "BtoA"],
        Field(description="AtoB: the left half or folder A is the source; folders whose names say it need none"),
    ] = "AtoB"
    source: Annotated[str | None, Field(description="name of the source folder (label: of train_label too)")] = None
    target: Annotated[str | None, Field(description="name of the target folder")] = None
    pattern: Annotated[NamePattern, Field(description="names of the files of a pair, where they differ")] = Field(
        default_factory=NamePattern
    )
    load: Annotated[int | None, Field(ge=1, description="short side in px before the crop; null: as it is")] = None
    crop: Annotated[
        int | None,
        Field(ge=1, le=65_536, description="side of the training crop in px; smaller pictures are mirrored to fit"),
    ] = 128
    enlarge: Annotated[bool, Field(description="enlarge arrays smaller than load to it; false: refuse them")] = False
    flip: Annotated[bool, Field(description="mirror half of the samples")] = True
    validation: Annotated[Share, Field(description="share of scenes split off where the set has no val part")] = 0.1
    validation_load: Annotated[
        Literal["load"] | Annotated[int, Field(ge=1)] | None,
        Field(description="short side in px of validated and tested pictures; load: as load says; null: as they are"),
    ] = "load"
    validation_crop: Annotated[
        int | None, Field(ge=1, description="validate and test on the centre of this side in px")
    ] = None
    scenes: Annotated[str | None, Field(description="CSV with columns file, scene; null: found by comparison")] = None
    rain: Annotated[Rain, Field(description="how synthesis rain is made")] = Field(default_factory=Rain)
    hole: Annotated[Hole, Field(description="how synthesis hole is made")] = Field(default_factory=Hole)
    edges: Annotated[Edges, Field(description="how synthesis edges is made")] = Field(default_factory=Edges)
    mixture: Annotated[
        Literal["8gaussians", "25gaussians", "ring"], Field(description="the toy distribution of layout mixture")
    ] = "8gaussians"
    samples: Annotated[int, Field(ge=1, description="points in one pass of layout mixture")] = 6400
    cache_mb: Annotated[
        int, Field(ge=0, description="MB of decoded pictures kept in memory, by all workers of a process together")
    ] = 2000

    @property
    def whole_load(self) -> int | None:
        """Short side in px that validated and tested pictures are resized to; None: as they are."""
        return self.load if self.validation_load == "load" else self.validation_load

    def __post_init__(self) -> None:
        if self.load is not None and self.crop is not None and self.load < self.crop:
            raise ValueError(f"data.load={self.load} is below data.crop={self.crop}; raise load, or set load=null")
        if self.hole.masks is not None and self.synthesis != "hole":
            raise ValueError("data.hole.masks says where holes are cut: data.synthesis=hole is needed (--task inpaint)")
        if (self.source is None) != (self.target is None):
            raise ValueError("data.source and data.target name the two folders together; give both or neither")
