"""Edges of photos by HED, and pix2pix's post-processing of them (its scripts/edges: batch_hed.py, PostprocessHED.m)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import ndimage
from skimage.morphology import thin

from img2img.data.degradation_options import Edges
from img2img.errors import UserError
from img2img.networks.hed import HED, hed_network

Pixels = np.ndarray[Any, Any]
# of the triangle filter before orientations are taken, and of the suppression near borders, in px
SMOOTHING, BORDER = 4, 5
# how much an edge may be below its neighbours across it and stay
TOLERANCE = 1.01


def hed(photo: Pixels, options: Edges) -> Pixels:
    """(H, W, 3) uint8 -> (H, W) uint8, 0 on the photo's edges by HED, one pixel wide, and 255 elsewhere.

    Raises:
        UserError: HED's weights are absent or damaged.
    """
    probability = edge_probability(photo, network_of(options), options.border)
    return np.where(simplified(probability, options.threshold, options.shortest), 0, 255).astype(np.uint8)


def network_of(options: Edges) -> HED:
    """HED with its weights, read once.

    Raises:
        UserError: they are absent or damaged.
    """
    try:
        return hed_network(options.weights_file)
    except UserError as error:
        raise UserError(f"data.edges.kind=hed: {error}; data.edges.kind=canny and xdog need no weights") from error


def edge_probability(photo: Pixels, network: HED, border: int) -> Pixels:
    """(H, W, 3) uint8 -> (H, W) in [0, 1]; the photo is mirrored by ``border`` px on each side."""
    padded = np.pad(photo, ((border, border), (border, border), (0, 0)), mode="reflect")
    with torch.inference_mode():
        levels = torch.from_numpy(padded.transpose(2, 0, 1).copy())[None]
        probability = network(levels.float() / 127.5 - 1)[0, 0]
    height, width = photo.shape[:2]
    cut: Pixels = probability[border : border + height, border : border + width].numpy()
    return cut


def simplified(probability: Pixels, threshold: float, shortest: int) -> Pixels:
    """(H, W) probabilities -> (H, W) bool, True on lines one pixel wide of ``shortest`` px or more (SimpleEdge)."""
    strong = local_maxima(probability) >= max(threshold, np.finfo(float).eps)
    lines: Pixels = thin(strong)
    # components touch at corners too
    numbers, _ = ndimage.label(lines, np.ones((3, 3)))
    lengths = np.bincount(numbers.ravel())
    kept: Pixels = lines & (lengths[numbers] >= shortest)
    return kept


def local_maxima(edges: Pixels) -> Pixels:
    """(H, W) -> the same where it is highest across the edge, 0 elsewhere (EdgeNMS; Dollar's edgesNms, radius 1).

    Within 5 px of the border values are weighed down to 0 at it.
    """
    across = orientation(edges)
    rows, columns = np.mgrid[: edges.shape[0], : edges.shape[1]].astype(float)
    highest = np.ones(edges.shape, bool)
    for step in (-1, 1):
        places = (rows + step * np.sin(across), columns + step * np.cos(across))
        beside = ndimage.map_coordinates(edges, places, order=1, mode="nearest")
        highest &= edges * TOLERANCE >= beside
    weights = [border_weights(side) for side in edges.shape]
    kept: Pixels = np.where(highest, edges, 0) * np.outer(*weights)
    return kept


def orientation(edges: Pixels) -> Pixels:
    """(H, W) -> angle across the edge at each pixel, 0 to pi, from columns (x) to rows (y)."""
    ramp = np.arange(1, SMOOTHING + 2)
    triangle = np.concatenate([ramp, ramp[-2::-1]]) / (SMOOTHING + 1) ** 2
    smooth = ndimage.correlate1d(edges.astype(float), triangle, 0, mode="reflect")
    smooth = ndimage.correlate1d(smooth, triangle, 1, mode="reflect")
    along_x = gradient(smooth, 1)
    xx, xy, yy = gradient(along_x, 1), gradient(along_x, 0), gradient(gradient(smooth, 0), 0)
    angle: Pixels = np.mod(np.arctan(yy * np.sign(-xy) / (xx + 1e-5)), np.pi)
    return angle


def gradient(values: Pixels, axis: int) -> Pixels:
    """Central differences, one-sided at the borders; 0 along a side of one pixel."""
    if values.shape[axis] == 1:
        return np.zeros_like(values)
    slope: Pixels = np.gradient(values, axis=axis)
    return slope


def border_weights(side: int) -> Pixels:
    """(side,) 0 at both ends, rising to 1 over 5 px, or over half of the side."""
    reach = min(BORDER, side // 2)
    places = np.arange(side)
    return np.minimum(np.minimum(places, side - 1 - places) / max(reach, 1), 1) if reach else np.ones(side)
