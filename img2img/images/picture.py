"""A decoded picture, and its ways to and from images, arrays and tensors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from img2img.errors import UserError

Pixels = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        pixels: (H, W, C) uint8 or uint16, C 1 (grey) or 3 (RGB), turned upright.
        alpha: (H, W) of the same type, or None. It is straight: not multiplied into the pixels.
        format: what the file was by its content: ``PNG``, ``JPEG``, ``TIFF``, ``WEBP``, ``BMP``, ``PPM``, ``AVIF``,
            ``GIF`` or ``JPEG2000``.
        icc: the colour profile of the pixels, as it stood in the file.
        exif: the EXIF block, with an orientation of 1 and without the thumbnail of the picture as it was.
        dpi: pixels an inch, horizontally and vertically.
        lossless: whether the file kept its pixels exactly (JPEG does not).
        notes: what reading changed or left aside, a phrase each; empty for an ordinary picture.
        pages: how many pages of a TIFF hold the channels, each as many of them.
        palette: of a label map the colour of each class: ``pixels`` have no others, and PNG holds it as indices.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    format: str = "PNG"
    icc: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    lossless: bool = True
    notes: tuple[str, ...] = ()
    pages: int = 1
    palette: tuple[tuple[int, int, int], ...] = ()


def colours(image: Image.Image) -> tuple[Pixels, Pixels | None, bytes | None, list[str]]:
    """Pixels (H, W, 1 or 3), alpha, profile and notes of a loaded image of 8 bits and any mode."""
    icc = profile(image)
    clear = "transparency" in image.info
    notes = []
    if image.mode in ("P", "PA"):
        notes.append("its palette became plain colours")
        palette = np.array(image.getpalette("RGB")).reshape(-1, 3)
        image = image.convert("RGBA" if clear or image.mode == "PA" else "RGB")
        if icc is None and (palette == palette[:, :1]).all():
            image = image.convert("LA" if image.mode == "RGBA" else "L")
    elif image.mode == "1":
        notes.append("1 bit a pixel became 8-bit grey")
        image = image.convert("LA" if clear else "L")
    elif image.mode in ("CMYK", "LAB"):
        image, how = _from_print(image, icc)
        notes.append(how)
        icc = None
    elif image.mode not in ("L", "LA", "RGB", "RGBA"):
        notes.append(f"{image.mode} became RGB")
        image = image.convert("RGB")
    elif clear:
        image = image.convert("LA" if image.mode == "L" else "RGBA")
    return *parted(np.asarray(image)), icc, notes


def profile(image: Image.Image) -> bytes | None:
    """The colour profile of an image."""
    icc = image.info.get("icc_profile")
    return icc if isinstance(icc, bytes) and icc else None


def _from_print(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, str]:
    """CMYK or Lab as sRGB."""
    from PIL import ImageCms

    lab = image.mode == "LAB"
    if icc or lab:
        try:
            source = ImageCms.createProfile("LAB") if lab else BytesIO(icc or b"")
            made = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if made is not None:
                return made, "Lab became sRGB" if lab else "CMYK became sRGB through its profile"
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
            if lab:
                raise UserError("Lab colours cannot be converted by this build of Pillow") from error
    return image.convert("RGB"), f"CMYK became RGB without a {'usable ' if icc else ''}profile"


def parted(pixels: Pixels) -> tuple[Pixels, Pixels | None]:
    """(H, W) or (H, W, C) as colour (H, W, 1 or 3) and alpha (H, W), where there are 2 or 4 channels."""
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    alpha = np.ascontiguousarray(pixels[:, :, -1]) if pixels.shape[2] in (2, 4) else None
    return np.ascontiguousarray(pixels[:, :, : 1 if pixels.shape[2] <= 2 else 3]), alpha


def from_pil(image: Image.Image) -> Picture:
    """An image in memory as a picture, turned as its EXIF says; 8 bits, or 16 where its mode is ``I;16``.

    Raises:
        UserError: a mode of 32 bits, whose range nobody knows.
    """
    if image.mode in ("I", "F"):
        raise UserError(f"an image of mode {image.mode} has no known range: convert it to L, RGB or I;16")
    turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith("I;16"):
        return Picture(np.asarray(turned).astype(np.uint16)[:, :, None])
    pixels, alpha, icc, _ = colours(turned)
    return Picture(pixels, alpha, icc=icc)


def to_pil(picture: Picture) -> Image.Image:
    """The picture as an image in memory: L, LA, RGB or RGBA, or I;16 for grey of 16 bits."""
    image = as_image(joined(picture))
    if picture.icc:
        image.info["icc_profile"] = picture.icc
    return image


def from_array(pixels: Pixels) -> Picture:
    """(H, W) or (H, W, C) uint8 or uint16 as a picture; C is 1 (grey), 2 (with alpha), 3 (RGB) or 4 (with alpha).

    Raises:
        UserError: anything else.
    """
    if pixels.dtype.kind == "u":
        pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    fits = pixels.ndim == 2 or (pixels.ndim == 3 and 1 <= pixels.shape[2] <= 4)
    if pixels.dtype not in (np.uint8, np.uint16) or not fits or not pixels.size:
        raise UserError(
            f"an array must be (H, W) or (H, W, C) of uint8 (0 to 255) or uint16 (0 to 65535) with 1 to 4 channels, "
            f"got {pixels.dtype} {pixels.shape}; values in [-1, 1] go in as a float tensor (C, H, W)"
        )
    return Picture(*parted(pixels))


def joined(picture: Picture) -> Pixels:
    """(H, W, C) with alpha as the last channel, where there is one."""
    return picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])


def as_image(pixels: Pixels) -> Image.Image:
    """(H, W, C) uint8 as an image, L, LA, RGB or RGBA; uint16 of one channel as I;16."""
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else np.ascontiguousarray(pixels))


def to_8_bits(pixels: Pixels) -> Pixels:
    """uint16 as uint8, rounded to the nearest of 255 steps."""
    made = np.empty(pixels.shape, np.uint8)
    # a few rows at a time: the products need four bytes a sample
    for start in range(0, len(pixels), 64):
        made[start : start + 64] = (pixels[start : start + 64].astype(np.uint32) * 255 + 32767) // 65535
    return made


def as_rgb(picture: Picture) -> Pixels:
    """(H, W, 3) of the picture's own depth: grey replicated, alpha left out."""
    return np.repeat(picture.pixels, 3, axis=2) if picture.pixels.shape[2] == 1 else picture.pixels


