"""Weights + pictures -> pictures."""

from img2img.inference.folder import Summary, reason, summed, translate, translate_folder
from img2img.inference.jobs import Job, ending, is_there, keep_apart, output_names, plan
from img2img.inference.load import header_for, load, translator_of, weights_header
from img2img.inference.noise import write_samples
from img2img.inference.translator import Translator, as_results_are_made
from img2img.weights.file import weights_path
from img2img.weights.header import Shape

__all__ = [
    "Job",
    "Shape",
    "Summary",
    "Translator",
    "as_results_are_made",
    "ending",
    "header_for",
    "is_there",
    "keep_apart",
    "load",
    "output_names",
    "plan",
    "reason",
    "summed",
    "translate",
    "translate_folder",
    "translator_of",
    "weights_header",
    "weights_path",
    "write_samples",
]
