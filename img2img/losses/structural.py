"""Structural similarity as a loss."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from img2img.config import options
from img2img.errors import UserError
from img2img.losses.pixel import pair
from img2img.metrics.ssim import structural_similarity
from img2img.metrics.windows import gaussian
from img2img.types import ForwardView


@options
class SSIM:
    """1 - SSIM (Wang et al. 2004), mean over pictures and channels, in [0, 2]; computed in float64 like the measure."""

    needs: ClassVar[frozenset[str]] = frozenset({"target"})
    window: Annotated[int, Field(ge=1, description="side of the Gaussian window in px")] = 11
    sigma: Annotated[float, Field(gt=0, description="standard deviation of the window in px")] = 1.5

    def __call__(self, view: ForwardView) -> Tensor:
        fake, target = pair(view)
        if min(fake.shape[-2:]) < self.window:
            raise UserError(f"the ssim loss needs a crop of at least its window, {self.window} px")
        # pictures in [-1, 1]: the means must be those of values from 0 on
        similarity = structural_similarity(fake + 1, target + 1, 2.0, gaussian(self.window, self.sigma))
        return 1 - similarity.mean().to(fake.dtype)
