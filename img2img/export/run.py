"""An export from request to file."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from img2img.errors import UserError
from img2img.export.compare import Cost, Drift, Speed, cost, drift, refuse_drift, speed
from img2img.export.graph import PictureGraph
from img2img.export.model import Session, describe, to_onnx
from img2img.export.pictures import calibration
from img2img.export.quantise import quantised
from img2img.export.request import Request
from img2img.export.samples import SampleGraph
from img2img.files import atomic_write_bytes
from img2img.images.form import Form
from img2img.inference import Translator, load, weights_header


def _units(form: Form) -> str:
    """What 0 and 1 are in the files' units, where that is not 8-bit RGB."""
    return "" if form.plain else f", which is {form}"


@dataclass(frozen=True)
class Exported:
    """What an export gave: bytes of the file, what it takes and gives, what was measured; ``cost`` is None in fp32."""

    size: int
    interface: str
    drift: Drift
    cost: Cost | None
    speed: Speed


def graph_of(translator: Translator, dtype: torch.dtype, *, clamped: bool = True) -> PictureGraph | SampleGraph:
    """The module that is exported: of pictures, or of what starts from noise.

    Raises:
        UserError: these weights have none.
    """
    kind = SampleGraph if translator.flow.from_noise else PictureGraph
    return kind(translator, dtype, clamped=clamped)


def export(request: Request) -> Exported:
    """Write the file, once it has been found to give what torch gives.

    Raises:
        UserError: what `Request.check` refuses; weights that are missing, or cannot be exported.
        RunError: the file differs from torch by more than `LARGEST_DRIFT` in fp32, cannot be run, or cannot be written.
    """
    request.check()
    translator = load(request.weights, device="cpu", tile="off", direction=request.direction)
    dtype = torch.float16 if request.precision == "fp16" else torch.float32
    graph = graph_of(translator, dtype)
    if translator.labels is not None and translator.labels.side == "source":
        raise UserError("these weights take label maps, and the exported graph pictures in [0, 1]; use img2img infer")
    source, target = translator.forms.source, translator.forms.target
    if request.precision != "fp32" and not source.plain:
        raise UserError(
            f"--precision {request.precision}: is calibrated and compared on 8-bit pictures, and these weights take "
            f"{source}; use fp32"
        )
    pictures = [] if request.precision == "fp32" else calibration(request.calibration, translator)
    model = to_onnx(graph, request.opset)
    if request.precision == "int8":
        model = quantised(model, pictures)
    session = Session(model)
    found = drift(session, translator)
    if request.precision == "fp32":
        refuse_drift(found, f"{request.output}: not written")
    paid = cost(session, translator, pictures) if pictures else None
    taken = speed(session, translator)
    facts = {
        "precision": request.precision,
        "input": "; ".join(f"{name}: {text}" for name, text in graph.inputs.items()) + _units(source),
        "output": "result: float32 NCHW in [0, 1]" + _units(target),
        "largest_difference": found.largest,
        "psnr_to_fp32": None if paid is None else paid.mean,
    }
    describe(model, weights_header(request.weights), facts)
    data = model.SerializeToString()
    atomic_write_bytes(request.output, data)
    return Exported(len(data), graph.interface, found, paid, taken)
