"""Every key of a configuration with its values, default and meaning, as its field says: for --help and the documents.

``python -m img2img.recipes.describe > docs/options.md`` writes the page anew.
"""

from __future__ import annotations

import dataclasses
import inspect
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic.fields import FieldInfo

from img2img.config import plain
from img2img.data.config import DataConfig
from img2img.engine.limits import LIMITS
from img2img.engine.optimizers import OPTIMIZERS
from img2img.engine.schedule import SCHEDULES
from img2img.engine.selection import SELECTIONS
from img2img.flows import FLOWS
from img2img.losses import CRITIC_LOSSES, FITNESS, GAMES, GENERATOR_LOSSES
from img2img.networks import CRITICS, GENERATORS
from img2img.recipes.method import Inference, Method, Spec
from img2img.recipes.task import Task
from img2img.recipes.terms import Weights
from img2img.recipes.train_config import TrainConfig

Register = Mapping[str, type[Any]]

# section of the page, what stands below its heading, the keys' prefix, the class whose fields are the keys
SECTIONS: tuple[tuple[str, str, str, type[Any]], ...] = (
    ("Task", "The keys of `configs/tasks/*.yaml`, beside the `data` and `train` that a task presets.", "", Task),
    (
        "Method",
        "The keys of `configs/methods/*.yaml`, beside the `data` and `train` that a method presets.",
        "",
        Method,
    ),
    ("Results", "How results are made; stored with the weights.", "generator.inference.", Inference),
    ("Data", "Which pictures are learnt from, and how a training sample is made of them.", "data.", DataConfig),
    ("Train", "How long and how is trained: exactly one of steps, epochs and minutes.", "train.", TrainConfig),
)
PENALTIES: Register = {name: cls for name, cls in CRITIC_LOSSES.items() if getattr(cls, "penalty", False)}
# section of the page, what its names are for, the register
REGISTERS: tuple[tuple[str, str, Register], ...] = (
    ("Generators", "for `generator`", GENERATORS),
    ("Critics", "for `critic`", CRITICS),
    ("Losses of the generator", "for `generator_losses`", GENERATOR_LOSSES),
    ("Losses of the critic", "for `critic_losses`", {k: v for k, v in CRITIC_LOSSES.items() if k not in PENALTIES}),
    ("Games", "for `games` and `critic_game`", GAMES),
    ("Fitness", "for `fitness`", FITNESS),
    ("Survival", "for `survival`: which children become parents", SELECTIONS),
    ("Flows", "for `flow`", FLOWS),
    ("Schedules", "for `schedule`", SCHEDULES),
    ("Optimizers", "for `optimizers.generator` and `optimizers.critic`", OPTIMIZERS),
    ("Limits", "for `optimizers.generator.limits` and `optimizers.critic.limits`", LIMITS),
    ("Penalties", "for `critic_losses`: they differentiate the critic", PENALTIES),
)
INTRODUCTION = """\
# Options

All keys of a configuration, written from the program's own fields by
`python -m img2img.recipes.describe > docs/options.md`. On the command line a key is `key=value`, the value as YAML;
`img2img train --task derain --print-config` shows a complete configuration. Where a *name* is taken, the sections from
[Generators](#generators) on list the names, and options go beside it: `generator={name: unet, width: 32}`, or
`generator.width=32` where the name stands already.
"""


@dataclass(frozen=True)
class Row:
    """One key: its dotted name, what values it takes, its default as YAML (None: it must be given), its meaning."""

    key: str
    values: str
    default: str | None
    meaning: str


def rows(cls: type[Any], prefix: str = "") -> list[Row]:
    """The keys of an option class, those of option classes within it by dotted name."""
    found: list[Row] = []
    for name, field in fields_of(cls).items():
        if dataclasses.is_dataclass(field.annotation) and isinstance(field.annotation, type):
            found += rows(field.annotation, f"{prefix}{name}.")
            continue
        default = None if field.is_required() else yaml_value(field.get_default(call_default_factory=True))
        values = kind(field.annotation, field.metadata)
        found.append(Row(f"{prefix}{name}", values, default, field.description or ""))
    return found


