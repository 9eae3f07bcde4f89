"""Games on logits: the critic's loss and the generator's, in their numerically stable forms.

r and f are logits on real and fake, s the sigmoid, sp the softplus; all losses are batch means.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import relu, softplus

from img2img.config import options
from img2img.types import Mean

Scale = Annotated[float, Field(gt=0)]
Label = Annotated[float, Field(gt=0.5, le=1)]


def at_least_fp32(values: Tensor) -> Tensor:
    """At least fp32: half precisions are raised, float64 stays."""
    return values if values.dtype == torch.float64 else values.float()


def cross_entropy(real: Tensor, fake: Tensor, real_label: float) -> Tensor:
    """-t log s(r) - (1 - t) log(1 - s(r)) - log(1 - s(f)), t the real label (Goodfellow et al. 2014, eq. 1)."""
    real, fake = at_least_fp32(real), at_least_fp32(fake)
    loss = real_label * softplus(-real).mean() + softplus(fake).mean()
    return loss if real_label == 1 else loss + (1 - real_label) * softplus(real).mean()


@options
class Minimax:
    """Generator: mean log(1 - s(f)) = -sp(f) (Goodfellow et al. 2014, eq. 1). ``scale`` multiplies the generator's."""

    needs_real: ClassVar[bool] = False
    cross_entropy: ClassVar[bool] = True
    needs_fp32: ClassVar[bool] = False
    scale: Annotated[Scale, Field(description="factor on the generator's loss")] = 1.0
    real_label: Annotated[Label, Field(description="what the critic should say to real; below 1: smoothed")] = 1.0

    def critic(self, real: Tensor, fake: Tensor, mean: Mean) -> Tensor:
        return cross_entropy(real, fake, self.real_label)

    def generator(self, real: Tensor | None, fake: Tensor, mean: Mean) -> Tensor:
        return -self.scale * softplus(at_least_fp32(fake)).mean()


@options
class NonSaturating:
    """Generator: -mean log s(f) = sp(-f) (Goodfellow et al. 2014, section 3)."""

    needs_real: ClassVar[bool] = False
    cross_entropy: ClassVar[bool] = True
    needs_fp32: ClassVar[bool] = False
    scale: Annotated[Scale, Field(description="factor on the generator's loss")] = 1.0
    real_label: Annotated[Label, Field(description="what the critic should say to real; below 1: smoothed")] = 1.0

    def critic(self, real: Tensor, fake: Tensor, mean: Mean) -> Tensor:
        return cross_entropy(real, fake, self.real_label)

    def generator(self, real: Tensor | None, fake: Tensor, mean: Mean) -> Tensor:
        return self.scale * softplus(-at_least_fp32(fake)).mean()


@options
class LeastSquares:
    """(r - 1)^2 + f^2 and (f - 1)^2 on logits, unhalved (Mao et al. 2017, coding 0, 1, 1)."""

    needs_real: ClassVar[bool] = False
    cross_entropy: ClassVar[bool] = False
    needs_fp32: ClassVar[bool] = False
    scale: Annotated[Scale, Field(description="factor on the generator's loss")] = 1.0
    real_label: Annotated[Label, Field(description="what the critic should say to real; below 1: smoothed")] = 1.0

    def critic(self, real: Tensor, fake: Tensor, mean: Mean) -> Tensor:
        return ((at_least_fp32(real) - self.real_label) ** 2).mean() + (at_least_fp32(fake) ** 2).mean()

    def generator(self, real: Tensor | None, fake: Tensor, mean: Mean) -> Tensor:
        return self.scale * ((at_least_fp32(fake) - 1) ** 2).mean()


@options
class LeastSquaresProbability:
    """Least squares on the critic's probability: (s(f) - 1)^2, E-GAN's third mutation (Wang et al. 2019, eq. 7).

    Unlike least squares on logits it saturates: its gradient vanishes for fakes that the critic is sure of.
    """

    needs_real: ClassVar[bool] = False
    cross_entropy: ClassVar[bool] = False
    needs_fp32: ClassVar[bool] = False
    scale: Annotated[Scale, Field(description="factor on the generator's loss")] = 1.0
    real_label: Annotated[Label, Field(description="what the critic should say to real; below 1: smoothed")] = 1.0

    def critic(self, real: Tensor, fake: Tensor, mean: Mean) -> Tensor:
        on_real = (torch.sigmoid(at_least_fp32(real)) - self.real_label) ** 2
        return on_real.mean() + (torch.sigmoid(at_least_fp32(fake)) ** 2).mean()

    def generator(self, real: Tensor | None, fake: Tensor, mean: Mean) -> Tensor:
        return self.scale * ((torch.sigmoid(at_least_fp32(fake)) - 1) ** 2).mean()


@options
class Wasserstein:
    """f - r and -f (Arjovsky et al. 2017); the critic must be kept Lipschitz by a penalty or clipped weights.

    Its loss is a small difference of unbounded values, of which half precision keeps three digits.
    """

    needs_real: ClassVar[bool] = False
    cross_entropy: ClassVar[bool] = False
    needs_fp32: ClassVar[bool] = True
    scale: Annotated[Scale, Field(description="factor on the generator's loss")] = 1.0

    def critic(self, real: Tensor, fake: Tensor, mean: Mean) -> Tensor:
        return at_least_fp32(fake).mean() - at_least_fp32(real).mean()

    def generator(self, real: Tensor | None, fake: Tensor, mean: Mean) -> Tensor:
        return -self.scale * at_least_fp32(fake).mean()


@options
class Hinge:
    """relu(1 - r) + relu(1 + f) and -f (Lim and Ye 2017)."""

    needs_real: ClassVar[bool] = False
    cross_entropy: ClassVar[bool] = False
    needs_fp32: ClassVar[bool] = False
    scale: Annotated[Scale, Field(description="factor on the generator's loss")] = 1.0

    def critic(self, real: Tensor, fake: Tensor, mean: Mean) -> Tensor:
        return relu(1 - at_least_fp32(real)).mean() + relu(1 + at_least_fp32(fake)).mean()

    def generator(self, real: Tensor | None, fake: Tensor, mean: Mean) -> Tensor:
        return -self.scale * at_least_fp32(fake).mean()


@options
class RelativisticAverage:
    """sp(-(r - mean f)) + sp(f - mean r), and the swap for the generator (Jolicoeur-Martineau 2019, eq. 8 and 9)."""

    needs_real: ClassVar[bool] = True
    cross_entropy: ClassVar[bool] = False
    needs_fp32: ClassVar[bool] = False
    scale: Annotated[Scale, Field(description="factor on the generator's loss")] = 1.0

    def critic(self, real: Tensor, fake: Tensor, mean: Mean) -> Tensor:
        real, fake = at_least_fp32(real), at_least_fp32(fake)
        return softplus(-(real - mean(fake))).mean() + softplus(fake - mean(real)).mean()

    def generator(self, real: Tensor | None, fake: Tensor, mean: Mean) -> Tensor:
        if real is None:
            raise ValueError("the relativistic game needs the critic's verdict on real")
        return self.scale * self.critic(fake, real, mean)


GAMES: dict[str, type[Any]] = {
    "minimax": Minimax,
    "non_saturating": NonSaturating,
    "least_squares": LeastSquares,
    "least_squares_probability": LeastSquaresProbability,
    "wasserstein": Wasserstein,
    "hinge": Hinge,
    "relativistic_average": RelativisticAverage,
}