def as_rgb8(picture: Picture) -> Pixels:
    """(H, W, 3) uint8: grey replicated, 16 bits scaled, alpha left out."""
    pixels = as_rgb(picture)
    return to_8_bits(pixels) if pixels.dtype == np.uint16 else pixels


def digest(pixels: Pixels) -> str:
    """What identifies (H, W, C) pixels, whatever file they came from."""
    shape = "x".join(str(side) for side in pixels.shape)
    text = hashlib.blake2b(shape.encode() + np.ascontiguousarray(pixels).tobytes(), digest_size=8).hexdigest()
    return str(text)


def to_tensor(pixels: Pixels) -> Tensor:
    """(H, W, C) uint8 or uint16 -> (1, C, H, W) float32 in [-1, 1]."""
    top = float(np.iinfo(pixels.dtype).max)
    values = np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32)
    return torch.from_numpy(values).div_(top / 2).sub_(1).unsqueeze(0)


def to_pixels(values: Tensor, dtype: Any) -> Pixels:
    """(1, C, H, W) in [-1, 1] -> (H, W, C) of an unsigned integer type: clipped, rounded half up, never truncated."""
    top = float(np.iinfo(dtype).max)
    # channels last first: one walk through memory instead of six, and the rest in place
    levels = values[0].permute(1, 2, 0).contiguous().cpu().double()
    levels.add_(1).mul_(top / 2).add_(0.5).floor_().clamp_(0, top)
    return levels.int().numpy().astype(dtype)
