"""The words everything else is written in (no imports from the rest of the package)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn

Features = TypeVar("Features")


@dataclass(frozen=True)
class Batch:
    """One batch of a data set.

    ``source`` and ``target`` are NCHW float32 in [-1, 1] (or (N, F) vectors); ``mask`` is (N, 1, H, W) with 1 inside
    the hole; ``index`` (N,) int64 holds the positions in the data set. Each of the first three may be absent.
    In the noise flow ``source`` is z. ``extra`` holds what else a data set or a flow knows of each sample by name
    (labels, weight maps, further frames), N rows each.
    """

    source: Tensor | None = None
    target: Tensor | None = None
    mask: Tensor | None = None
    index: Tensor | None = None
    extra: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        for value in (self.index, self.target, self.source):
            if value is not None:
                return len(value)
        return 0

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """The same batch with ``function`` applied to each tensor that is present."""

        def mapped(value: Tensor | None) -> Tensor | None:
            return None if value is None else function(value)

        return replace(
            self,
            source=mapped(self.source),
            target=mapped(self.target),
            mask=mapped(self.mask),
            index=mapped(self.index),
            extra={name: function(value) for name, value in self.extra.items()},
        )

    def rows(self, rows: slice | Tensor) -> Self:
        """The samples that ``rows`` (a slice, or int64 places) picks out."""
        return self.map(lambda values: values[rows])

    @classmethod
    def joined(cls, batches: Sequence[Self]) -> Self:
        """Several batches with the same parts, one behind the other."""

        def cat(values: Sequence[Tensor | None]) -> Tensor | None:
            present = [value for value in values if value is not None]
            return torch.cat(present) if present else None

        return cls(
            source=cat([batch.source for batch in batches]),
            target=cat([batch.target for batch in batches]),
            mask=cat([batch.mask for batch in batches]),
            index=cat([batch.index for batch in batches]),
            extra={name: torch.cat([batch.extra[name] for batch in batches]) for name in batches[0].extra},
        )

    def chunks(self, count: int) -> list[Self]:
        """``count`` parts of equal size, in order; samples that are left over are in none."""
        if count == 1:
            return [self]
        size = len(self) // count
        return [self.rows(slice(number * size, (number + 1) * size)) for number in range(count)]

    def pin_memory(self) -> Self:
        """The same in page-locked memory; the name is the one that torch's loader asks for."""
        return self.map(lambda values: values.pin_memory())


@dataclass(frozen=True)
class Match:
    """What one critic is shown: ``real`` against ``fake``, beside ``condition`` where the critic is conditional.

    The condition is further channels (or features) in front of the images; ``given`` is handed to the critic by name
    beside them (labels of a projection critic), N rows each.
    """

    critic: str
    real: Tensor
    fake: Tensor
    condition: Tensor | None = None
    given: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Shown:
    """One side of a match as its critic is shown it: images, and the condition beside them (None: there is none)."""

    images: Tensor
    condition: Tensor | None = None

    def joined(self) -> Tensor:
        """What goes into the critic: the condition's channels, then the images'."""
        return self.images if self.condition is None else torch.cat([self.condition, self.images], dim=1)


@dataclass(frozen=True)
class Verdict:
    """A critic's answer: ``logits`` (one map, or one a scale) and ``features`` (hidden layers, first to last)."""

    logits: tuple[Tensor, ...]
    features: tuple[Tensor, ...] = ()


class Game(Protocol):
    """The critic's loss and the generator's, on logits; ``mean`` averages over the global batch."""

    needs_real: bool
    cross_entropy: bool
    needs_fp32: bool

    def critic(self, real: Tensor, fake: Tensor, mean: Mean) -> Tensor:
        """What the critic minimises."""
        ...

    def generator(self, real: Tensor | None, fake: Tensor, mean: Mean) -> Tensor:
        """What the generator minimises; ``real`` is there where ``needs_real`` says so."""
        ...


class Mean(Protocol):
    """Mean of all elements over the global batch (all processes), fp32, differentiable."""

    def __call__(self, values: Tensor) -> Tensor: ...


