"""Weights -> one ONNX file that onnxruntime translates pictures with, checked against torch before it is written."""

from img2img.export.report import report
from img2img.export.request import OPSET, PRECISIONS, Request
from img2img.export.run import export

__all__ = ["OPSET", "PRECISIONS", "Request", "export", "report"]
