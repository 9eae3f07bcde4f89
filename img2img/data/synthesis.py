"""Sources made of clean photos: rain, holes, edges, degradations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from img2img.data.config import DataConfig, Hole
from img2img.data.degradation_options import Edges
from img2img.data.degradations import PLAIN, colorize, deblur, dehaze, denoise, in_form, jpeg, superres
from img2img.data.holes import fill_levels, made_hole
from img2img.data.rain import add_rain
from img2img.errors import UserError
from img2img.images.form import Form

Pixels = np.ndarray[Any, Any]


def rain(
    clean: Pixels, config: DataConfig, rng: np.random.Generator, short_side: int, form: Form = PLAIN
) -> dict[str, Pixels]:
    """source: the photo in made rain; target: the photo."""
    return {"source": add_rain(clean, config.rain, rng, short_side), "target": clean}


def hole(
    clean: Pixels, config: DataConfig, rng: np.random.Generator, short_side: int, form: Form = PLAIN
) -> dict[str, Pixels]:
    """source: the photo with its hole filled by a constant; target: the photo; mask (H, W, 1): 255 inside the hole."""
    height, width = clean.shape[:2]
    return filled(clean, made_hole(height, width, config.hole, rng)[:, :, None], config.hole, form)


def filled(clean: Pixels, mask: Pixels, options: Hole, form: Form = PLAIN) -> dict[str, Pixels]:
    """`hole`, by a mask (H, W, 1) uint8 that is there: above 0 inside the hole."""
    low, high = form.range
    levels = np.array(fill_levels(options.fill, form.channels)) * ((high - low) / 255) + low
    fill = in_form(levels, form)
    return {"source": np.where(mask > 0, fill, clean), "target": clean, "mask": mask}


def edges(
    clean: Pixels, config: DataConfig, rng: np.random.Generator, short_side: int, form: Form = PLAIN
) -> dict[str, Pixels]:
    """source: the photo's edges, dark on white; target: the photo."""
    drawn = DRAWINGS[config.edges.kind](clean, config.edges)
    return {"source": np.repeat(drawn[:, :, None], 3, axis=2), "target": clean}


def canny(luminance: Pixels, options: Edges) -> Pixels:
    """(H, W) in [0, 1] -> uint8, 0 on Canny's edges and 255 elsewhere."""
    from skimage import feature

    return np.where(feature.canny(luminance, sigma=options.sigma), 0, 255).astype(np.uint8)


def xdog(luminance: Pixels, options: Edges) -> Pixels:
    """(H, W) in [0, 1] -> uint8: the extended difference of Gaussians (Winnemoeller et al. 2012, equations 5 and 7).

    D = G(sigma) - tau G(1.6 sigma); white where D is at least epsilon, else 1 + tanh(phi (D - epsilon)).
    """
    from scipy.ndimage import gaussian_filter

    wide = gaussian_filter(luminance, 1.6 * options.sigma)
    above = gaussian_filter(luminance, options.sigma) - options.tau * wide - options.epsilon
    drawn: Pixels = np.rint(255 * (1 + np.tanh(options.phi * np.minimum(above, 0)))).astype(np.uint8)
    return drawn


Drawing = Callable[[Pixels, Edges], Pixels]


def of_luminance(drawing: Drawing) -> Drawing:
    """A drawing of photos (H, W, 3) uint8 by one of their luminance (H, W) in [0, 1]."""

    def drawn(photo: Pixels, options: Edges) -> Pixels:
        from skimage.color import rgb2gray

        return drawing(rgb2gray(photo), options)

    return drawn


def by_hed(photo: Pixels, options: Edges) -> Pixels:
    """`img2img.data.hed.hed`."""
    # its libraries take a second to load, for everybody who only uses weights too
    from img2img.data.hed import hed

    return hed(photo, options)


def by_kornia(photo: Pixels, options: Edges) -> Pixels:
    """(H, W, 3) uint8 -> (H, W) uint8, 0 on the edges of ``kornia.filters.canny`` and 255 elsewhere."""
    from kornia.filters import canny

    around = math.ceil(3 * options.sigma)
    side = 2 * around + 1
    # it mirrors pictures at their sides, which those smaller than the blur are too small for
    padded = np.pad(photo, ((around, around), (around, around), (0, 0)), "edge").astype(np.float32) / 255
    levels = torch.from_numpy(padded).permute(2, 0, 1)[None]
    _, lines = canny(levels, options.low, options.high, (side, side), (options.sigma, options.sigma))
    drawn: Pixels = np.where(lines[0, 0, around:-around, around:-around].numpy() > 0, 0, 255).astype(np.uint8)
    return drawn


# of (H, W, 3) uint8
DRAWINGS: dict[str, Drawing] = {
    "canny": of_luminance(canny),
    "kornia": by_kornia,
    "xdog": of_luminance(xdog),
    "hed": by_hed,
}


# of a clean picture, the configuration, a generator, the short side in px of the photo that it was cut from, and what
# the picture's samples are
Synthesis = Callable[[Pixels, DataConfig, np.random.Generator, int, Form], dict[str, Pixels]]
SYNTHESES: dict[str, Synthesis] = {
    "rain": rain,
    "hole": hole,
    "edges": edges,
    "colorize": colorize,
    "superres": superres,
    "denoise": denoise,
    "deblur": deblur,
    "dehaze": dehaze,
    "jpeg": jpeg,
}
# those of pictures of any form, whose type and channels they keep; the others know 8-bit RGB alone
ANY_FORM = ("hole", "superres", "denoise", "deblur")


def prepare(config: DataConfig) -> None:
    """Read beforehand what the synthesis of a source needs beside the photo.

    Raises:
        UserError: it is absent or damaged; thresholds the wrong way round.
    """
    if config.synthesis == "edges" and config.edges.kind == "kornia":
        _check_kornia(config.edges)
    if config.synthesis == "edges" and config.edges.kind == "hed":
        from img2img.data.hed import network_of

        network_of(config.edges)


def _check_kornia(options: Edges) -> None:
    if options.low > options.high:
        raise UserError(f"data.edges.low={options.low} is above data.edges.high={options.high}: the lower comes first")
    try:
        import kornia.filters  # noqa: F401
    except ImportError as error:
        raise UserError("data.edges.kind=kornia needs the extra: pip install 'img2img[kornia]'") from error
