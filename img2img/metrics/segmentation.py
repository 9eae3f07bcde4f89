"""Measures of label maps out of counts of classes: pixel accuracy, mean class accuracy, mean intersection over union.

Definitions are those of Long et al. 2015 (FCN, section 5), which pix2pix (Isola et al. 2017, section 4.4) takes too.
Over a set they are taken of the sum of its pictures' counts; the mean of the pictures' values is another number.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from img2img.errors import UserError


def confusion(result: Tensor, target: Tensor, classes: int) -> Tensor:
    """(N, classes, classes) int64: pixels of target class (row) that the result gives a class (column).

    Both (N, ...) integers of 0 to ``classes`` - 1, of one shape.

    Raises:
        UserError: shapes that differ.
    """
    if result.shape != target.shape:
        raise UserError(f"sizes differ: result {tuple(result.shape)}, target {tuple(target.shape)}")
    pairs = target.long().flatten(1) * classes + result.long().flatten(1)
    counts = [torch.bincount(picture, minlength=classes**2) for picture in pairs]
    return torch.stack(counts).reshape(-1, classes, classes)


def pixel_accuracy(counts: Tensor) -> Tensor:
    """Share of pixels of the right class, in [0, 1]; ``counts`` (..., C, C) as `confusion` has them, (...) float64."""
    counts = counts.double()
    return counts.diagonal(dim1=-2, dim2=-1).sum(-1) / counts.sum((-2, -1))


def class_accuracy(counts: Tensor) -> Tensor:
    """Mean over the target's classes of the share of their pixels that are right, in [0, 1]."""
    counts = counts.double()
    return (counts.diagonal(dim1=-2, dim2=-1) / counts.sum(-1)).nanmean(-1)


def mean_iou(counts: Tensor) -> Tensor:
    """Mean over the classes in target or result of intersection over union, in [0, 1]."""
    counts = counts.double()
    right = counts.diagonal(dim1=-2, dim2=-1)
    return (right / (counts.sum(-1) + counts.sum(-2) - right)).nanmean(-1)


def classes_in(planes: Tensor, palette: Sequence[Sequence[int]]) -> Tensor:
    """(N, H, W) int64: the class whose colour is nearest to each pixel of (N, 3, H, W) on the scale 0 to 255.

    Raises:
        UserError: planes that are no colours.
    """
    if planes.shape[1] != 3:
        raise UserError("classes are told by their colours: protocol rgb is needed")
    pixels = planes.double()
    best, classes = None, torch.zeros_like(planes[:, 0], dtype=torch.int64)
    for number, colour in enumerate(palette):
        distance = ((pixels - pixels.new_tensor(list(colour)).view(1, 3, 1, 1)) ** 2).sum(1)
        if best is None:
            best = distance
            continue
        classes[distance < best] = number
        best = torch.minimum(best, distance)
    return classes
