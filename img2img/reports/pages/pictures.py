"""Pictures held in a page: without loss where all of them fit a budget of bytes, else as JPEGs, and as many as fit."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from img2img.images import Pixels
from img2img.images.raster import read_any, to_look_at
from img2img.reports.pages.document import data_uri

# by image (its number), by side
Sides = Mapping[str, Path]
# brings pixels (H, W, 3) to the one size that an image was measured in
Fitted = Callable[[Pixels], Pixels] | None


@dataclass(frozen=True)
class Pictures:
    """Data URIs by image and side, the sizes (width, height) of each image's last side, and what was done to them.

    ``smaller`` counts the images that were reduced; ``deep`` says that there are 16-bit pictures among them.
    """

    uris: Mapping[int, Mapping[str, str]]
    sizes: Mapping[int, tuple[int, int]]
    lossless: bool
    smaller: int
    deep: bool


def embedded(
    choose: Callable[[int], Sequence[int]],
    sides: Sequence[Sides],
    longest: int,
    budget: int,
    fitted: Sequence[Fitted] = (),
) -> Pictures:
    """The pictures of the images that ``choose`` names, all lossless or none: side by side they must be of one kind.

    Args:
        choose: the images (by their number in ``sides``), the most important first, for how many there may be at most.
        sides: the files of each image.
        longest: larger pictures are reduced to this many px of their longer side.
        budget: bytes of all pictures; one image is there whatever its size.
        fitted: of each image what brings its files to one size, where they differ in size.

    Raises:
        UserError: a picture that cannot be read.
    """
    fitted = fitted or [None] * len(sides)
    within = functools.partial(_within, sides=sides, fitted=fitted, longest=longest, budget=budget)
    chosen = choose(len(sides))
    pictures = within(chosen, lossless=True)
    while len(pictures.uris) < len(chosen):
        if not pictures.lossless:
            # anew, so that the fewer ones are spread as evenly
            chosen = choose(len(pictures.uris))
        pictures = within(chosen, lossless=False)
    return pictures


def _within(
    chosen: Sequence[int],
    sides: Sequence[Sides],
    fitted: Sequence[Fitted],
    longest: int,
    budget: int,
    *,
    lossless: bool,
) -> Pictures:
    uris: dict[int, dict[str, str]] = {}
    sizes = {}
    smaller, deep, spent = 0, False, 0
    with ThreadPoolExecutor(2) as pool:
        for index in chosen:
            encode = functools.partial(_encode, fitted=fitted[index], longest=longest, lossless=lossless)
            encoded = list(pool.map(encode, sides[index].values()))
            spent += sum(len(picture.content) for picture in encoded)
            if spent > budget and (lossless or uris):
                break
            kind = "webp" if lossless else "jpeg"
            uris[index] = {
                side: data_uri(kind, picture.content) for side, picture in zip(sides[index], encoded, strict=True)
            }
            sizes[index] = encoded[-1].size
            smaller += encoded[-1].smaller
            deep = deep or any(picture.deep for picture in encoded)
    return Pictures(uris, sizes, lossless, smaller, deep)


@dataclass(frozen=True)
class _Encoded:
    content: bytes
    size: tuple[int, int]
    smaller: bool
    deep: bool


def _encode(file: Path, fitted: Fitted, longest: int, lossless: bool) -> _Encoded:
    picture = read_any(file)
    pixels = to_look_at(picture)
    image = Image.fromarray(pixels if fitted is None else fitted(pixels))
    smaller = max(image.size) > longest
    if smaller:
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=None)
    buffer = BytesIO()
    if lossless:
        # the quick setting: ten times faster than the best, a tenth larger
        image.save(buffer, "WEBP", lossless=True, method=0, quality=0)
    else:
        image.save(buffer, "JPEG", quality=95, subsampling=0)
    return _Encoded(buffer.getvalue(), image.size, smaller, picture.pixels.dtype == np.uint16)


def reduced_jpeg(file: Path, longest: int, quality: int = 80) -> bytes:
    """A picture as JPEG, none of its sides longer than ``longest`` px.

    Raises:
        UserError: it cannot be read.
    """
    image = Image.fromarray(to_look_at(read_any(file)))
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
