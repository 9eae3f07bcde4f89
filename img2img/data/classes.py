"""Classes of samples: the labels that data bring, as what networks are told (`data.classes`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from img2img.data.labels import LabelMaps
from img2img.data.rows import Rows
from img2img.data.samples import Pictures, Samples
from img2img.errors import UserError

# as many as a header may name; labels of more kinds are measurements
MOST = 1000


def labels_of(samples: Samples | None) -> Sequence[int | None]:
    """The label of each sample; empty where the set has none at all."""
    if isinstance(samples, Rows) and samples.labels is not None:
        return [int(samples.labels[number]) for number in samples.numbers]
    return [item.label for item in samples.items] if isinstance(samples, Pictures) else []


def find_classes(parts: Sequence[Samples | None], where: str) -> tuple[int, ...]:
    """The labels of all classes in the parts of a set, in order.

    Raises:
        UserError: samples without a label; one class alone, or too many to be classes.
    """
    labels = [label for part in parts for label in labels_of(part)]
    if not labels or None in labels:
        raise UserError(
            f"data.classes=true: {where} has no labels; they come with MNIST's and CIFAR-10's files, as 'labels' in an "
            f".npz or .mat, or as a column 'label' of a .csv (data.classes=false trains without)"
        )
    classes = tuple(sorted({label for label in labels if label is not None}))
    if not 1 < len(classes) <= MOST:
        found = f"{len(classes)} different labels" if len(classes) > 1 else f"the label {classes[0]} alone"
        raise UserError(f"data.classes=true: {where} has {found}; 2 to {MOST} classes are needed")
    return classes


def with_classes(part: Samples, classes: tuple[int, ...]) -> Samples:
    """The same samples, each told as one of ``classes``."""
    return replace(part, classes=classes) if isinstance(part, Rows | Pictures) else part


def label_maps_of(samples: Samples) -> LabelMaps | None:
    """The label maps among pictures; None where neither side is one."""
    return samples.labels if isinstance(samples, Pictures) else None
