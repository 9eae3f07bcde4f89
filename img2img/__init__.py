"""Paired image-to-image translation: PAN, pix2pix and their relatives on one engine.

From Python: `train` a model, `load` weights and call them with pictures, `translate` a folder, `evaluate` folders of
results. What cannot be done as asked raises `img2img.errors.UserError`, whose message says what to do. Nothing heavy is
imported before one of them is used.
"""

import importlib as _importlib
import typing as _typing

__version__ = "0.1.0"
__all__ = ["__version__", "evaluate", "load", "train", "translate"]

if _typing.TYPE_CHECKING:
    from img2img.evaluation.compare import evaluate
    from img2img.inference import load, translate
    from img2img.training.from_python import train
else:
    _MODULES = {
        "evaluate": "img2img.evaluation.compare",
        "load": "img2img.inference",
        "train": "img2img.training.from_python",
        "translate": "img2img.inference",
    }

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(_importlib.import_module(_MODULES[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted(__all__)
