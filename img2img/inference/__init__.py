"""Weights + pictures -> pictures."""

from img2img.inference.folder import translate, translate_folder
from img2img.inference.jobs import Job, ending, goes_to_a_file, keep_apart, list_jobs, output_names
from img2img.inference.load import header_for, load, other_direction, translator_of, weights_header
from img2img.inference.noise import (
    Interpolation,
    check_way,
    sample_levels,
    sample_pixels,
    write_array,
    write_between,
    write_class_grid,
    write_grid,
    write_labels,
    write_samples,
)
from img2img.inference.statistics import as_results_are_made
from img2img.inference.summary import Summary, reason, summed
from img2img.inference.translator import Translator
from img2img.weights.file import weights_path
from img2img.weights.header import Shape

__all__ = [
    "Interpolation",
    "Job",
    "Shape",
    "Summary",
    "Translator",
    "as_results_are_made",
    "check_way",
    "ending",
    "goes_to_a_file",
    "header_for",
    "keep_apart",
    "list_jobs",
    "load",
    "other_direction",
    "output_names",
    "reason",
    "sample_levels",
    "sample_pixels",
    "summed",
    "translate",
    "translate_folder",
    "translator_of",
    "weights_header",
    "weights_path",
    "write_array",
    "write_between",
    "write_class_grid",
    "write_grid",
    "write_labels",
    "write_samples",
]
