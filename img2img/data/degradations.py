"""Sources that are a photo degraded: grey, small, noisy, blurred, hazy, compressed.

The functions that `SYNTHESES` lists are as `img2img.data.synthesis.Synthesis` says: superres, denoise and deblur keep
type and channels of any picture (levels of 0 to 255 in their options are shares of the form's range), the others take
(H, W, 3) uint8 RGB.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from img2img.data.config import DataConfig
from img2img.images.form import Form

Pixels = np.ndarray[Any, Any]
PLAIN = Form()
DOWN = {"bicubic": Image.Resampling.BICUBIC, "area": Image.Resampling.BOX}
# cells of the noise that depths are made of, on the short side
DEPTH_CELLS = 4


def colorize(
    clean: Pixels, config: DataConfig, rng: np.random.Generator, short_side: int, form: Form = PLAIN
) -> dict[str, Pixels]:
    """source: the photo's luma (Rec. 601, as Pillow's mode L) in three equal channels; target: the photo."""
    luma = np.asarray(Image.fromarray(clean).convert("L"))
    return {"source": np.repeat(luma[:, :, None], 3, axis=2), "target": clean}


def superres(
    clean: Pixels, config: DataConfig, rng: np.random.Generator, short_side: int, form: Form = PLAIN
) -> dict[str, Pixels]:
    """source: the photo made ``scale`` times smaller and enlarged by bicubic interpolation; target: the photo."""
    height, width = clean.shape[:2]
    scale = config.superres.scale
    size = max(1, round(width / scale)), max(1, round(height / scale))
    down = DOWN[config.superres.down]
    if form.plain:
        small = Image.fromarray(clean).resize(size, down)
        return {"source": np.array(small.resize((width, height), Image.Resampling.BICUBIC)), "target": clean}
    # Pillow rounds to 8 bits between its two passes, but not in its one mode of floats
    planes = [Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(clean.astype(np.float32), 2, 0)]
    enlarged = [plane.resize(size, down).resize((width, height), Image.Resampling.BICUBIC) for plane in planes]
    return {"source": in_form(np.dstack([np.asarray(plane) for plane in enlarged]), form), "target": clean}


def denoise(
    clean: Pixels, config: DataConfig, rng: np.random.Generator, short_side: int, form: Form = PLAIN
) -> dict[str, Pixels]:
    """source: the photo under noise; target: the photo."""
    noise = config.noise
    low, high = form.range
    levels: Pixels = clean.astype(np.float64) - low
    if noise.kind != "gaussian":
        photons = rng.uniform(*noise.photons)
        shares = np.clip(levels / (high - low), 0, 1)
        levels = rng.poisson(shares * photons) * ((high - low) / photons)
    if noise.kind != "poisson":
        levels = levels + rng.normal(0, rng.uniform(*noise.sigma) * ((high - low) / 255), clean.shape)
    return {"source": in_form(levels + low, form), "target": clean}


def deblur(
    clean: Pixels, config: DataConfig, rng: np.random.Generator, short_side: int, form: Form = PLAIN
) -> dict[str, Pixels]:
    """source: the photo, blurred; target: the photo."""
    import cv2

    blur = config.blur
    if blur.kind == "gaussian" or (blur.kind == "mixed" and rng.random() < 0.5):
        kernel = gaussian_kernel(rng.uniform(*blur.sigma))
    else:
        kernel = motion_kernel(rng.uniform(*blur.length), rng.uniform(0, np.pi))
    blurred = cv2.filter2D(clean.astype(np.float32), -1, kernel, borderType=cv2.BORDER_REFLECT)
    return {"source": in_form(blurred.reshape(clean.shape), form), "target": clean}


def gaussian_kernel(sigma: float) -> Pixels:
    """(S, S) float32 of sum 1, S odd and at least six ``sigma`` px; a single 1 at sigma 0."""
    reach = int(np.ceil(3 * sigma))
    squares = np.arange(-reach, reach + 1) ** 2
    line = np.exp(-squares / (2 * max(sigma, 1e-6) ** 2))
    kernel: Pixels = np.outer(line, line) / line.sum() ** 2
    return kernel.astype(np.float32)


def motion_kernel(length: float, angle: float) -> Pixels:
    """(S, S) float32 of sum 1: a line of ``length`` px through the middle, ``angle`` radians from the horizontal.

    Points along the line are spread over the four pixels about them.
    """
    half = max(0.0, (length - 1) / 2)
    reach = int(np.ceil(half)) + 1
    along = np.linspace(-half, half, max(1, 8 * int(np.ceil(2 * half)) + 1))
    across, down = reach + along * np.cos(angle), reach - along * np.sin(angle)
    left, top = np.floor(across).astype(int), np.floor(down).astype(int)
    kernel = np.zeros((2 * reach + 2, 2 * reach + 2))
    for right in (0, 1):
        for below in (0, 1):
            weight = np.abs(1 - right - (across - left)) * np.abs(1 - below - (down - top))
            np.add.at(kernel, (top + below, left + right), weight)
    cut: Pixels = kernel[:-1, :-1] / kernel[:-1, :-1].sum()
    return cut.astype(np.float32)


def dehaze(
    clean: Pixels, config: DataConfig, rng: np.random.Generator, short_side: int, form: Form = PLAIN
) -> dict[str, Pixels]:
    """source: the photo in haze; target: the photo."""
    beta, light = rng.uniform(*config.haze.beta), rng.uniform(*config.haze.light)
    height, width = clean.shape[:2]
    return {"source": haze(clean, random_depth(height, width, rng), beta, light), "target": clean}


def haze(clean: Pixels, depth: Pixels, beta: float, light: float) -> Pixels:
    """(H, W, 3) uint8: J t + A (1 - t) with t = exp(-beta d), d (H, W) in [0, 1], ``light`` A in [0, 1]."""
    through = np.exp(-beta * depth)[:, :, None]
    return in_form(clean * through + 255 * light * (1 - through), PLAIN)


def random_depth(height: int, width: int, rng: np.random.Generator) -> Pixels:
    """(H, W) float64 from 0 to 1: a plane that recedes to the top, and smooth noise as strong as it."""
    import cv2

    short = min(height, width)
    cells = [max(2, min(64, round(DEPTH_CELLS * side / short))) for side in (height, width)]
    noise = cv2.resize(rng.random(cells), (width, height), interpolation=cv2.INTER_CUBIC)
    depth: Pixels = noise + np.linspace(1, 0, height)[:, None]
    spread = float(np.ptp(depth))
    return (depth - depth.min()) / spread if spread else np.full_like(depth, 0.5)


def jpeg(
    clean: Pixels, config: DataConfig, rng: np.random.Generator, short_side: int, form: Form = PLAIN
) -> dict[str, Pixels]:
    """source: the photo as it comes back from a JPEG that Pillow wrote; target: the photo."""
    low, high = config.jpeg.quality
    file = io.BytesIO()
    Image.fromarray(clean).save(
        file, "JPEG", quality=int(rng.integers(low, high + 1)), subsampling=config.jpeg.subsampling
    )
    return {"source": np.array(Image.open(file).convert("RGB")), "target": clean}


def in_form(levels: Pixels, form: Form) -> Pixels:
    """(H, W, C) of numbers in a form's units as its samples: clipped to its range, integers rounded to the nearest."""
    kept = levels if form.dtype == "float32" else np.rint(levels)
    samples: Pixels = np.clip(kept, *form.range).astype(form.dtype)
    return samples
