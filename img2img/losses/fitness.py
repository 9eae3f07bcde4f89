"""How fit a child is (E-GAN, Wang et al. 2019): the critic's view of its images -> one or several values, larger is
fitter."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import softplus

from img2img.config import options
from img2img.losses.games import at_least_fp32
from img2img.types import ForwardView


def _weights_gradient(view: ForwardView, loss: Tensor) -> Tensor:
    """The gradient of ``loss`` over all critics' weights as one vector, averaged over processes."""
    critics = {match.critic: view.critic_parameters(match) for match in view.matches}
    parameters = [parameter for weights in critics.values() for parameter in weights]
    gradients = torch.autograd.grad(loss, parameters, retain_graph=True, materialize_grads=True)
    return view.reduce(torch.cat([gradient.reshape(-1) for gradient in gradients]))


@options
class QualityDiversity:
    """F = Fq + gamma Fd: Fq the mean probability of real (eq. 8), Fd how calm the child leaves the critic (eq. 9).

    Fd = -log(||grad_w [-E log D(x) - E log(1 - D(G(z)))]|| + eps) over all of the critic's weights. The real side of
    the gradient is the same for all siblings and computed once. Gives (Fq, gamma Fd), or Fq alone where gamma is 0.
    """

    needs_probability: ClassVar[bool] = True
    gamma: Annotated[float, Field(ge=0, description="weight of the diversity fitness Fd")] = 0.5
    eps: Annotated[float, Field(gt=0, description="added to the norm whose logarithm is taken")] = 1e-12

    @property
    def values(self) -> int:
        """How many values it gives each child."""
        return 2 if self.gamma else 1

    def __call__(self, view: ForwardView) -> Tensor:
        with torch.enable_grad():
            fakes = [at_least_fp32(logit) for match in view.matches for logit in view.fake(match).logits]
            quality = torch.stack([view.mean(torch.sigmoid(logit)) for logit in fakes]).mean().detach()
            if self.gamma == 0:
                return quality

            def real_side() -> Tensor:
                reals = [at_least_fp32(logit) for match in view.matches for logit in view.real(match).logits]
                loss = torch.stack([softplus(-logit).mean() for logit in reals]).sum()
                return _weights_gradient(view, loss)

            gradient = view.once("fitness/real_gradient", real_side)
            gradient = gradient + _weights_gradient(view, torch.stack([softplus(f).mean() for f in fakes]).sum())
        return torch.stack([quality, -self.gamma * torch.log(gradient.norm() + self.eps)])


@options
class RandomFitness:
    """A random number for each child: the control that selection must beat."""

    values: ClassVar[int] = 1

    def __call__(self, view: ForwardView) -> Tensor:
        # the images decide which number, so that siblings differ and the same child always gets the same
        images = view.images["fake"]
        wave = torch.sin(view.mean(images.double()) * 1e6)
        return (wave + 1) / 2
