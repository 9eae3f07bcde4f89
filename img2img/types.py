"""The words everything else is written in (no imports from the rest of the package)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

from torch import Tensor, nn


@dataclass(frozen=True)
class Batch:
    """One batch of a data set.

    ``source`` and ``target`` are NCHW float32 in [-1, 1] (or (N, F) vectors); ``mask`` is (N, 1, H, W) with 1 inside
    the hole; ``index`` (N,) int64 holds the positions in the data set. Each of the first three may be absent.
    In the noise flow ``source`` is z.
    """

    source: Tensor | None = None
    target: Tensor | None = None
    mask: Tensor | None = None
    index: Tensor | None = None

    def __len__(self) -> int:
        for value in (self.index, self.target, self.source):
            if value is not None:
                return len(value)
        return 0

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """The same batch with ``function`` applied to each tensor that is present."""
        values = {name: getattr(self, name) for name in ("source", "target", "mask", "index")}
        return replace(self, **{name: function(value) for name, value in values.items() if value is not None})


@dataclass(frozen=True)
class Match:
    """What one critic is shown: ``real`` against ``fake``, beside ``condition`` where the critic is conditional."""

    critic: str
    real: Tensor
    fake: Tensor
    condition: Tensor | None = None


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


class Scene(Protocol):
    """One generator forward over one batch, as the losses of one player see it.

    The same scene is seen from two sides. For a critic's loss ``fake`` judges detached (and pooled) images with the
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

    def shown(self, match: Match) -> tuple[Tensor, Tensor]:
        """(real, fake) as this side's critic sees them: images beside their condition, fakes detached and pooled."""
        ...

    def judge(self, match: Match, images: Tensor) -> Verdict:
        """A verdict on ``images`` (as ``shown`` gives them: condition included), fp32, autocast off, never remembered:
        for interpolates and inputs that need a gradient."""
        ...

    def critic_parameters(self, match: Match) -> Sequence[nn.Parameter]:
        """The weights of the critic that judges a match."""
        ...

    def draw(self, name: str, shape: Sequence[int]) -> Tensor:
        """Uniform [0, 1) float32 numbers for this scene under a name; row i belongs to sample i of the batch."""
        ...

    def mean(self, values: Tensor) -> Tensor:
        """Mean of all elements over the global batch (all processes), fp32, differentiable."""
        ...

    def log(self, name: str, value: Tensor) -> None:
        """Note a further scalar for the log (detached, not read before the next log line)."""
        ...

    def once(self, name: str, compute: Callable[[], Tensor]) -> Tensor:
        """A value computed once a step and shared by the scenes of one step (E-GAN's real-side gradient)."""
        ...

    def reduce(self, values: Tensor) -> Tensor:
        """Mean over processes of a tensor, element by element, without gradient."""
        ...


Generators = Mapping[str, nn.Module]


class Draw(Protocol):
    """Uniform [0, 1) float32 numbers by name and shape."""

    def __call__(self, name: str, shape: Sequence[int]) -> Tensor: ...


class Flow(Protocol):
    """How a batch becomes images, and what each critic is shown."""

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the generators; the first is the one that translates source to target."""
        ...

    @property
    def way_back(self) -> str | None:
        """Name of the generator that translates targets to sources, or None where none does."""
        ...

    @property
    def critics(self) -> tuple[str, ...]:
        """Names of the critics."""
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

    def channels(self, source: int, target: int) -> tuple[tuple[int, int], ...]:
        """(in, out) channels of each of ``networks`` for data of the given channels."""
        ...

    def critic_channels(self, source: int, target: int, conditional: bool) -> tuple[int, ...]:
        """Input channels of each of ``critics``."""
        ...
