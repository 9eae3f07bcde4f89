"""YAML and overrides to frozen dataclasses: strict, with the nearest known name."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

import pytest
from pydantic import Field

from img2img.config import (
    build,
    choose,
    config_files,
    dump_yaml,
    merge,
    named_file,
    options,
    override,
    parse_yaml,
    plain,
)
from img2img.errors import UserError


@options
class Inner:
    side: Annotated[int, Field(ge=1)] = 3
    share: float = 0.5


@options
class Outer:
    name: str
    kind: Literal["a", "b"] = "a"
    pair: tuple[float, float] = (0.5, 0.999)
    inner: Inner = Field(default_factory=Inner)
    other: Inner | None = None
    weights: dict[str, float] = Field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name == self.kind:
            raise ValueError("name and kind must differ")


def test_a_tree_becomes_a_frozen_object():
    made = build(Outer, {"name": "x", "pair": [1, 2.5], "inner": {"side": 4}, "weights": {"l1": 1}}, "file")
    assert made == Outer(name="x", pair=(1.0, 2.5), inner=Inner(side=4), weights={"l1": 1.0})
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.name = "y"
    assert build(Outer, plain(made), "again") == made


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        ({}, "file: name: "),
        ({"name": "x", "knd": "b"}, "file: unknown key 'knd'; did you mean 'kind'? (known: inner, kind, name"),
        ({"name": "x", "inner": {"sid": 4}}, "unknown key 'inner.sid'; did you mean 'side'? (known: share, side)"),
        ({"name": "x", "other": {"sid": 4}}, "did you mean 'side'?"),
        ({"name": "x", "inner": {"side": "4"}}, "file: inner.side: input should be a valid integer, got '4'"),
        ({"name": "x", "inner": {"side": 4.5}}, "inner.side"),
        ({"name": "x", "inner": {"side": True}}, "inner.side: input should be a valid integer, got True"),
        ({"name": "x", "inner": {"side": 0}}, "inner.side: input should be greater than or equal to 1, got 0"),
        ({"name": "x", "inner": None}, "inner"),
        ({"name": 5}, "file: name: input should be a valid string, got 5"),
        ({"name": "x", "kind": "c"}, "kind: input should be 'a' or 'b', got 'c'"),
        ({"name": "x", "pair": [1]}, "pair"),
        ({"name": "x", "pair": [1, 2, 3]}, "pair"),
        ({"name": "x", "inner": {"share": float("nan")}}, "inner.share"),
        ({"name": "x", "inner": {"share": float("inf")}}, "inner.share"),
        ({"name": "a"}, "file: name and kind must differ"),
        ({"name": {1, 2}}, "not a plain value"),
    ],
)
def test_what_is_refused(tree, says):
    with pytest.raises(UserError) as error:
        build(Outer, tree, "file")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4), ("2E5", 2e5), ("1.5e-3", 1.5e-3), (".5", 0.5), ("-1e-4", -1e-4), ("3", 3), ("0.0", 0.0),
        ("1_000", 1000), ("e4", "e4"), ("1e", "1e"), ("6+6", "6+6"), ("null", None), ("true", True),
        ("[1e-4, a]", [1e-4, "a"]),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(text, value):
    read = parse_yaml(text, "here")
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: 2\na: 3", "key 'a' stands twice"),
        ("x: {a: 1, a: 1}", "key 'a' stands twice"),
        ("? [1, 2]\n: 3", "cannot be a key"),
        ("a: [1", "not readable as YAML"),
        ("!!python/object/apply:os.getcwd []", "not readable as YAML"),
    ],
)
def test_yaml_that_is_refused(text, says):
    with pytest.raises(UserError, match="here: ") as error:
        parse_yaml(text, "here")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_dumped_is_read_back_in_the_same_order():
    tree = {"z": 1e-4, "a": [1, 2.5, None], "m": {"7": "6+6", "on": "yes", "e": "1e-4"}, "t": True}
    text = dump_yaml(tree)
    assert parse_yaml(text, "here") == tree
    assert list(parse_yaml(text, "here")) == ["z", "a", "m", "t"]


@pytest.mark.parametrize(
    ("base", "over", "merged"),
    [
        # key by key, at any depth; anything that is no mapping is replaced whole
        ({"a": {"x": 1, "y": {"p": 1}}}, {"a": {"y": {"q": 2}}}, {"a": {"x": 1, "y": {"p": 1, "q": 2}}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1}, {"a": {"x": 1}}, {"a": {"x": 1}}),
        ({"a": {"x": 1}}, {"a": None}, {"a": None}),
        # options go to the named thing, whether it is written as a name or as a mapping
        ({"n": "unet"}, {"n": {"width": 8}}, {"n": {"name": "unet", "width": 8}}),
        ({"n": {"name": "unet", "width": 8}}, {"n": "unet"}, {"n": {"name": "unet", "width": 8}}),
        ({"n": {"name": "unet", "a": 1}}, {"n": {"name": "unet", "b": 2}}, {"n": {"name": "unet", "a": 1, "b": 2}}),
        # options of one thing mean nothing to another
        ({"n": {"name": "unet", "a": 1}}, {"n": {"name": "pan", "b": 2}}, {"n": {"name": "pan", "b": 2}}),
        ({"n": {"name": "unet", "a": 1}}, {"n": "pan"}, {"n": {"name": "pan"}}),
        ({"n": "unet"}, {"n": {"name": "pan", "b": 2}}, {"n": {"name": "pan", "b": 2}}),
        ({"n": {"name": "unet", "a": 1}}, {"n": {"b": 2}}, {"n": {"name": "unet", "a": 1, "b": 2}}),
    ],
)
def test_merging(base, over, merged):
    before = repr(base), repr(over)
    assert merge(base, over) == merged
    assert (repr(base), repr(over)) == before


def test_overrides():
    assert override(["train.steps=5", "games=[minimax]", "critic=null", "generator.width=8", "a.b.c=1e-4"]) == {
        "train": {"steps": 5}, "games": ["minimax"], "critic": None, "generator": {"width": 8}, "a": {"b": {"c": 1e-4}},
    }  # fmt: skip
    # the later one wins; numbers in a path are the keys of layers; a value may hold an equals sign
    assert override(["a=1", "a=2", "l.layers.4=1.5", "s=x=y"]) == {"a": 2, "l": {"layers": {4: 1.5}}, "s": "x=y"}
    assert override(["generator=pan", "generator.width=8"]) == {"generator": {"name": "pan", "width": 8}}


@pytest.mark.parametrize("word", ["500", "=5", "train.=5", ".steps=5", "train steps=5", "--x=1", "3a=1"])
def test_what_is_no_override(word):
    with pytest.raises(UserError, match=r"is not an option or key=value \(example: train.steps=500\)"):
        override([word])


def test_choosing_by_name():
    register = {"inner": Inner, "outer": Outer}
    assert choose(register, "inner", "thing", "here") == Inner()
    assert choose(register, {"name": "inner", "side": 5}, "thing", "here") == Inner(side=5)
    for spec, says in (
        ("iner", "here: unknown thing 'iner'; did you mean 'inner'? (known: inner, outer)"),
        ({"side": 5}, "here: a thing needs a name"),
        ({"name": "inner", "sid": 5}, "here (inner): unknown key 'sid'; did you mean 'side'?"),
    ):
        with pytest.raises(UserError) as error:
            choose(register, spec, "thing", "here")
        assert says in str(error.value)


def test_files_by_name_or_by_path(tmp_path):
    path, tree = named_file("tasks", "derain")
    assert path == config_files("tasks")["derain"]
    assert tree["default_method"]
    (tmp_path / "mine.yaml").write_text("default_method: l1\n")
    assert named_file("tasks", str(tmp_path / "mine.yaml"))[1] == {"default_method": "l1"}
    with pytest.raises(UserError, match="unknown method 'pam'; did you mean 'pan'"):
        named_file("methods", "pam")
