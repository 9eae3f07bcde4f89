"""PAN's losses: the distance between hidden layers of the critic, which the generator shrinks and the critic grows.

P = sum_j lambda_j d(D_j(T(x)), D_j(y)) over chosen layers j (Wang et al. 2018, eq. 3). The generator minimises P; the
critic minimises max(0, m - P) (eq. 4). Margin, weights and reduction belong together: with the mean over elements and
the released weights P is about 3 for unrelated pictures, so m = 3; with the sum of a layer's elements P is above
100,000 at 64 px and m = 3 would never act.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from img2img.config import options
from img2img.errors import UserError
from img2img.losses.games import at_least_fp32
from img2img.types import ForwardView, Verdict

Layers = Annotated[dict[Annotated[int, Field(ge=1)], Annotated[float, Field(gt=0)]], Field(min_length=1)]
RELEASED: Mapping[int, float] = {1: 5.0, 4: 1.5, 6: 1.5, 8: 1.0}


def released() -> dict[int, float]:
    """Layers and weights of the author's program."""
    return dict(RELEASED)


def layer_distances(
    real: Verdict, fake: Verdict, layers: Mapping[int, float], distance: str, reduction: str, *, constant_real: bool
) -> dict[int, Tensor]:
    """(N,) weighted distances by layer number, one value a pair.

    Args:
        layers: layer number (1 is the first convolution, after its activation) -> weight.
        distance: ``l1`` or ``l2`` (squared).
        reduction: ``mean`` over a pair's elements, or their ``sum``.
        constant_real: whether the real side is a constant (the generator's step).

    Raises:
        UserError: a layer the critic does not have.
    """
    result = {}
    for number, weight in layers.items():
        if number > len(real.features):
            raise UserError(f"perceptual layer {number}: this critic has hidden layers 1 to {len(real.features)} only")
        one, other = fake.features[number - 1], real.features[number - 1]
        difference = at_least_fp32(one) - at_least_fp32(other.detach() if constant_real else other)
        size = difference.abs() if distance == "l1" else difference.square()
        # reduced in place of flatten(1), which would copy features that lie channels last
        rest = tuple(range(1, size.ndim))
        result[number] = weight * (size.mean(rest) if reduction == "mean" else size.sum(rest))
    return result


@options
class PerceptualAdversarial:
    """The generator's P. The real side is a constant; the fake side carries the gradient through every layer.

    Logs P and each layer's share of it, P/layerJ. Raises `UserError` for a layer the critic does not have.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"critic", "features"})
    layers: Annotated[Layers, Field(description="weight of each hidden layer of the critic; 1 is the first")] = Field(
        default_factory=released
    )
    distance: Annotated[Literal["l1", "l2"], Field(description="between features: absolute or squared")] = "l1"
    reduction: Annotated[Literal["mean", "sum"], Field(description="over a layer's elements")] = "mean"

    def __call__(self, view: ForwardView) -> Tensor:
        losses = []
        for match in view.matches:
            real, fake = view.real(match), view.fake(match)
            parts = layer_distances(real, fake, self.layers, self.distance, self.reduction, constant_real=True)
            shares = {number: part.mean() for number, part in parts.items()}
            p = torch.stack(list(shares.values())).sum()
            for number, share in shares.items():
                view.log(f"P/layer{number}", share)
            view.log("P", p)
            losses.append(p)
        return torch.stack(losses).sum()


@options
class PerceptualMargin:
    """The critic's hinge max(0, m - P): it keeps real and fake at least m apart in its own hidden layers.

    ``hinge: batch`` compares the mean P of the global batch with m (the author's program), ``sample`` each pair's own
    P (the paper). Above the margin the critic gets exactly no gradient from it. Logs P, each layer's share of it
    (P/layerJ) and ``hinge_active`` (the share of hinges below the margin). Raises `UserError` for a layer the critic
    does not have.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"critic", "features"})
    layers: Annotated[Layers, Field(description="weight of each hidden layer of the critic; 1 is the first")] = Field(
        default_factory=released
    )
    distance: Annotated[Literal["l1", "l2"], Field(description="between features: absolute or squared")] = "l1"
    reduction: Annotated[Literal["mean", "sum"], Field(description="over a layer's elements")] = "mean"
    margin: Annotated[float, Field(gt=0, description="P above which the critic is content (the paper's m)")] = 3.0
    hinge: Annotated[
        Literal["batch", "sample"],
        Field(description="compared with the margin: the batch's mean P (the program), or each pair's (the paper)"),
    ] = "batch"

    @property
    def across_batch(self) -> bool:
        """Whether the loss is not a mean of per-sample values."""
        return self.hinge == "batch"

    def __call__(self, view: ForwardView) -> Tensor:
        losses = []
        for match in view.matches:
            real, fake = view.real(match), view.fake(match)
            parts = layer_distances(real, fake, self.layers, self.distance, self.reduction, constant_real=False)
            for number, part in parts.items():
                view.log(f"P/layer{number}", part.mean())
            p = torch.stack(list(parts.values())).sum(0)
            p = view.mean(p) if self.hinge == "batch" else p
            view.log("P", p.mean())
            view.log("hinge_active", (p < self.margin).float().mean())
            losses.append(torch.relu(self.margin - p).mean())
        return torch.stack(losses).sum()
