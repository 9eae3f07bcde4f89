"""Label maps: pictures whose pixels name classes, by palette indices, whole numbers, or the colours of a palette."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from img2img.errors import UserError
from img2img.images.opening import open_image, rules, told
from img2img.images.picture import Picture, Pixels
from img2img.images.reading import read

# RGB levels of each class, 0 to 255, no colour twice
Palette = tuple[tuple[int, int, int], ...]
ONE_CHANNEL = ("L", "I", "I;16", "I;16B", "I;16L", "1")


def voc_palette(count: int) -> Palette:
    """Colours of Pascal VOC's ``VOClabelcolormap``: the bits of a class's number, dealt out over the three channels."""
    colours = []
    for number in range(count):
        levels = [0, 0, 0]
        for bit in range(24):
            levels[bit % 3] |= (number >> bit & 1) << (7 - bit // 3)
        colours.append((levels[0], levels[1], levels[2]))
    return tuple(colours)


def palette_of(path: Path) -> Palette | None:
    """The colours that a palette picture names its classes by; None where the file has no palette.

    Raises:
        UserError: unreadable.
    """
    with told(path), rules, open_image(path) as image:
        levels = image.getpalette("RGB") if image.mode == "P" else None
    if levels is None:
        return None
    return tuple((levels[i], levels[i + 1], levels[i + 2]) for i in range(0, len(levels) - 2, 3))


def holds_numbers(path: Path) -> bool:
    """Whether a file can be a label map by its form: a palette, or one channel, and nothing lost in compression.

    Raises:
        UserError: unreadable.
    """
    with told(path), rules, open_image(path) as image:
        return image.mode in ("P", *ONE_CHANNEL) and image.format not in ("JPEG", "MPO")


def read_classes(path: Path, palette: Palette) -> Pixels:
    """(H, W) int64 classes of a label map; a picture in colours is looked up in ``palette``.

    Raises:
        UserError: naming the file: unreadable, JPEG, a class that is none of the palette's, or a colour.
    """
    with told(path), rules, open_image(path) as image:
        if image.format in ("JPEG", "MPO"):
            raise UserError(
                "a label map given as JPEG, which blurs classes into each other: save it as a palette PNG, or name the "
                "classes' colours by data.palette"
            )
        numbers: Pixels | None = np.asarray(image).astype(np.int64) if image.mode in ("P", *ONE_CHANNEL) else None
    if numbers is None:
        try:
            return classes_of(read(path).pixels, palette)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
    _check_range(numbers, len(palette), f"{path}: ")
    return numbers


def _check_range(numbers: Pixels, count: int, where: str = "") -> None:
    outside = numbers[(numbers < 0) | (numbers >= count)]
    if outside.size:
        raise UserError(
            f"{where}has the class {int(outside[0])}, and data.labels={count} knows 0 to {count - 1}; raise it, or "
            f"give these pixels ({outside.size} of {numbers.size}) another class"
        )


def classes_of(pixels: Pixels, palette: Palette) -> Pixels:
    """(H, W) int64 classes of (H, W, 3) uint8 in a palette's colours, or of (H, W, 1) that holds numbers.

    Raises:
        UserError: a number or a colour that is no class's.
    """
    if pixels.shape[2] == 1:
        numbers: Pixels = pixels[:, :, 0].astype(np.int64)
        _check_range(numbers, len(palette))
        return numbers
    keys, classes = _keys(pixels), _keys(np.array(palette, np.int64).reshape(1, -1, 3))[0]
    order = np.argsort(classes)
    found: Pixels = order[np.searchsorted(classes[order], keys).clip(max=len(order) - 1)]
    strange = classes[found] != keys
    if strange.any():
        colour = tuple(int(level) for level in pixels[strange][0])
        raise UserError(
            f"has the colour {colour}, which is none of the {len(palette)} classes'; save it as a palette PNG of these"
        )
    return found


def _keys(pixels: Pixels) -> Pixels:
    """One number for each colour."""
    levels = pixels.astype(np.int64)
    keys: Pixels = levels[..., 0] << 16 | levels[..., 1] << 8 | levels[..., 2]
    return keys


def nearest_classes(pixels: Pixels, palette: Palette) -> Pixels:
    """(H, W) int64: the class whose colour lies nearest (squared distance of RGB) to each pixel of (H, W, 3).

    uint16 pixels are compared on their own scale. Of colours that lie equally near the first is taken.
    """
    scale = 257 if pixels.dtype == np.uint16 else 1
    best: Any = np.full(pixels.shape[:2], np.iinfo(np.int64).max)
    classes = np.zeros(pixels.shape[:2], np.int64)
    levels = pixels.astype(np.int64)
    for number, colour in enumerate(palette):
        distance = ((levels - scale * np.array(colour)) ** 2).sum(2)
        nearer = distance < best
        classes[nearer], best = number, np.where(nearer, distance, best)
    return classes


def in_colours(classes: Pixels, palette: Palette) -> Pixels:
    """(H, W) classes as (H, W, 3) uint8 in the palette's colours."""
    coloured: Pixels = np.array(palette, np.uint8)[classes]
    return coloured


def as_palette_image(picture: Picture) -> Image.Image:
    """A picture of at most 256 classes as an image of mode P, its indices the classes.

    Raises:
        UserError: a colour that is none of the palette's.
    """
    image = Image.fromarray(classes_of(picture.pixels, picture.palette).astype(np.uint8), "P")
    image.putpalette([level for colour in picture.palette for level in colour])
    return image
