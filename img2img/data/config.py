"""The ``data`` keys of a configuration."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from img2img.config import build, merge, options, plain
from img2img.data.degradation_options import Blur, Edges, Haze, Jpeg, Noise, Superres
from img2img.data.planet import COLUMNS, ROWS
from img2img.errors import UserError

Layout = Literal[
    "auto", "side_by_side", "two_folders", "one_folder", "photos", "unpaired", "images", "arrays", "mixture", "planet"
]
# layouts of targets alone, which generators from noise learn; and those of them that are made, without a file
TARGETS_ALONE = ("images", "arrays", "mixture", "planet")
MADE = ("mixture", "planet")
Share = Annotated[float, Field(ge=0, le=1)]
Level = Annotated[int, Field(ge=0, le=255)]


@options
class Storm:
    """How the rain of kind ``storm`` varies; lengths and widths in px where the photo's short side is 384 px."""

    layers: Annotated[int, Field(ge=1, le=8, description="most layers of depth; nearer ones are longer and wider")] = 4
    length_min: Annotated[float, Field(ge=1, le=300, description="length of the farthest streaks in px")] = 9.0
    length_max: Annotated[float, Field(ge=1, le=300, description="length of the nearest streaks in px")] = 60.0
    width_min: Annotated[float, Field(ge=0.3, le=20, description="width of the farthest streaks in px")] = 0.6
    width_max: Annotated[float, Field(ge=0.3, le=20, description="width of the nearest streaks in px")] = 2.5
    angle: Annotated[
        float, Field(ge=0, le=90, description="standard deviation of the fall from the vertical, degrees")
    ] = 15.0
    directions: Annotated[int, Field(ge=1, le=4, description="most directions in one picture")] = 2
    spread: Annotated[
        float, Field(ge=0, le=45, description="standard deviation of streaks about their direction, degrees")
    ] = 4.0
    drops: Annotated[Share, Field(description="share of pictures with round drops")] = 0.3
    mist: Annotated[Share, Field(description="most that smooth mist covers, at strength 1")] = 0.3
    dim: Annotated[Share, Field(description="most that dark and middle tones lose, at strength 1")] = 0.5

    def __post_init__(self) -> None:
        for name in ("length", "width"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if low > high:
                raise ValueError(f"rain.storm.{name}_min={low} is above rain.storm.{name}_max={high}")


@options
class Rain:
    """Made rain; its strength is set so that the PSNR of rainy against clean is uniform in [psnr_min, psnr_max] dB."""

    kind: Annotated[
        Literal["streaks", "storm"],
        Field(description="streaks: of one direction; storm: of several, near and far, with drops and mist"),
    ] = "streaks"
    psnr_min: Annotated[float, Field(gt=5, lt=60, description="dB of the strongest rain")] = 20.0
    psnr_max: Annotated[float, Field(gt=5, lt=60, description="dB of the faintest rain")] = 23.0
    storm: Annotated[Storm, Field(description="how kind storm varies")] = Field(default_factory=Storm)

    def __post_init__(self) -> None:
        if self.psnr_min > self.psnr_max:
            raise ValueError(f"rain.psnr_min={self.psnr_min} is above rain.psnr_max={self.psnr_max}")


@options
class Hole:
    """Holes: ``centre`` (``share`` of each side), ``blocks`` (random rectangles), ``region`` (blobs), ``strokes``.

    The others cover ``share`` squared of the area, as a centre without overlap does (Pathak et al. 2016, section 3.3).
    """

    kind: Annotated[Literal["centre", "blocks", "region", "strokes"], Field(description="shape of the hole")] = "centre"
    overlap: Annotated[
        int, Field(ge=0, description="px at each side of a centre (of no other kind) that stay known and are learnt")
    ] = 0
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


Factors = tuple[Annotated[float, Field(ge=0, le=5)], Annotated[float, Field(ge=0, le=5)]]


@options
class Jitter:
    """Changes of colour that both sides of a sample share, drawn anew for each; a range is [least, most].

    They come before a source is made of the photo (``synthesis``), so that holes and rain keep their own levels.
    """

    gamma: Annotated[Factors, Field(description="range of the exponent of levels (0 to 1), evenly on a log scale")] = (
        1.0,
        1.0,
    )
    contrast: Annotated[Factors, Field(description="range of the factor of levels about the middle grey")] = (1.0, 1.0)
    brightness: Annotated[
        float, Field(ge=0, le=1, description="most that is added to or taken from levels (0 to 1)")
    ] = 0.0
    saturation: Annotated[Factors, Field(description="range of the factor of colours about their grey; 0: grey")] = (
        1.0,
        1.0,
    )
    permute: Annotated[Share, Field(description="share of samples whose red, green and blue are exchanged")] = 0.0

    def __post_init__(self) -> None:
        for name in ("gamma", "contrast", "saturation"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"jitter.{name}=[{low}, {high}]: the least comes first")
        if self.gamma[0] == 0:
            raise ValueError("jitter.gamma: an exponent of 0 makes every level white; begin above 0")


@options
class Exchange:
    """Layers (source - target) of other scenes put onto a sample's target, which makes its source anew.

    That presumes degradations that are added to the scene and do not depend on it, as rain, haze or noise nearly are:
    blur, holes and colours lost are none.
    """

    share: Annotated[Share, Field(description="share of samples under the layer of another scene")] = 0.0
    strength_min: Annotated[float, Field(ge=0, le=5, description="least factor of the layer")] = 0.7
    strength_max: Annotated[float, Field(ge=0, le=5, description="largest factor of the layer")] = 1.3

    def __post_init__(self) -> None:
        if self.strength_min > self.strength_max:
            raise ValueError(
                f"exchange.strength_min={self.strength_min} is above exchange.strength_max={self.strength_max}"
            )


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
class MixWeight:
    """The weight of an entry of ``data.mix``."""

    weight: Annotated[float, Field(gt=0, le=1, description="share of the training samples")]


Range = Literal["auto", "minmax"] | tuple[float, float]


@options
class Ranges:
    """The values that stand for black and white, in the files' units; what lies beyond is clipped and counted.

    ``auto`` is all that the type holds (0 to 255, 0 to 65535), and none for floats; ``minmax`` is measured over the
    training set.
    """

    source: Annotated[Range, Field(description="[lowest, highest] of sources; auto: all of the type; minmax")] = "auto"
    target: Annotated[Range, Field(description="[lowest, highest] of targets; auto: all of the type; minmax")] = "auto"

    def __post_init__(self) -> None:
        for side in ("source", "target"):
            given = getattr(self, side)
            if not isinstance(given, str) and not given[0] < given[1]:
                raise ValueError(f"range.{side}=[{given[0]:g}, {given[1]:g}]: the lowest value comes first")


Channels = Annotated[int, Field(ge=1, le=1024)]

# what the sets of a mixture have in common, and what of the first set says nothing of the others
SHARED = {"mix", "crop", "cache_mb", "validation", "validation_load", "validation_crop", "mixture", "samples"}
INHERITED_NOT: dict[str, Any] = {"mix": [], "scenes": None, "validation": 0.0}


@options
class DataConfig:
    """Which pictures are learnt from, and how a training sample is made of them."""

    path: Annotated[str | None, Field(description="folder, or a file of arrays; null: what is built in")] = None
    layout: Annotated[Layout, Field(description="auto says what it chose and refuses when in doubt")] = "auto"
    synthesis: Annotated[
        Literal["none", "rain", "hole", "edges", "colorize", "superres", "denoise", "deblur", "dehaze", "jpeg"],
        Field(description="how a source is made of a clean photo"),
    ] = "none"
    drawn: Annotated[
        Literal["none", "source", "target"],
        Field(description="side of the pairs that has label maps or drawings; sets in which it has photos are refused"),
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
    channels: Annotated[
        Literal["auto"] | Channels | tuple[Channels, Channels],
        Field(description="N, or [source, target]; auto: as the files have it, 8-bit grey as RGB"),
    ] = "auto"
    alpha: Annotated[
        Literal["drop", "keep"], Field(description="drop: left out, with a line; keep: the last channel")
    ] = "drop"
    pages: Annotated[
        Literal["first", "channels"], Field(description="of a TIFF with several: the first, or all as its channels")
    ] = "first"
    range: Annotated[Ranges, Field(description="values that stand for black and white")] = Field(default_factory=Ranges)
    load: Annotated[int | None, Field(ge=1, description="short side in px before the crop; null: as it is")] = None
    crop: Annotated[
        int | None,
        Field(ge=1, le=65_536, description="side of the training crop in px; smaller pictures are mirrored to fit"),
    ] = 128
    enlarge: Annotated[bool, Field(description="enlarge arrays smaller than load to it; false: refuse them")] = False
    flip: Annotated[bool, Field(description="mirror half of the samples")] = True
    turn: Annotated[
        Share, Field(description="share of samples turned by quarters and upside down, eight ways equally likely")
    ] = 0.0
    jitter: Annotated[Jitter, Field(description="changes of colour")] = Field(default_factory=Jitter)
    exchange: Annotated[Exchange, Field(description="layers of other scenes")] = Field(default_factory=Exchange)
    validation: Annotated[Share, Field(description="share of scenes split off where the set has no val part")] = 0.1
    split_seed: Annotated[
        int | None, Field(ge=0, description="which scenes are split off is a function of it; null: of train.seed")
    ] = None
    validation_load: Annotated[
        Literal["load", "crop"] | Annotated[int, Field(ge=1)] | None,
        Field(
            description="short side in px of tested pictures; load: as load says; crop: the crop's, where load is set; "
            "null: as they are"
        ),
    ] = "load"
    validation_crop: Annotated[
        int | None, Field(ge=1, description="validate and test on the centre of this side in px")
    ] = None
    scenes: Annotated[str | None, Field(description="CSV with columns file, scene; null: found by comparison")] = None
    rain: Annotated[Rain, Field(description="how synthesis rain is made")] = Field(default_factory=Rain)
    hole: Annotated[Hole, Field(description="how synthesis hole is made")] = Field(default_factory=Hole)
    edges: Annotated[Edges, Field(description="how synthesis edges is made")] = Field(default_factory=Edges)
    superres: Annotated[Superres, Field(description="how synthesis superres is made")] = Field(default_factory=Superres)
    noise: Annotated[Noise, Field(description="how synthesis denoise is made")] = Field(default_factory=Noise)
    blur: Annotated[Blur, Field(description="how synthesis deblur is made")] = Field(default_factory=Blur)
    haze: Annotated[Haze, Field(description="how synthesis dehaze is made")] = Field(default_factory=Haze)
    jpeg: Annotated[Jpeg, Field(description="how synthesis jpeg is made")] = Field(default_factory=Jpeg)
    made: Annotated[
        tuple[Annotated[int, Field(ge=2)], Annotated[int, Field(ge=1)]],
        Field(description="rows and columns of layout planet, an array of made spectra that is built in"),
    ] = (ROWS, COLUMNS)
    rows: Annotated[
        Literal["square", "vector"], Field(description="rows of an array become squares of values, or stay vectors")
    ] = "square"
    side: Annotated[
        int | None, Field(ge=1, le=65_536, description="side of the squares, padded; null: the least that holds a row")
    ] = None
    scale: Annotated[
        Literal["array", "column"], Field(description="what is scaled to [-1, 1] by its least and largest value")
    ] = "array"
    classes: Annotated[
        bool, Field(description="networks of flow noise are told each sample's class, which the data's labels give")
    ] = False
    mixture: Annotated[
        Literal["8gaussians", "25gaussians", "ring"], Field(description="the toy distribution of layout mixture")
    ] = "8gaussians"
    samples: Annotated[int, Field(ge=1, description="points in one pass of layout mixture")] = 6400
    labels: Annotated[
        int, Field(ge=0, le=1024, description="classes of the side that is a label map; 0: neither side is one")
    ] = 0
    label_side: Annotated[
        Literal["auto", "source", "target"],
        Field(description="which side the label map is; auto: the one whose files have palettes or one channel"),
    ] = "auto"
    palette: Annotated[
        str | None,
        Field(description="palette PNG whose colours name the classes; other colours become the nearest one"),
    ] = None
    mix: Annotated[
        tuple[dict[str, Any], ...],
        Field(
            description="further training sets: `path` (null: built in), `weight` (share of samples), keys that differ"
        ),
    ] = ()
    cache_mb: Annotated[
        int, Field(ge=0, description="MB of decoded pictures kept in memory, by all workers of a process together")
    ] = 2000

    @property
    def whole_load(self) -> int | None:
        """Short side in px that validated and tested pictures are resized to; None: as they are."""
        of_training = {"load": self.load, "crop": self.crop if self.load else None}
        return of_training[self.validation_load] if isinstance(self.validation_load, str) else self.validation_load

    @property
    def paths(self) -> list[str | None]:
        """Of all sets, the first one first; None: what is built in."""
        return [self.path, *(other.path for _, other in self.mixed())]

    def mixed(self) -> list[tuple[float, DataConfig]]:
        """(weight, configuration) of each further set: its own keys on this set's.

        Raises:
            UserError: an entry without path or weight, unknown keys, values that are refused.
        """
        found = []
        for number, entry in enumerate(self.mix):
            where = f"data.mix.{number}"
            own = {key: value for key, value in entry.items() if key != "weight"}
            weight = build(MixWeight, {"weight": entry["weight"]} if "weight" in entry else {}, where).weight
            if "path" not in own:
                raise UserError(f"{where}: path is missing; null takes the built-in photographs")
            shared = sorted(SHARED & set(own))
            if shared:
                raise UserError(f"{where}: {shared[0]} is one for all sets; give it as data.{shared[0]}")
            found.append((weight, build(DataConfig, merge({**plain(self), **INHERITED_NOT}, own), where)))
        return found

    def __post_init__(self) -> None:
        if self.mix:
            self._check_mix()
        self._check_labels()
        if self.load is not None and self.crop is not None and self.load < self.crop:
            raise ValueError(f"data.load={self.load} is below data.crop={self.crop}; raise load, or set load=null")
        if self.turn and self.crop is None:
            raise ValueError("data.turn needs data.crop: pictures that are not square change their shape when turned")
        if self.exchange.share and self.crop is None:
            raise ValueError("data.exchange needs data.crop: layers of pictures of other sizes do not fit")
        if self.hole.masks is not None and self.synthesis != "hole":
            raise ValueError("data.hole.masks says where holes are cut: data.synthesis=hole is needed (--task inpaint)")
        if (self.source is None) != (self.target is None):
            raise ValueError("data.source and data.target name the two folders together; give both or neither")

    def _check_labels(self) -> None:
        if self.labels == 0 and (self.palette is not None or self.label_side != "auto"):
            raise ValueError("data.palette and data.label_side speak of label maps: set data.labels to their classes")
        if self.labels == 1:
            raise ValueError("data.labels=1: one class says nothing; give the number of all classes")
        for key, given in (
            ("mix", bool(self.mix)),
            ("synthesis", self.synthesis != "none"),
            ("exchange.share", bool(self.exchange.share)),
        ):
            if self.labels and given:
                raise ValueError(f"data.labels asks for pairs of photo and label map; leave data.{key} out")

    def _check_mix(self) -> None:
        if self.crop is None:
            raise ValueError("data.mix needs data.crop: samples of all sets share a batch")
        if self.classes:
            raise ValueError("data.classes and data.mix cannot be used together: labels of two sets mean other things")
        total = sum(weight for weight, _ in self.mixed())
        if total > 1 + 1e-9:
            raise ValueError(f"data.mix: weights are shares of all samples, and theirs together are {total:.6g}")
