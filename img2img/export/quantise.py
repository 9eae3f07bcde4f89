"""Convolutions in int8, their ranges set by pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from img2img.errors import RunError
from img2img.export.compare import Inputs
from img2img.export.model import quiet


def quantised(model: Any, pictures: Sequence[Inputs]) -> Any:
    """An fp32 model with its convolutions in int8: weights per channel, activations by the ranges that pictures give.

    Static quantisation in onnxruntime's QDQ form. Its dynamic form computes convolutions by a slower kernel than fp32's
    on CPUs and is no choice here. Transposed convolutions have no int8 kernel on CPUs and stay as they are.

    Raises:
        RunError: onnxruntime cannot quantise it.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    names = [value.name for value in model.graph.input]

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.given: Iterator[Inputs] = iter(pictures)

        def get_next(self) -> dict[str, Any] | None:
            inputs = next(self.given, None)
            if inputs is None:
                return None
            return {name: np.ascontiguousarray(values) for name, values in zip(names, inputs, strict=True)}

    with tempfile.TemporaryDirectory() as folder, quiet():
        whole, path = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        # from a file: a model in memory would be given back with its weights gone into another one
        whole.write_bytes(model.SerializeToString())
        try:
            quantize_static(
                whole,
                path,
                Reader(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise RunError(f"--precision int8: onnxruntime cannot quantise this network: {reason}") from error
        converted = onnx.load(path)
        del converted.metadata_props[:]
        return converted
