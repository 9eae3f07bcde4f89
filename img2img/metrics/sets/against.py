"""One real set that others are measured against, in every space that the numbers' names say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch

from img2img.errors import UserError, unknown
from img2img.metrics.sets.registry import full_name, in_space, measure_sets, set_measure, set_numbers
from img2img.metrics.sets.sample_set import SampleSet
from img2img.metrics.sets.spaces import PIXELS, SPACES, Extent, Mixture, Spaced, Values


class AgainstReal:
    """Measures sets against a real one, whose features in each space are computed once, when first asked for.

    Args:
        real: (N, H, W, 3) uint8 pictures or (N, F) numbers.
        mixture: the modes of the real set, where they are known.
        space: of the names that say none, one of `SPACES`.
    """

    def __init__(
        self, real: Values, mixture: Mixture = None, device: torch.device | None = None, space: str = PIXELS.name
    ) -> None:
        if space not in SPACES:
            raise unknown("space", space, SPACES, "--features")
        self.real, self.mixture, self.space = real, mixture, space
        self.device = device or torch.device("cpu")
        self._spaced: dict[str, Spaced] = {}
        self._grounds: dict[str, SampleSet] = {}

    def extent(self, space: str | None = None, count: int | None = None) -> Extent:
        """That of ``count`` samples (the real set's) against as many, in the space of names that say none.

        Raises:
            UserError: the samples are no pictures, and the space is of these.
        """
        return SPACES[space or self.space].extent(self.real, self.mixture, len(self.real) if count is None else count)

    def obstacles(self, names: Iterable[str], count: int | None = None, where: str = "--metrics") -> list[str]:
        """Why numbers cannot be taken of ``count`` samples, with what is needed; nothing is computed for it.

        Raises:
            UserError: unknown names; samples that a space cannot look at.
        """
        named = (in_space(name, self.space, where) for name in names)
        found = (set_measure(name, where).obstacle(self.extent(space, count)) for name, space in named)
        return [obstacle for obstacle in found if obstacle]

    def check(self, names: Iterable[str]) -> None:
        """Refuse numbers that cannot be taken of so many samples, before any is looked at.

        Raises:
            UserError: the first obstacle.
        """
        for obstacle in self.obstacles(names):
            raise UserError(obstacle)

    def ground(self, space: str | None = None) -> SampleSet:
        """The real set in a space.

        Raises:
            UserError: weights of the feature network are absent, or the samples are nothing that it looks at.
        """
        name = space or self.space
        if name not in self._grounds:
            self._grounds[name] = self._in(name)(self.real, self.mixture)
        return self._grounds[name]

    def measured(self, made: Values, names: Sequence[str]) -> dict[str, float]:
        """The numbers that ``names`` stand for of a set, by their full names.

        Raises:
            UserError: unknown names; too few samples; as `ground`.
        """
        by_space: dict[str, list[str]] = {}
        for name in names:
            bare, space = in_space(name, self.space)
            by_space.setdefault(space, []).append(bare)
        found: dict[str, float] = {}
        for space, bare_names in by_space.items():
            values = measure_sets(self.ground(space), self._in(space)(made, None), bare_names)
            found |= {full_name(number, space): value for number, value in values.items()}
        return {name: found[name] for name in set_numbers(names, space=self.space)}

    def _in(self, space: str) -> Spaced:
        if space not in self._spaced:
            self._spaced[space] = SPACES[space].open(self.device)
        return self._spaced[space]
