"""``img2img export``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from img2img.commands import Parser, count, parser
from img2img.export.request import OPSET, PRECISIONS
from img2img.progress import say, say_if_slow

EXAMPLES = """\
  img2img export --weights runs/derain --output derain.onnx
  img2img export --weights runs/derain --output half.onnx --precision fp16 --calibration photos
  img2img export --weights runs/derain --output small.onnx --precision int8 --calibration photos
  img2img export --weights runs/horses --direction BtoA --output horses.onnx --opset 21
The file takes pictures of any size; docs/export.md shows how it is run. It is compared with torch before it is written.
Exit status: 0 written, 1 it differs from torch or cannot be run (nothing is written), 2 cannot be done as asked."""


def arguments() -> Parser:
    """What the command takes."""
    command = parser("export", "Write weights as an ONNX file for onnxruntime and other programs.", EXAMPLES)
    command.add_argument("--weights", required=True, metavar="RUN|FILE", help="a run directory or a .safetensors file")
    command.add_argument("--output", required=True, type=Path, metavar="FILE.onnx", help="the file to write")
    command.add_argument(
        "--precision",
        default="fp32",
        choices=PRECISIONS,
        help="fp16: half the size; int8: convolutions in 8 bits (what they cost is measured and said; default fp32)",
    )
    command.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR",
        help="pictures like those to be translated: they set int8's ranges, and the cost of fp16 and int8 is measured "
        "on them (default: photographs that scikit-image brings)",
    )
    command.add_argument(
        "--opset", type=count, default=OPSET, metavar="N", help=f"version of ONNX's operators (default {OPSET})"
    )
    command.add_argument(
        "--direction", choices=("AtoB", "BtoA"), help="the way back of weights that hold it (default: as trained)"
    )
    command.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    return command


def run(words: Sequence[str]) -> int:
    """Write the file and say what was found of it; 0 written."""
    given = arguments().parse_args(list(words))
    from img2img.export import Request, export, report

    request = Request(**vars(given))
    with say_if_slow("the network is traced, compared with torch and timed beside it"):
        exported = export(request)
    for line in report(request, exported):
        say(line)
    return 0