def fields_of(cls: type[Any]) -> dict[str, FieldInfo]:
    """The fields of an option class by name."""
    fields: dict[str, FieldInfo] = cls.__pydantic_fields__
    return fields


PLAIN = {int: "integer", float: "number", str: "text", bool: "true, false", type(None): "null", Any: "anything"}


def kind(hint: Any, limits: Sequence[Any] = ()) -> str:
    """The values that a type takes, in words; ``limits`` are the bounds that stand with it."""
    arguments = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if hint == Weights:
        return "losses, each with its weight or with `weight` and options"
    if hint in PLAIN:
        return " ".join([PLAIN[hint], *bounds(limits)]) if hint in (int, float) else PLAIN[hint]
    if origin is Annotated:
        inner = [
            limit for note in arguments[1:] for limit in (note.metadata if isinstance(note, FieldInfo) else [note])
        ]
        return kind(arguments[0], [*limits, *inner])
    if origin is Literal:
        return ", ".join(map(str, arguments))
    if origin in (typing.Union, types.UnionType):
        return ", or ".join(_members(arguments, limits))
    if origin is tuple:
        many = arguments[-1] is Ellipsis
        return f"list of {'' if many else f'{len(arguments)}: '}{kind(arguments[0])}"
    if origin is dict:
        if arguments[1] in (Any, object):
            return "mapping"
        return f"mapping of {kind(arguments[0])} to {kind(arguments[1])}"
    raise TypeError(f"no words for {hint}")


def _members(arguments: Sequence[Any], limits: Sequence[Any]) -> list[str]:
    """The members of a union in words; a name or a mapping together are what a register takes."""
    spec = typing.get_args(Spec)
    if set(spec) <= set(arguments):
        rest = [argument for argument in arguments if argument not in spec]
        return ["name", "`name` with options", *_members(rest, limits)]
    return [kind(argument, limits) for argument in arguments]


def bounds(limits: Sequence[Any]) -> list[str]:
    """The bounds of a number in words, at most one entry."""
    found = {
        name: getattr(limit, name) for limit in limits for name in ("ge", "gt", "le", "lt") if hasattr(limit, name)
    }
    if {"ge", "le"} <= found.keys():
        return [f"from {found['ge']} to {found['le']}"]
    words = {"ge": "of at least", "gt": "above", "le": "of at most", "lt": "below"}
    return [" and ".join(f"{words[name]} {found[name]}" for name in words if name in found)] if found else []


def yaml_value(value: Any) -> str:
    """A value as it is typed in YAML, on one line."""
    value = plain(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {yaml_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(yaml_value, value)) + "]"
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value) or '""'


def keys_help() -> str:
    """The keys of data and train for ``train --help``: key, default, meaning."""
    lines = ["keys (key=value; docs/options.md has all, with the values they take):"]
    for row in (*rows(DataConfig, "data."), *rows(TrainConfig, "train.")):
        begin = f"  {row.key}={row.default}"
        lines += textwrap.wrap(row.meaning, 110, initial_indent=f"{begin:<34} ", subsequent_indent=" " * 35)
    return "\n".join(lines)


def page() -> str:
    """docs/options.md."""
    return "\n".join(_lines()).rstrip() + "\n"


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    for heading, text, prefix, cls in SECTIONS:
        yield from (f"## {heading}", "", text, "", *table("key", rows(cls, prefix)), "")
    for heading, text, register in REGISTERS:
        yield from (f"## {heading}", "", f"Names {text}.", "")
        for name, cls in register.items():
            yield from (f"### {name}", "", summary(cls), "")
            found = rows(cls)
            if found:
                yield from (*table("option", found), "")


def table(head: str, found: Sequence[Row]) -> list[str]:
    """A Markdown table of keys."""
    lines = [f"| {head} | values | default | meaning |", "|---|---|---|---|"]
    for row in found:
        default = "must be given" if row.default is None else f"`{row.default}`"
        cells = (f"`{row.key}`", row.values, default, row.meaning)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return lines


def summary(cls: type[Any]) -> str:
    """The first paragraph of a class's docstring, as Markdown."""
    paragraph = inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0]
    return " ".join(paragraph.split()).replace("``", "`")


if __name__ == "__main__":
    print(page(), end="")
