"""YAML and ``key=value`` overrides <-> frozen dataclasses, strictly: unknown keys and wrong types are errors."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar, cast, dataclass_transform

import pydantic
import yaml
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as pydantic_dataclass

from img2img.errors import UserError, nearest, unknown

T = TypeVar("T")
Tree = dict[str, Any]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(pydantic.Field, dataclasses.field))
def options(cls: type[T]) -> type[T]:
    """A frozen, keyword-only dataclass whose values are checked: unknown fields and wrong types are refused."""
    settings = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    make: Callable[..., Any] = pydantic_dataclass(frozen=True, kw_only=True, config=settings)
    made: type[T] = make(cls)
    return made


@cache
def _adapter(cls: Any) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


def build(cls: type[T], tree: Mapping[str, Any], where: str) -> T:
    """``cls`` from a tree of plain values; ``where`` (file or section) begins the message of a `UserError`."""
    try:
        adapter: TypeAdapter[T] = _adapter(cast(Any, cls))
        text = json.dumps(tree)
        if "\\udc" not in text:
            return adapter.validate_json(text)
        # JSON has no place for bytes of names that are no UTF-8 (PEP 383): they go through as private characters
        value = adapter.validate_json(json.dumps(_translated(tree, TO_PRIVATE)))
        return cast(T, _translated(value, FROM_PRIVATE))
    except TypeError as error:
        raise UserError(f"{where}: not a plain value: {error}") from error
    except pydantic.ValidationError as error:
        raise UserError(f"{where}: {_first(cls, error)}") from error


TO_PRIVATE = {0xDC80 + byte: 0x10FF80 + byte for byte in range(128)}
FROM_PRIVATE = {private: escaped for escaped, private in TO_PRIVATE.items()}


def _translated(value: Any, characters: Mapping[int, int]) -> Any:
    """``value`` with the characters of all text in it replaced."""
    if isinstance(value, str):
        return value.translate(characters)
    if isinstance(value, Mapping):
        return {_translated(key, characters): _translated(item, characters) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_translated(item, characters) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        twin = copy.copy(value)
        for field in dataclasses.fields(value):
            # not by its constructor, whose checks are behind it
            object.__setattr__(twin, field.name, _translated(getattr(value, field.name), characters))
        return twin
    return value


def _first(cls: type[Any], error: pydantic.ValidationError) -> str:
    found = error.errors()[0]
    key = ".".join(str(part) for part in found["loc"])
    if found["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        owner: Any = cls
        for part in found["loc"][:-1]:
            owner = _field_class(owner, str(part))
        known = [f.name for f in dataclasses.fields(owner)] if dataclasses.is_dataclass(owner) else []
        return f"unknown key {key!r}{nearest(str(found['loc'][-1]), known) if known else ''}"
    message = found["msg"][0].lower() + found["msg"][1:]
    message = message.removeprefix("value error, ")
    if not key:  # the whole is at fault, not a value of it
        return message
    return f"{key}: {message}" if found["type"].startswith("missing") else f"{key}: {message}, got {found['input']!r}"


def _field_class(owner: Any, name: str) -> Any:
    if not dataclasses.is_dataclass(owner):
        return None
    hint = typing.get_type_hints(owner).get(name)
    for candidate in (hint, *typing.get_args(hint)):
        if dataclasses.is_dataclass(candidate):
            return candidate
    return None


def choose(register: Mapping[str, type[Any]], spec: str | Mapping[str, Any], what: str, where: str) -> Any:
    """The options object that ``spec`` (a name, or a mapping with ``name``) means in a register of option classes."""
    tree: Tree = {"name": spec} if isinstance(spec, str) else dict(spec)
    name = tree.pop("name", None)
    if not isinstance(name, str):
        raise UserError(f"{where}: a {what} needs a name{nearest('', register)}")
    if name not in register:
        raise unknown(what, name, register, where)
    return build(register[name], tree, f"{where} ({name})")


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads 1e-4 as a number and refuses a key given twice."""


class _Dumper(yaml.SafeDumper):
    """SafeDumper that quotes what `_Loader` would read as a number."""


