"""What a person is told of an export."""

from __future__ import annotations

import math

from img2img.export.compare import BATCHES, Cost, Speed
from img2img.export.request import Request
from img2img.export.run import Exported

# results of de-raining lie about here; the closer to the target, the more a lower precision costs
TYPICAL_DB = 30.0


def report(request: Request, exported: Exported) -> list[str]:
    """Lines on the file, how it is run, its difference from torch, what its precision costs, and the speed of both."""
    sizes = ", ".join(f"{width}x{height}" for height, width in exported.drift.sizes)
    batches = " and ".join(map(str, BATCHES))
    lines = [
        f"{request.output}: {exported.size / 1e6:.2f} MB, {request.precision}, opset {request.opset}",
        exported.interface,
        f"largest difference from torch {exported.drift.largest:.1e} at {sizes} px, batch {batches}",
    ]
    if exported.cost is not None:
        lines.append(paid(request.precision, exported.cost))
    return [*lines, timed(exported.speed)]


def paid(precision: str, cost: Cost) -> str:
    """What a lower precision costs; its errors are taken to have nothing to do with those of the result."""
    lost = 10 * math.log10(1 + 10 ** ((TYPICAL_DB - cost.mean) / 10))
    return (
        f"{precision} against fp32: PSNR {cost.mean:.1f} dB, lowest {cost.lowest:.1f} dB, of {cost.pictures} pictures: "
        f"a result at {TYPICAL_DB:.0f} dB from its target loses about {lost:.2g} dB"
    )


def timed(speed: Speed) -> str:
    """Both speeds and their ratio."""
    megapixels = speed.side**2 / 1e6
    ratio = speed.torch_s / speed.onnxruntime_s
    return (
        f"speed at {speed.side}x{speed.side} px, {speed.threads} threads, median of {speed.rounds} by turns: "
        f"onnxruntime {megapixels / speed.onnxruntime_s:.2f} MP/s, torch {megapixels / speed.torch_s:.2f} MP/s "
        f"({ratio:.2f}x)"
    )
