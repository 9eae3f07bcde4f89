"""Rows of numbers, and images in units of their own, as samples: scaled to [-1, 1], padded to a square, and back."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from img2img.config import options
from img2img.data.samples import Kind, Pixels, labelled
from img2img.errors import UserError
from img2img.files import listed

Values = np.ndarray[Any, Any]
Side = Annotated[int, Field(ge=1, le=65_536)]


@options
class ArrayRecipe:
    """How an array's samples became what a network sees, so that its results can be given back in the data's units.

    Attributes:
        shape: of one sample in the data: (F,) of rows, (H, W) or (H, W, C) of images.
        low, high: what became -1 and 1: one number each, or one a column.
        columns: the columns' names; empty where there are none.
        square: side in values of the square that a row was padded to, with -1; None: rows stay rows.
    """

    shape: Annotated[tuple[Side, ...], Field(min_length=1, max_length=3)]
    low: Annotated[tuple[float, ...], Field(min_length=1)]
    high: Annotated[tuple[float, ...], Field(min_length=1)]
    columns: tuple[str, ...] = ()
    square: Side | None = None

    def __post_init__(self) -> None:
        width = self.shape[-1]
        for name in ("low", "high"):
            if len(getattr(self, name)) not in (1, width):
                raise ValueError(f"{name} has {len(getattr(self, name))} numbers for {width} columns")
        if self.columns and len(self.columns) != width:
            raise ValueError(f"{len(self.columns)} names for {width} columns")
        if self.square is not None and (len(self.shape) > 1 or self.square**2 < width):
            raise ValueError(f"a square of {self.square} does not hold samples of {self.shape}")

    def to_network(self, values: Values) -> Tensor:
        """(N, *shape) in the data's units as float32 in [-1, 1]: (N, F), or (N, C, H, W) of squares and images."""
        low, high = np.asarray(self.low), np.asarray(self.high)
        scaled = torch.from_numpy(((values - low) / (high - low) * 2 - 1).astype(np.float32))
        if len(self.shape) > 1:
            return (scaled[..., None] if len(self.shape) == 2 else scaled).permute(0, 3, 1, 2).contiguous()
        if self.square is None:
            return scaled
        padded = torch.full((len(scaled), self.square**2), -1.0)
        padded[:, : self.shape[0]] = scaled
        return padded.view(-1, 1, self.square, self.square)

    def from_network(self, made: Tensor) -> Values:
        """What a network made, as (N, *shape) float64 in the data's units; padding is dropped, nothing is clipped.

        Raises:
            UserError: it is of another shape than samples of these data.
        """
        values = made.detach().cpu().double()
        if len(self.shape) > 1:
            values = values.permute(0, 2, 3, 1)
        elif self.square is not None:
            values = values.flatten(1)[:, : self.shape[0]]
        low, high = np.asarray(self.low), np.asarray(self.high)
        try:
            shaped = values.numpy().reshape(len(made), *self.shape)
        except ValueError as error:
            raise UserError(f"results of {tuple(made.shape[1:])} are no samples of {self.shape}") from error
        result: Values = (shaped + 1) / 2 * (high - low) + low
        return result


def recipe_of(
    values: Values, columns: Sequence[str], *, by_column: bool, square: bool, side: int | None, where: str
) -> ArrayRecipe:
    """How samples (N, ...) are to be scaled and padded: from their least and largest values to [-1, 1].

    Args:
        by_column: each column of rows by its own range; else all by the array's.
        square: rows become squares, of ``side`` or the smallest that holds them.
        where: begins the errors.

    Raises:
        UserError: columns (or all values) that are constant and so have no range; a side that is too small.
    """
    width, vectors = values.shape[-1], values.ndim == 2
    by_column = by_column and vectors
    axes = 0 if by_column else None
    low, high = (np.atleast_1d(edge(values, axis=axes)).astype(np.float64) for edge in (np.min, np.max))
    constant = np.flatnonzero(low == high)
    if len(constant) and by_column:
        names = [columns[number] if columns else str(number) for number in constant.tolist()]
        raise UserError(
            f"{where}: {len(names)} columns are constant: {listed(names)}; leave them out, or scale by the whole array "
            f"(data.scale=array)"
        )
    if len(constant):
        raise UserError(f"{where}: every value is {low[0]:g}; there is nothing to learn")
    if side is not None and side**2 < width and vectors and square:
        raise UserError(f"{where}: rows of {width} do not fit data.side={side}; {math.isqrt(width - 1) + 1} is least")
    return ArrayRecipe(
        shape=tuple(values.shape[1:]),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        columns=tuple(columns),
        square=(side or math.isqrt(width - 1) + 1) if square and vectors else None,
    )


@dataclass(frozen=True)
class Rows:
    """Samples of an array as a recipe scaled and padded them: ``scaled`` (N, ...), with labels (N,) where they are.

    ``classes`` are the labels of the classes that networks are told, in order; empty where they are told none.
    """

    scaled: Tensor = field(compare=False)
    recipe: ArrayRecipe
    numbers: tuple[int, ...]
    labels: Values | None = field(default=None, compare=False)
    classes: tuple[int, ...] = ()

    @property
    def names(self) -> Sequence[str]:
        return [f"row {number}" for number in self.numbers]

    @property
    def kind(self) -> Kind:
        return "points" if self.scaled.ndim == 2 else "images"

    def __len__(self) -> int:
        return len(self.numbers)

    def select(self, indices: Sequence[int]) -> Rows:
        """Some of the samples."""
        return replace(self, numbers=tuple(self.numbers[index] for index in indices))

    def sample(self, epoch: int, index: int, seed: int) -> dict[str, Tensor]:
        number = self.numbers[index]
        label = None if self.labels is None else int(self.labels[number])
        return labelled({"target": self.scaled[number].clone()}, label, self.classes)

    def whole(self, index: int) -> dict[str, Pixels]:
        raise UserError("samples of an array of numbers are no pictures")

    def digest(self, index: int) -> str:
        return hashlib.sha256(self.scaled[self.numbers[index]].numpy().tobytes()).hexdigest()
