"""Flows: how a batch becomes images and what each critic is shown (one line a flow)."""

from __future__ import annotations

from img2img.flows.contrast import Contrast
from img2img.flows.cycle import Cycle
from img2img.flows.inpaint import Inpaint
from img2img.flows.noise import Noise
from img2img.flows.paired import Paired
from img2img.flows.patch import Patch

FLOWS: dict[str, type] = {
    "paired": Paired,
    "inpaint": Inpaint,
    "patch": Patch,
    "cycle": Cycle,
    "contrast": Contrast,
    "noise": Noise,
}
