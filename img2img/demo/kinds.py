"""What a model's page is made of: a photo, a drawing, a photo with a hole, or numbers; told by what the model is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from img2img.data.degradation_options import Edges
from img2img.errors import UserError
from img2img.inference import Translator
from img2img.inference.generator import WithinFlow
from img2img.inference.sampling import RESULTS
from img2img.inference.tiles import blend_of
from img2img.randomness import stable_seed

# of a drawing, where the training's size is not known, in px
DRAWING_SIDE = 256
# samples are numbered up to this, or so that a page draws no more numbers than that to reach one
MOST_SAMPLES, MOST_NUMBERS = 10_000, 4_000_000


def facts_of(translator: Translator, header: Mapping[str, Any]) -> dict[str, Any]:
    """What the page has to know of a model, ``mode`` first.

    ``photo``: a picture is translated. ``drawing``: so is one that the page draws, dark lines on white, ``side`` px;
    ``sigma`` is the blur that the training's edges were found with. ``hole``: a picture and the mask that is painted
    over it. ``noise``: z of ``latent`` numbers, normal or uniform, drawn as `img2img.inference.noise` draws those of
    sample 0, 1, ... (``generator`` seeds its Mersenne twister), and one of ``classes``, where there are any. Of
    pictures also `cutting`.
    """
    if translator.flow.from_noise:
        latent = translator.z(1).shape[1]
        return {
            "mode": "noise",
            "latent": latent,
            "normal": getattr(translator.flow, "distribution", "uniform") == "normal",
            # the twister takes the low half of a seed
            "generator": stable_seed(translator.seed, "z", 0, RESULTS) & 0xFFFFFFFF,
            "samples": min(MOST_SAMPLES, MOST_NUMBERS // latent),
            "classes": list(translator.shape.classes),
        }
    facts = cutting(translator)
    if translator.takes_mask:
        return {"mode": "hole", **facts}
    data = header.get("config", {}).get("data", {})
    if data.get("synthesis") == "edges":
        edges = data.get("edges", {})
        side = translator.shape.size or DRAWING_SIDE
        sigma = float(edges.get("sigma", Edges().sigma))
        return {"mode": "drawing", "side": side, "sigma": sigma, "task": header.get("task", ""), **facts}
    return {"mode": "photo", **facts}


def cutting(translator: Translator) -> dict[str, Any]:
    """How a picture is cut into tiles: ``multiple``, ``minimum``, ``margin``, ``blend`` in px; ``whole``: it is not."""
    network = WithinFlow(translator.flow, translator.network, translator.fill, masked=False)
    margin, blend = blend_of(network.radius)
    sides = {"multiple": network.multiple, "minimum": network.minimum}
    return {**sides, "margin": margin, "blend": blend, "whole": translator.whole_only}


def check_shown(given: str, translator: Translator, *, in_browser: bool) -> None:
    """Refuse what a page cannot show as ``infer`` makes it.

    Raises:
        UserError: naming the weights, with the reason.
    """
    shape = translator.shape
    if getattr(translator.network, "vector", False):
        raise UserError(f"--weights {given}: they make vectors, no pictures")
    if translator.flow.from_noise:
        if shape.size is None or shape.target not in (1, 3):
            raise UserError(f"--weights {given}: these weights make no pictures that a page could show")
        return
    if (shape.source, shape.target) != (3, 3):
        raise UserError(
            f"--weights {given}: the page translates RGB to RGB, these have {shape.source} channels in and "
            f"{shape.target} out; use img2img infer"
        )
    if translator.labels is not None and in_browser:
        raise UserError(f"--weights {given}: the browser cannot make label maps; give --server, or use img2img infer")
