"""What an export is asked for, checked before any weight is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from img2img.errors import UserError, unknown
from img2img.files import check_folder

PRECISIONS = ("fp32", "fp16", "int8")
# torch's exporter writes this one; others are converted from it
OPSET = 18


@dataclass(frozen=True)
class Request:
    """What is exported and how.

    Attributes:
        weights: a run directory or a ``.safetensors`` file.
        output: the ``.onnx`` file.
        opset: version of ONNX's operators.
        precision: ``fp32``, ``fp16`` or ``int8``.
        calibration: a folder of pictures like those to be translated, by which int8 sets its ranges and the cost of a
            lower precision is measured; None: the photographs that scikit-image brings.
        direction: as `img2img.load` takes it.
        overwrite: replace a file that is there.
    """

    weights: str
    output: Path
    opset: int = OPSET
    precision: str = "fp32"
    calibration: Path | None = None
    direction: str | None = None
    overwrite: bool = False

    def check(self) -> None:
        """Refuse what cannot be done, before anything is read.

        Raises:
            UserError: the extra is not installed; a precision or an opset that does not exist; another ending than
                ``.onnx``; a file that is there, without ``overwrite``; a folder that cannot be written to.
        """
        newest = newest_opset()
        if self.precision not in PRECISIONS:
            raise unknown("precision", self.precision, PRECISIONS, "--precision")
        if self.calibration is not None and self.precision == "fp32":
            raise UserError("--calibration: fp32 is compared with torch itself; give --precision fp16 or int8 with it")
        if not 1 <= self.opset <= newest:
            raise UserError(f"--opset {self.opset}: the installed onnx knows 1 to {newest}; {OPSET} is the exporter's")
        if self.output.suffix.lower() != ".onnx" or self.output.is_dir():
            raise UserError(f"--output {self.output}: name a file that ends in .onnx")
        if self.output.exists() and not self.overwrite:
            raise UserError(f"--output {self.output}: is already there (--overwrite replaces it)")
        check_folder(self.output.parent, "--output")


def newest_opset() -> int:
    """The newest opset that the installed onnx knows.

    Raises:
        UserError: a package of the extra is missing.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"export needs the extra ({error}): pip install 'img2img[onnx]'") from error
    return int(onnx.defs.onnx_opset_version())
