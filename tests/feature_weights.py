"""Small files of weights for frozen feature networks: the first two blocks of a VGG16, random."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import torch

# convolutions of blocks 1 and 2: place in torchvision's features, key in ST-LPIPS' file, channels
CONVOLUTIONS = ((0, "slice1.0", 3, 64), (2, "slice1.2", 64, 64), (5, "slice2.6", 64, 128), (7, "slice2.8", 128, 128))
LAYERS = ("relu1_1", "relu1_2", "relu2_1", "relu2_2")


def state(form: str) -> dict[str, torch.Tensor]:
    """He-normal weights under the keys of ``form`` (torchvision, stlpips), float32."""
    generator = torch.Generator().manual_seed(5)
    made = {}
    for place, key, given, channels in CONVOLUTIONS:
        name = f"features.{place}" if form == "torchvision" else f"net.{key}"
        normal = torch.randn(channels, given, 3, 3, generator=generator, dtype=torch.float32)
        made[f"{name}.weight"] = normal * (2 / (9 * given)) ** 0.5
        made[f"{name}.bias"] = torch.randn(channels, generator=generator, dtype=torch.float32) * 0.1
    if form == "stlpips":
        for block, channels in enumerate((64, 128)):
            made[f"lin{block}.model.1.weight"] = torch.rand(1, channels, 1, 1, generator=generator, dtype=torch.float32)
    return made


@cache
def weights_file(form: str = "stlpips") -> str:
    """The path of such a file, one for the whole process."""
    folder = Path(tempfile.mkdtemp(prefix="features-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    torch.save(state(form), folder / f"{form}.pth")
    return str(folder / f"{form}.pth")


def options(loss: str) -> dict[str, object]:
    """What lets a loss of features run on such a file; nothing for other losses."""
    if loss not in ("perceptual", "lpips"):
        return {}
    given: dict[str, object] = {"network": "stlpips_vgg16", "weights_file": weights_file()}
    return given | ({"blocks": 2} if loss == "lpips" else {})
