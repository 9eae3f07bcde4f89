"""Label maps in a data set: which side they are, their classes' colours, and their form for networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from img2img.config import options
from img2img.data.config import DataConfig
from img2img.errors import UserError
from img2img.images import Picture, as_rgb8, read
from img2img.images.labels import (
    Palette,
    classes_of,
    holds_numbers,
    in_colours,
    nearest_classes,
    palette_of,
    read_classes,
    voc_palette,
)

Pixels = np.ndarray[Any, Any]
Side = Literal["source", "target"]
Level = Annotated[int, Field(ge=0, le=255)]


@options
class LabelMaps:
    """The side of a pair that is a label map, and what its classes look like.

    Everywhere outside networks a label map is a picture in its classes' colours, (H, W, 3) uint8. As a source it goes
    into networks one-hot, 0 and 1; as a target networks make the colours, and results take the nearest class's.
    """

    side: Annotated[Side, Field(description="which side is the label map")]
    palette: Annotated[
        tuple[tuple[Level, Level, Level], ...], Field(min_length=2, max_length=1024, description="colour of each class")
    ]
    snap: Annotated[bool, Field(description="whether a colour of no class stands for the nearest one's")] = False

    def __post_init__(self) -> None:
        if len(set(self.palette)) < len(self.palette):
            raise ValueError("palette: two classes have one colour")

    def read(self, path: Path) -> Picture:
        """The label map in a file, in the classes' colours.

        Raises:
            UserError: naming the file: unreadable, JPEG, a class or a colour that is none of these.
        """
        if self.snap:
            return Picture(self.snapped(as_rgb8(read(path))), palette=self.palette)
        return Picture(in_colours(read_classes(path, self.palette), self.palette), palette=self.palette)

    def read_colours(self, path: Path) -> Pixels:
        """The pixels of `read`."""
        return self.read(path).pixels

    def snapped(self, pixels: Pixels) -> Pixels:
        """(H, W, 3) uint8 with each pixel's nearest class's colour in its place."""
        return in_colours(nearest_classes(pixels, self.palette), self.palette)

    def one_hot(self, pixels: Pixels) -> Tensor:
        """(H, W, 3) uint8 in the classes' colours, or (H, W, 1) of their numbers -> (classes, H, W) float32, 0 and 1.

        Raises:
            UserError: a colour or number that is no class's.
        """
        classes = torch.from_numpy(classes_of(pixels, self.palette))
        return torch.nn.functional.one_hot(classes, len(self.palette)).permute(2, 0, 1).float().contiguous()


def find_labels(config: DataConfig, sides: Mapping[Side, Sequence[Path]], where: str) -> LabelMaps:
    """The label maps of a set whose files of each side are ``sides``; every one of them is read.

    Raises:
        UserError: naming the file: JPEG, a class that is not counted, a palette of too few or of like colours; no side,
            or both, that can be label maps.
    """
    side = config.label_side
    if side == "auto":
        side = _side(sides, where)
    files = sides[side]
    named = None if config.palette is None else Path(config.palette)
    palette = _palette(config.labels, files, named)
    labels = LabelMaps(side=side, palette=palette, snap=named is not None)
    check_files(labels, files)
    return labels


def named_labels(config: DataConfig) -> LabelMaps:
    """The label maps of a set whose side and palette the configuration says.

    Raises:
        UserError: it says neither; a palette that cannot be read or has too few colours.
    """
    if config.label_side == "auto" or config.palette is None:
        raise UserError("data.labels: say data.label_side=source or target, and data.palette=FILE")
    return LabelMaps(side=config.label_side, palette=_palette(config.labels, (), Path(config.palette)), snap=True)


def check_files(labels: LabelMaps, files: Sequence[Path]) -> None:
    """Refuse label maps that cannot be read as these classes.

    Raises:
        UserError: naming the first such file.
    """
    for file in () if labels.snap else files:
        read_classes(file, labels.palette)


def _side(sides: Mapping[Side, Sequence[Path]], where: str) -> Side:
    fitting: list[Side] = [side for side, files in sides.items() if all(holds_numbers(file) for file in files[:8])]
    if len(fitting) == 1:
        return fitting[0]
    files = " and ".join(str(files[0]) for files in sides.values())
    what = (
        "both sides could be label maps"
        if fitting
        else "neither side is a label map by its form (a palette, or one channel, not JPEG)"
    )
    raise UserError(
        f"{where}: {what}: {files}; say data.label_side=source or target, and where classes "
        f"are colours data.palette=FILE"
    )


def _palette(count: int, files: Sequence[Path], named: Path | None) -> Palette:
    """The first ``count`` colours of the named file's or the first files' palette; without one, Pascal VOC's."""
    if named is not None and not named.is_file():
        raise UserError(f"data.palette={named}: no such file")
    palette = palette_of(named or files[0])
    if palette is None:
        if named is not None:
            raise UserError(f"data.palette={named}: has no palette; a palette PNG of the classes' colours is needed")
        return voc_palette(count)
    place = named or files[0]
    if len(palette) < count:
        if named is not None:
            raise UserError(f"{place}: its palette has {len(palette)} colours, data.labels={count} asks for as many")
        return (*palette, *_others(count, palette))[:count]
    if len(set(palette[:count])) < count:
        if named is not None:
            raise UserError(f"{place}: its palette gives two of the {count} classes one colour")
        return voc_palette(count)
    return palette[:count]


def _others(count: int, palette: Palette) -> Palette:
    """Colours for classes that no palette has: Pascal VOC's that are free."""
    taken = set(palette)
    return tuple(colour for colour in voc_palette(count + len(palette)) if colour not in taken)
