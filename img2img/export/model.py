"""A picture graph as an ONNX model, and the sessions that run it."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from img2img import __version__
from img2img.errors import RunError, UserError
from img2img.export.graph import PictureGraph
from img2img.export.request import OPSET
from img2img.export.samples import SampleGraph
from img2img.weights.file import FORMAT

FACTS = "img2img export"


def to_onnx(graph: PictureGraph | SampleGraph, opset: int) -> Any:
    """The ``onnx.ModelProto`` of a graph; the number of pictures, and their height and width, are open.

    Inputs are called as the graph calls them; the output is ``result``.

    Raises:
        UserError: torch cannot trace the network, or the graph cannot be had in this opset.
    """
    axes = {axis: torch.export.Dim(name) for axis, name in graph.axes.items()}
    try:
        with quiet():
            program = torch.onnx.export(
                graph,
                graph.example(),
                dynamo=True,
                dynamic_shapes=tuple(axes for _ in graph.inputs),
                input_names=list(graph.inputs),
                output_names=["result"],
                opset_version=opset,
                verbose=False,
            )
    except Exception as error:
        # of many kinds, from torch's tracer and from the exporter's passes
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"this network cannot be exported: {type(error).__name__}: {reason}") from error
    assert program is not None
    model: Any = program.model_proto
    (written,) = (entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if written != opset:
        raise UserError(f"--opset {opset}: this network cannot be converted to it; {OPSET} is the exporter's own")
    # the exporter names the output's sides by how they were computed
    for axis, name in graph.axes.items():
        model.graph.output[0].type.tensor_type.shape.dim[axis].dim_param = name
    strip(model)
    return model


def strip(model: Any) -> None:
    """Remove what the exporter notes of each node, the places of source files on this machine among it."""
    graph = model.graph
    del graph.metadata_props[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        del part.metadata_props[:]


def describe(model: Any, header: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Write the weights' header and ``facts`` of the export into the model's metadata, each as JSON."""
    model.producer_name, model.producer_version = "img2img", __version__
    for key, tree in ((FORMAT, header), (FACTS, facts)):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, json.dumps(tree)


class Session:
    """A model in onnxruntime on the CPU, with as many threads as torch has: call it with tensors.

    Raises:
        RunError: onnxruntime cannot run it.
    """

    def __init__(self, model: Any) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise RunError(f"onnxruntime cannot run the exported file (another --opset may help): {reason}") from error

        self.names = [value.name for value in self.session.get_inputs()]

    def __call__(self, *inputs: Tensor) -> Tensor:
        """What the model takes, in its order (N rows each, float32), -> (N, C, H, W) float32 in [0, 1]."""
        given = {name: np.ascontiguousarray(values) for name, values in zip(self.names, inputs, strict=True)}
        (result,) = self.session.run(None, given)
        return torch.from_numpy(result)


@contextmanager
def quiet() -> Iterator[None]:
    """Within, the exporter's warnings, which are of its own making, are not shown."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