for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(\d[\d_]*)(\.[\d_]*)?([eE][-+]?\d+)$|^[-+]?\d[\d_]*\.[\d_]*$|^[-+]?\.\d+([eE][-+]?\d+)?$"),
        list("-+0123456789."),
    )


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Tree:
    keys: list[Any] = []
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float | bool | None):
            raise yaml.constructor.ConstructorError(None, None, f"{key!r} cannot be a key", key_node.start_mark)
        if key in keys:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
        keys.append(key)
    return {key: loader.construct_object(value, deep=True) for key, (_, value) in zip(keys, node.value, strict=True)}


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def parse_yaml(text: str, where: str) -> Any:
    """Plain values from YAML text; `UserError` names ``where``, the line and the reason."""
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise UserError(f"{where}: not readable as YAML: {' '.join(str(error).split())}") from error


def read_yaml(path: Path) -> Tree:
    """A mapping from a YAML file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise UserError(f"{path}: cannot be read: {reason}") from error
    tree = parse_yaml(text, str(path))
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UserError(f"{path}: a mapping of keys is expected, this is a {type(tree).__name__}")
    return tree


def dump_yaml(tree: Mapping[str, Any]) -> str:
    """YAML text, keys in the given order."""
    return str(yaml.dump(plain(tree), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


def plain(value: Any) -> Any:
    """Nested dataclasses, tuples, mappings as dicts, lists, scalars; paths as text, numpy's numbers as Python's."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Real) and not isinstance(value, bool):
        return int(value) if isinstance(value, Integral) else float(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> Tree:
    """``over`` on ``base``: mappings merge key by key, everything else is replaced.

    A mapping that names another entry (``name`` differs) replaces the whole: options of one network mean nothing to
    another.
    """
    result: Tree = dict(base)
    for key, value in over.items():
        before = result.get(key)
        if isinstance(before, Mapping) and isinstance(value, str) and "name" in before:
            value = {"name": value}
        if isinstance(before, str) and isinstance(value, Mapping) and "name" not in value:
            before = {"name": before}
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            other = "name" in value and "name" in before and value["name"] != before["name"]
            result[key] = dict(value) if other else merge(before, value)
        else:
            result[key] = value
    return result


def is_text(owner: Any, key: str) -> bool:
    """Whether the field that a dotted ``key`` names in a class of options takes text, but no number and no boolean."""
    for part in key.split(".")[:-1]:
        owner = _field_class(owner, part)
    if not dataclasses.is_dataclass(owner):
        return False
    hint = typing.get_type_hints(owner).get(key.rpartition(".")[2])
    kinds = {hint, *typing.get_args(hint)}
    return str in kinds and not kinds & {bool, int, float}


def override(pairs: Iterable[str], is_text: Callable[[str], bool] = lambda key: False) -> Tree:
    """A tree from ``dotted.key=value`` arguments; the value is YAML (``games=[minimax]``, ``critic=null``).

    Where ``is_text`` says that a key holds text, what YAML would read as a boolean, a number or a date, or could not
    read, stays as it is written (``data.source=on``, ``data.hole.match={}_hole``).
    """
    tree: Tree = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][\w]*(\.[\w]+)*", key):
            raise UserError(f"{pair!r} is not an option or key=value (example: train.steps=500)")
        try:
            value = parse_yaml(text, key)
        except UserError:
            if not is_text(key):
                raise
            # {}_hole is no YAML, and a name all the same
            value = text.strip()
        if not isinstance(value, str | list | dict | None) and is_text(key):
            value = text.strip()
        tree = merge(tree, _branch(key, value))
    return tree


def nested(keys: Mapping[str, Any]) -> Tree:
    """A tree from keys with their values, dotted (``train.steps``) or not; paths in it as text, tuples as lists."""
    tree: Tree = {}
    for key, value in keys.items():
        tree = merge(tree, _branch(key, plain(value)))
    return tree


def _branch(key: str, value: Any) -> Tree:
    branch: Any = value
    for part in reversed(key.split(".")):
        branch = {int(part) if part.isdigit() else part: branch}
    tree: Tree = branch
    return tree


def config_files(kind: str) -> dict[str, Path]:
    """The YAML files shipped under configs/KIND (``tasks``, ``methods``, ``tables``, ``published``), by name."""
    here = Path(str(resources.files("img2img")))
    for folder in (here / "configs" / kind, here.parent / "configs" / kind):
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    return {}


def named_file(kind: str, name: str) -> tuple[Path, Tree]:
    """The file of a shipped task, method or table by name, or a user's own by path (anything ending in .yaml)."""
    if name.endswith((".yaml", ".yml")):
        return Path(name), read_yaml(Path(name))
    files = config_files(kind)
    if name not in files:
        raise unknown(kind.removesuffix("s"), name, files)
    return files[name], read_yaml(files[name])
