"""Paired image-to-image translation: PAN, pix2pix and their relatives on one engine.

From Python: `load` weights and call them with pictures, `translate` a folder, `evaluate` folders of results. What
cannot be done as asked raises `img2img.errors.UserError`, whose message says what to do. Nothing heavy is imported
before one of them is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["__version__", "evaluate", "load", "translate"]

if TYPE_CHECKING:
    from img2img.evaluation.compare import evaluate
    from img2img.inference import load, translate
else:
    PLACES = {"evaluate": "img2img.evaluation.compare", "load": "img2img.inference", "translate": "img2img.inference"}

    def __getattr__(name: str) -> object:
        if name not in PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(PLACES[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
