"""A task says which pictures go in and come out, and by which measures results are judged."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from img2img.config import options
from img2img.metrics import METRICS


@options
class Task:
    """The keys of a task's YAML (besides ``data`` and ``train``, which it presets)."""

    description: Annotated[str, Field(description="what is learnt from what, in a sentence")] = ""
    default_method: Annotated[str, Field(description="method that is taken where none is named")]
    metrics: Annotated[tuple[str, ...], Field(description=f"measured at validations: {', '.join(METRICS)}; sets")] = (
        "psnr",
        "ssim",
    )
    protocol: Annotated[str, Field(description="protocol under which validation measures")] = "rgb"
    selection: Annotated[str, Field(description="measure that chooses the best weights, one of metrics, or none")] = (
        "psnr"
    )