class ForwardView(Protocol):
    """One generator forward over one batch, as the losses of one player see it.

    The same forward is seen from two sides. For a critic's loss ``fake`` judges detached (and pooled) images with the
    critic's graph; for a generator's loss ``real`` is a constant and ``fake`` carries the gradient to the images.
    """

    @property
    def batch(self) -> Batch:
        """What the images were made from."""
        ...

    @property
    def images(self) -> Mapping[str, Tensor]:
        """What the generators made: always ``"fake"``."""
        ...

    @property
    def matches(self) -> Sequence[Match]:
        """What each critic is shown."""
        ...

    @property
    def game(self) -> Game:
        """The game this side plays now."""
        ...

    def real(self, match: Match) -> Verdict:
        """The critic's verdict on the real side; remembered, never computed twice for the same weights."""
        ...

    def fake(self, match: Match) -> Verdict:
        """The critic's verdict on the fake side; remembered like ``real``."""
        ...

    def shown(self, match: Match) -> tuple[Shown, Shown]:
        """(real, fake) as this side's critic sees them, at least fp32; fakes detached and pooled."""
        ...

    def judge(self, match: Match, shown: Shown) -> Verdict:
        """A verdict on what is shown instead (interpolates, images that need a gradient), beside what the match gives
        its critic; fp32, autocast off, never remembered."""
        ...

    def run(self, network: Callable[[Tensor], Features], images: Tensor) -> Features:
        """What a network that no player trains (frozen features) makes of ``images``, in the step's precision.

        The gradient goes through it to the images. Remembered for the same images: real ones are run once a forward.
        """
        ...

    def critic_parameters(self, match: Match) -> Sequence[nn.Parameter]:
        """The weights of the critic that judges a match."""
        ...

    def draw(self, name: str, shape: Sequence[int]) -> Tensor:
        """Uniform [0, 1) float32 numbers for this forward under a name; row i belongs to sample i of the batch."""
        ...

    def mean(self, values: Tensor) -> Tensor:
        """Mean of all elements over the global batch (all processes), fp32, differentiable."""
        ...

    def log(self, name: str, value: Tensor) -> None:
        """Note a further scalar for the log (detached, not read before the next log line)."""
        ...

    def once(self, name: str, compute: Callable[[], Tensor]) -> Tensor:
        """A value computed once a step and shared by all that look at its forwards (E-GAN's real-side gradient)."""
        ...

    def reduce(self, values: Tensor) -> Tensor:
        """Mean over processes of a tensor, element by element, without gradient."""
        ...


Generators = Mapping[str, nn.Module]
Side = Literal["source", "target"]


class Draw(Protocol):
    """Uniform [0, 1) float32 numbers by name and shape."""

    def __call__(self, name: str, shape: Sequence[int]) -> Tensor: ...


class Flow(Protocol):
    """How a batch becomes images, and what each critic is shown."""

    @property
    def sides(self) -> Mapping[str, Side]:
        """Which side of the data each generator makes, by name; the first translates source to target."""
        ...

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the generators, in the order of ``sides``."""
        ...

    @property
    def way_back(self) -> str | None:
        """Name of the generator that translates targets to sources, or None where none does."""
        ...

    @property
    def critics(self) -> tuple[str, ...]:
        """Names of the critics that matches are shown to."""
        ...

    @property
    def conditions(self) -> bool:
        """Whether a critic can be shown what a picture was made from."""
        ...

    @property
    def makes(self) -> tuple[str, ...]:
        """Names of the images of one forward."""
        ...

    @property
    def redraws(self) -> bool:
        """Whether the generator's update makes a forward of its own (of new noise) instead of taking the critic's."""
        ...

    @property
    def from_noise(self) -> bool:
        """Whether results start from noise instead of a picture."""
        ...

    @property
    def needs_pairs(self) -> bool:
        """Whether it learns a target from the source of the same scene, so that partners must belong together."""
        ...

    @property
    def centre_only(self) -> bool:
        """Whether it makes the central half of a picture alone: no hole may reach beyond it."""
        ...

    @property
    def needs_mask(self) -> bool:
        """Whether images can only be made where a mask says what to fill."""
        ...

    def prepare(self, batch: Batch, draw: Draw) -> Batch:
        """The batch with what the flow itself draws (z in the noise flow); rows of ``draw`` belong to samples."""
        ...

    def images(self, generators: Generators, batch: Batch) -> dict[str, Tensor]:
        """All images one forward makes: always ``"fake"``, for which the first of ``networks`` is enough."""
        ...

    def matches(self, batch: Batch, images: Mapping[str, Tensor], conditional: bool) -> tuple[Match, ...]:
        """What each critic is shown."""
        ...
