"""What a translator is to those who call it: pictures of many kinds in, the same kinds out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from img2img.compute.precision import Precision
from img2img.data.labels import LabelMaps
from img2img.errors import UserError
from img2img.images import MAX_PIXELS, Picture, from_array, from_pil, joined, read, to_pil
from img2img.images.form import Forms
from img2img.inference.callers import check_values, from_unit, in_unit, shaped_as
from img2img.inference.generator import finite
from img2img.inference.labels import read_source
from img2img.inference.tiles import Tile
from img2img.recipes.method import Method, by_name, name_of
from img2img.types import Flow
from img2img.weights.header import Shape

Array = np.ndarray[Any, Any]
Image_ = TypeVar("Image_", Image.Image, Array, Tensor)


class Called(ABC):
    """The call of a `Translator`, and what it says of itself."""

    name: str
    network: nn.Module
    method: Method
    flow: Flow
    shape: Shape
    device: torch.device
    precision: Precision
    tile: Tile
    forms: Forms
    labels: LabelMaps | None

    @overload
    def __call__(self, source: Image_, mask: Image_ | None = ..., sample: int = ..., *, unit: bool = ...) -> Image_: ...

    @overload
    def __call__(
        self, source: str | Path, mask: str | Path | None = ..., sample: int = ..., *, unit: Literal[False] = ...
    ) -> Image.Image | Array: ...

    @overload
    def __call__(
        self,
        source: list[Any] | tuple[Any, ...],
        mask: list[Any] | tuple[Any, ...] | None = ...,
        sample: int = ...,
        *,
        unit: bool = ...,
    ) -> list[Any]: ...

    def __call__(self, source: Any, mask: Any = None, sample: int = 0, *, unit: bool = False) -> Any:
        """Translate a picture of any height and width; what comes out is of the same kind and size.

        Args:
            source: one of
                a PIL image (its alpha is kept, unless a drawing stands in it; it comes out turned as its EXIF says);
                an array (H, W) or (H, W, C), uint8 in 0..255 or uint16 in 0..65535, C 1 (grey), 3 (RGB), or 2 or 4
                where the last is alpha, which is kept; of the training's type and channels, where these are others;
                a float tensor (C, H, W) or (N, C, H, W) in [-1, 1], C as in training (3); where no value is negative,
                so that it looks like [0, 1], a warning says how it was taken;
                the path of a picture, which gives a PIL image, or an array (H, W, C) where PIL has none (colours of 16
                bits, floats, other channels);
                a list or tuple of any of these, of which a list comes out.
            mask: where weights of in-painting are to fill, of the same kind, height and width: the higher of two levels
                (white) is the hole in images and arrays; 1 is the hole and 0 the rest in tensors (one channel). Of a
                list a list, one for each.
            sample: which of the possible results, where they are made with dropout.
            unit: floats are in [0, 1], and so are the results: tensors, and arrays (H, W) or (H, W, C) without alpha.
                Of weights of a stated range 0 and 1 are its ends.

        Raises:
            UserError: another kind, shape or range; a mask that is missing, not wanted or of another size; a file that
                cannot be read.
            RunError: the network gave values that are no numbers.
        """
        if isinstance(source, list | tuple):
            masks = [None] * len(source) if mask is None else list(mask)
            if len(masks) != len(source):
                raise UserError(f"{len(source)} pictures and {len(masks)} masks: give one for each")
            return [self(each, hole, sample, unit=unit) for each, hole in zip(source, masks, strict=True)]
        if unit and isinstance(source, np.ndarray | Tensor):
            return self._unit(source, mask, sample)
        if unit:
            raise UserError(f"unit=True: is said of arrays and tensors of floats, got {type(source).__name__}")
        if isinstance(source, str | Path):
            return self._file(Path(source), None if mask is None else Path(mask), sample)
        if isinstance(source, Image.Image):
            return to_pil(self.picture(from_pil(source), None if mask is None else from_pil(mask), sample))
        if isinstance(source, np.ndarray):
            return self._array(source, None if mask is None else from_array(mask), sample)
        if isinstance(source, Tensor):
            return self._values(source, mask, sample)
        raise UserError(
            f"a PIL image, an array, a tensor, the path of a picture or a list of them is needed, got "
            f"{type(source).__name__}"
        )

    def _file(self, path: Path, mask: Path | None, sample: int) -> Image.Image | Array:
        picture = read_source(path, MAX_PIXELS, self.labels, pages=self.forms.source.pages)
        made = self.picture(picture, None if mask is None else read(mask), sample)
        pixels = joined(made)
        if (pixels.dtype == np.uint8 and pixels.shape[2] <= 4) or (pixels.dtype, pixels.shape[2]) == (np.uint16, 1):
            return to_pil(made)
        return pixels

    def _array(self, source: Array, mask: Picture | None, sample: int) -> Array:
        if not self.forms.plain:
            return self.picture(Picture(source.reshape(*source.shape[:2], -1)), mask, sample).pixels
        return shaped_as(source, self.picture(from_array(source), mask, sample))

    def _values(self, source: Tensor, mask: Tensor | None, sample: int) -> Tensor:
        """A tensor of a caller's, checked."""
        wanted = check_values(source, mask, self.shape.source)
        shape = tuple(source.shape)
        batch = source.detach().float().reshape(-1, *shape[-3:])
        hole = None if mask is None else mask.detach().float().reshape(-1, *wanted[-3:])
        results = finite(self.tensor(batch, hole, sample))
        return results.reshape(*shape[:-3], *results.shape[1:]).to(source)

    def _unit(self, source: Array | Tensor, mask: Array | Tensor | None, sample: int) -> Array | Tensor:
        """Floats of a caller's in [0, 1]."""
        batch = from_unit(source, self.shape.source)
        hole = None
        if mask is not None:
            hole = torch.as_tensor(mask).detach().float().reshape(-1, 1, *batch.shape[-2:])
            hole = (hole > (hole.min() + hole.max()) / 2).float() if isinstance(mask, np.ndarray) else hole
        return in_unit(source, finite(self.tensor(batch, hole, sample)))

    @abstractmethod
    def picture(self, picture: Picture, mask: Picture | None = None, sample: int = 0) -> Picture:
        """A picture translated."""

    @abstractmethod
    def tensor(self, source: Tensor, mask: Tensor | None = None, sample: int = 0) -> Tensor:
        """(N, C, H, W) in [-1, 1] translated."""

    def __repr__(self) -> str:
        spec, _ = self.method.generator_spec()
        ((_, own, _),) = by_name(spec, self.flow.networks[:1], "generator")
        count = sum(weight.numel() for weight in self.network.parameters())
        given = "noise" if self.flow.from_noise else str(self.forms.source)
        if self.labels is not None and self.labels.side == "source":
            given = f"label maps of {len(self.labels.palette)} classes"
        made = str(self.forms.target)
        if self.labels is not None and self.labels.side == "target":
            made = f"label maps of {len(self.labels.palette)} classes"
        return (
            f"<Translator {self.name or 'in memory'}: {given} -> {made}; generator {name_of(own)}, {count} weights; "
            f"{self.device}, {self.precision.name}, tile {self.tile}>"
        )
