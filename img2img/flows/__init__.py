"""Flows: how a batch becomes images and what each critic is shown (one line a flow)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from img2img.config import choose
from img2img.flows.contrast import Contrast
from img2img.flows.cycle import Cycle
from img2img.flows.inpaint import Inpaint
from img2img.flows.noise import Noise
from img2img.flows.paired import Paired
from img2img.flows.patch import Patch
from img2img.types import Flow

FLOWS: dict[str, type] = {
    "paired": Paired,
    "inpaint": Inpaint,
    "patch": Patch,
    "cycle": Cycle,
    "contrast": Contrast,
    "noise": Noise,
}


def starts_from_noise(method: Mapping[str, Any]) -> bool:
    """Whether a method's keys, as configurations and headers have them, name a flow that starts from noise.

    Raises:
        UserError: an unknown flow.
    """
    flow: Flow = choose(FLOWS, method.get("flow") or "paired", "flow", "flow")
    return flow.from_noise
