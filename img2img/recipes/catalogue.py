"""What there is to choose from, by kind: every name with a line, and the options of each, as the registers say it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from img2img.config import config_files, plain, read_yaml
from img2img.data.config import DataConfig
from img2img.errors import unknown
from img2img.metrics import METRICS
from img2img.metrics.protocols import PROTOCOLS
from img2img.metrics.sets.registry import SET_MEASURES
from img2img.metrics.sets.spaces import SPACES
from img2img.recipes.describe import REGISTERS, Row, rows, summary, yaml_value
from img2img.recipes.method import Inference, Method
from img2img.recipes.task import Task
from img2img.recipes.train_config import TrainConfig
from img2img.zoo import entry_of, names
from img2img.zoo.card import facts, figure_line

# registers that make one kind, by their headings; any other register is a kind of its own
ROLES: dict[str, dict[str, str]] = {
    "networks": {"Generators": "generator", "Critics": "critic"},
    "losses": {
        "Losses of the generator": "of the generator",
        "Losses of the critic": "of the critic",
        "Penalties": "penalty of the critic",
    },
}
PRESETS: dict[str, type[Any]] = {"data.": DataConfig, "train.": TrainConfig, "generator.inference.": Inference}


@dataclass(frozen=True)
class Choice:
    """One name that can be chosen.

    Attributes:
        name: as it is typed.
        line: what it is, in a line.
        role: what it is among its kind (generator, critic); empty where all of a kind are the same.
        options: keys with values, default and meaning; of a task or a method the keys that it sets, as it sets them.
        facts: whatever else is known, by what it is, for people.
        record: the same for programs, where it has more structure.
    """

    name: str
    line: str
    role: str = ""
    options: tuple[Row, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)


def choices(kind: str, name: str | None = None) -> list[Choice]:
    """All choices of a kind of `CATALOGUE`, or those of a name (a generator and a critic may be called alike).

    Raises:
        UserError: an unknown kind or name, with the nearest.
    """
    if kind not in CATALOGUE:
        raise unknown("kind", kind, CATALOGUE, "list")
    found = list(CATALOGUE[kind]())
    if name is None:
        return found
    chosen = [choice for choice in found if choice.name == name]
    if not chosen:
        raise unknown("name", name, {choice.name for choice in found}, f"list {kind}")
    return chosen


def _registered(roles: Mapping[str, str]) -> Iterator[Choice]:
    """The entries of registers, given by their headings with the role of what they hold."""
    for heading, _, register in REGISTERS:
        if heading in roles:
            for name, cls in register.items():
                yield Choice(name, summary(cls), roles[heading], tuple(rows(cls)))


def _presets(kind: str, cls: type[Any]) -> Iterator[Choice]:
    """Shipped tasks or methods: the keys of their YAML, whose meaning the fields of ``cls`` and of the sections say."""
    meanings = {row.key: row for prefix, section in {"": cls, **PRESETS}.items() for row in rows(section, prefix)}
    for name, path in config_files(kind).items():
        tree = read_yaml(path)
        yield Choice(name, str(tree.pop("description", "")), options=tuple(_set_keys(tree, meanings)))


def _set_keys(tree: Mapping[str, Any], meanings: Mapping[str, Row], prefix: str = "") -> Iterator[Row]:
    for name, value in tree.items():
        key = f"{prefix}{name}"
        known = meanings.get(key)
        inner = any(other.startswith(f"{key}.") for other in meanings)
        if known is None and inner and isinstance(value, Mapping):
            yield from _set_keys(value, meanings, f"{key}.")
        elif key == "tasks":
            for task, section in value.items():
                yield Row(f"tasks.{task}", "mapping", yaml_value(section), f"what differs for the task {task}")
        else:
            yield Row(key, known.values if known else "", yaml_value(value), known.meaning if known else "")


def _metrics() -> Iterator[Choice]:
    for metric in METRICS.values():
        unit = f" ({metric.unit})" if metric.unit else ""
        better = "higher" if metric.higher_is_better else "lower"
        yield Choice(metric.name, f"{metric.definition}{unit}; {better} is better", "of pairs")
    for measure in SET_MEASURES.values():
        yield Choice(
            measure.name,
            measure.definition,
            "of sets",
            facts={"numbers": ", ".join(measure.numbers), "looks at": measure.of},
            record={name: asdict(number) for name, number in measure.numbers.items()},
        )


def _spaces() -> Iterator[Choice]:
    """Spaces that sets are compared in, with the samples of each set that the Frechet distance needs there."""
    for space in SPACES.values():
        needed = str(SET_MEASURES["frechet"].needs(space.features)) if space.features else "one more than its numbers"
        said = {"samples that frechet needs": needed, "classes": str(space.classes or "none")}
        yield Choice(space.name, space.line, facts=said)


def _protocols() -> Iterator[Choice]:
    for protocol in PROTOCOLS.values():
        said = {"in full": protocol.line(["psnr", "ssim"]), "not known": protocol.open}
        yield Choice(protocol.name, protocol.source, facts={key: text for key, text in said.items() if text})


def _weights() -> Iterator[Choice]:
    for name in names():
        entry = entry_of(name)
        said = facts(entry)
        said |= {f"figure {number}": figure_line(figure) for number, figure in enumerate(entry.figures, 1)}
        said |= {f"fails {number}": text for number, text in enumerate(entry.fails, 1)}
        yield Choice(name, entry.description, entry.task, facts=said, record=plain(entry))


CATALOGUE: dict[str, Callable[[], Iterator[Choice]]] = {
    "tasks": partial(_presets, "tasks", Task),
    "methods": partial(_presets, "methods", Method),
    **{kind: partial(_registered, roles) for kind, roles in ROLES.items()},
    **{
        heading.lower(): partial(_registered, {heading: ""})
        for heading, _, _ in REGISTERS
        if not any(heading in roles for roles in ROLES.values())
    },
    "metrics": _metrics,
    "features": _spaces,
    "protocols": _protocols,
    "weights": _weights,
}
