"""The only reader and writer of pictures: what comes in goes out with its depth, alpha and metadata."""

from __future__ import annotations

from img2img.images.folder import READABLE, VIDEOS, WRITABLE, find, is_video, left_aside, natural, video_advice
from img2img.images.picture import (
    Picture,
    Pixels,
    as_rgb,
    as_rgb8,
    digest,
    from_array,
    from_pil,
    joined,
    to_8_bits,
    to_pil,
    to_pixels,
    to_tensor,
)
from img2img.images.raster import any_size, read_any, to_look_at
from img2img.images.reading import MAX_PIXELS, is_deep, read, size
from img2img.images.writing import encode, kept_format, write

__all__ = [
    "MAX_PIXELS",
    "READABLE",
    "VIDEOS",
    "WRITABLE",
    "Picture",
    "Pixels",
    "any_size",
    "as_rgb",
    "as_rgb8",
    "digest",
    "encode",
    "find",
    "from_array",
    "from_pil",
    "is_deep",
    "is_video",
    "joined",
    "kept_format",
    "left_aside",
    "natural",
    "read",
    "read_any",
    "size",
    "to_8_bits",
    "to_look_at",
    "to_pil",
    "to_pixels",
    "to_tensor",
    "video_advice",
    "write",
]
