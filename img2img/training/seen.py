"""What a run has seen, for the headers of its weights: found once, and kept in its data_manifest.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from img2img.data import Samples
from img2img.data.fingerprint import Fingerprint, fingerprint
from img2img.recipes.train_config import Begin
from img2img.training.run_folder import Run
from img2img.weights.file import read_header, weights_path


def seen(samples: Samples, begin: Begin) -> dict[str, Any]:
    """The fingerprint of ``samples`` and of what the weights had seen that the training begins from; empty of points.

    Raises:
        UserError: a picture or the weights cannot be read.
    """
    own = fingerprint(samples)
    if own is None:
        return {}
    if begin.weights is not None:
        file = weights_path(begin.weights)
        own = own.with_earlier(Fingerprint.from_json(read_header(file).fingerprint, str(file)))
    return own.to_json()


def seen_before(run: Run, begin: Begin, samples: Samples) -> dict[str, Any]:
    """What the run's first start found; of a run that has none of it, the fingerprint of ``samples``.

    Weights that such a run began from may be others by now: what they had seen is unknown.
    """
    kept = run.read_json(run.manifest) if run.manifest.is_file() else {}
    if isinstance(kept, Mapping) and isinstance(kept.get("fingerprint"), Mapping):
        return dict(kept["fingerprint"])
    own = fingerprint(samples)
    if own is None:
        return {}
    return (own if begin.weights is None else own.with_earlier(None)).to_json()
