"""What a weights file says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Annotated, Any

from pydantic import Field

from img2img.config import Tree, build, options, plain
from img2img.data.labels import LabelMaps
from img2img.data.rows import ArrayRecipe
from img2img.data.source_statistics import SourceStatistics
from img2img.errors import UserError
from img2img.images.form import Form, Forms

# no picture of a training has a longer side, and no data more channels: what a stranger's header may ask for
LARGEST = 65_536


@options
class Shape:
    """What a generator was built for: channels in and out, and the training crop (None: vectors or unknown).

    ``classes`` are the labels of the classes that it makes, in the order in which it is told them; empty: it is told
    none.
    """

    source: Annotated[int, Field(ge=1, le=LARGEST)]
    target: Annotated[int, Field(ge=1, le=LARGEST)]
    size: Annotated[int | None, Field(ge=1, le=LARGEST)]
    classes: Annotated[tuple[int, ...], Field(max_length=1000)] = ()


@dataclass(frozen=True, kw_only=True)
class WeightsHeader:
    """All that is needed to use weights again, and where they come from.

    Attributes:
        config: the run's complete configuration (its config.yaml).
        task, name: task and method, as they were chosen.
        method: the method's keys, from which the networks are built.
        shape: what the networks were built for.
        source_statistics: what the training's sources look like; None where that is unknown.
        grey_targets: whether all targets were grey, so that results are.
        forms: types, channels and ranges of the sources' and the targets' samples.
        labels: which side is a label map, and its classes' colours; None where neither is.
        array: how samples of an array became what the network sees; None where the data were pictures.
        seed: of the run; dropout and noise at inference are functions of it.
        which: ``best`` or ``last``; None where no training wrote the file, and so with ``step``.
        step: steps of the run after which these were the weights.
        metrics: the validation's figures nearest before, by metric.
        chosen_by: the metric that chose the best weights, None where none did.
        chosen_on: what identifies the pictures that they were chosen on.
        fingerprint: the pictures that were trained on, as `img2img.data.fingerprint.Fingerprint` has them; empty where
            they are not known.
        release: of shipped weights, what their YAML says of them (data, figures, licence, ...), and a checksum of the
            tensors.
        unknown: keys of the file that this version has no meaning for, as they stand there.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    task: str = ""
    name: str = ""
    method: Mapping[str, Any] = field(default_factory=dict)
    shape: Shape | None = None
    source_statistics: SourceStatistics | None = None
    grey_targets: bool = False
    forms: Forms = field(default_factory=Forms)
    labels: LabelMaps | None = None
    array: ArrayRecipe | None = None
    seed: int = 0
    which: str | None = None
    step: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    chosen_by: str | None = None
    chosen_on: Sequence[str] = ()
    fingerprint: Mapping[str, Any] = field(default_factory=dict)
    release: Mapping[str, Any] = field(default_factory=dict)
    unknown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> Mapping[str, Any]:
        """The ``data`` section of the configuration; empty where there is none."""
        section = self.config.get("data")
        return section if isinstance(section, Mapping) else {}

    @classmethod
    def from_json(cls, tree: Any, where: str) -> WeightsHeader:
        """The header of parsed JSON: keys that are missing have their defaults, unknown ones are kept.

        Raises:
            UserError: no mapping, or a value of another kind than its key has; ``where`` begins the message.
        """
        if not isinstance(tree, Mapping):
            raise UserError(f"{where}: must hold keys, got {type(tree).__name__}")
        known: dict[str, Any] = {key: value for key, value in tree.items() if key in KINDS}
        for key, value in known.items():
            if not isinstance(value, KINDS[key]):
                raise UserError(f"{where}: {key}: got {str(value)[:40]!r}")
        if known.get("shape") is not None:
            known["shape"] = build(Shape, known["shape"], f"{where}: shape")
        if known.get("source_statistics") is not None:
            known["source_statistics"] = build(
                SourceStatistics, known["source_statistics"], f"{where}: source_statistics"
            )
        if "forms" in known:
            sides = {
                side: build(Form, known["forms"].get(side, {}), f"{where}: forms") for side in ("source", "target")
            }
            known["forms"] = Forms(**sides)
        if known.get("labels") is not None:
            known["labels"] = build(LabelMaps, known["labels"], f"{where}: labels")
        if known.get("array") is not None:
            known["array"] = build(ArrayRecipe, known["array"], f"{where}: array")
        return cls(**known, unknown={key: value for key, value in tree.items() if key not in KINDS})

    def to_json(self) -> Tree:
        """Plain values; what only a training or its data know is left out where it is not known."""
        tree: Tree = {key: plain(getattr(self, key)) for key in KINDS}
        if self.shape is not None and not self.shape.classes:
            del tree["shape"]["classes"]
        if all(getattr(self, key) == _default(key) for key in OF_TRAINING):
            tree = {key: value for key, value in tree.items() if key not in OF_TRAINING}
        tree = {key: value for key, value in tree.items() if key not in OPTIONAL or value != plain(_default(key))}
        return {**tree, **plain(self.unknown)}


NULL = type(None)
# what a key's value may be in a file, in the order in which they are written
KINDS: dict[str, tuple[type, ...]] = {
    "config": (Mapping,),
    "task": (str,),
    "name": (str,),
    "method": (Mapping,),
    "shape": (Mapping, NULL),
    "source_statistics": (Mapping, NULL),
    "grey_targets": (bool,),
    "forms": (Mapping,),
    "labels": (Mapping, NULL),
    "array": (Mapping, NULL),
    "seed": (int,),
    "which": (str, NULL),
    "step": (int, NULL),
    "metrics": (Mapping,),
    "chosen_by": (str, NULL),
    "chosen_on": (list, tuple),
    "fingerprint": (Mapping,),
    "release": (Mapping,),
}
# left out of a file where they have their defaults
OPTIONAL = ("source_statistics", "grey_targets", "forms", "labels", "array", "fingerprint", "release")
OF_TRAINING = ("which", "step", "metrics", "chosen_by", "chosen_on")


def _default(key: str) -> Any:
    (found,) = (f for f in fields(WeightsHeader) if f.name == key)
    return found.default if found.default_factory is MISSING else found.default_factory()
