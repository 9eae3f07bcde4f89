"""Every key is described where it is defined, and the page and --help say what the fields say."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from img2img.commands import main
from img2img.config import options, parse_yaml
from img2img.data import DataConfig
from img2img.recipes.describe import REGISTERS, SECTIONS, Row, fields_of, page, rows
from img2img.recipes.method import Method
from img2img.recipes.train_config import TrainConfig

PAGE = Path(__file__).resolve().parents[2] / "docs/options.md"
HOW = "docs/options.md is not what the fields say; write it anew: python -m img2img.recipes.describe > docs/options.md"
CLASSES = {heading: cls for heading, _, _, cls in SECTIONS}
CLASSES |= {f"{heading}: {name}": cls for heading, _, register in REGISTERS for name, cls in register.items()}


def test_the_page_is_what_the_fields_say():
    assert PAGE.read_text(encoding="utf-8") == page(), HOW


@pytest.mark.parametrize("name", CLASSES)
def test_every_option_is_described_in_a_line(name):
    for row in rows(CLASSES[name]):
        assert 3 <= len(row.meaning) <= 120, row
        assert row.meaning[0] != " "
        assert row.meaning[-1] not in ". "
        assert "\n" not in row.meaning


@pytest.mark.parametrize("name", CLASSES)
def test_no_key_is_left_out(name):
    top = {row.key.partition(".")[0] for row in rows(CLASSES[name])}
    assert top == {field.name for field in dataclasses.fields(CLASSES[name])}


@pytest.mark.parametrize("name", CLASSES)
def test_defaults_are_yaml_for_what_they_are(name):
    for key, field in fields_of(CLASSES[name]).items():
        (row,) = [row for row in rows(CLASSES[name]) if row.key == key] or [None]
        if row is None or field.is_required():
            continue
        value = field.get_default(call_default_factory=True)
        assert parse_yaml(str(row.default), key) == (list(value) if isinstance(value, tuple) else value)


@options
class Sizes:
    """How large."""

    width: Annotated[int, Field(ge=1, le=9, description="a width")]
    least: Annotated[float | None, Field(gt=0, lt=1.5, description="a number")] = None
    kind: Annotated[Literal["a", "b"], Field(description="a kind")] = "b"
    names: Annotated[tuple[str, ...], Field(description="names")] = ("x", "y")
    rate: Annotated[float, Field(description="a rate")] = 2e-4


@options
class Outer:
    """Options within options."""

    sizes: Sizes = Field(default_factory=lambda: Sizes(width=2))
    on: Annotated[bool, Field(description="whether")] = True


def test_rows_of_a_class():
    assert rows(Outer, "outer.") == [
        Row("outer.sizes.width", "integer from 1 to 9", None, "a width"),
        Row("outer.sizes.least", "number above 0 and below 1.5, or null", "null", "a number"),
        Row("outer.sizes.kind", "a, b", "b", "a kind"),
        Row("outer.sizes.names", "list of text", "[x, y]", "names"),
        Row("outer.sizes.rate", "number", "0.0002", "a rate"),
        Row("outer.on", "true, false", "true", "whether"),
    ]


def test_what_the_shipped_classes_say():
    found = {row.key: row for cls in (Method, TrainConfig) for row in rows(cls)}
    assert found["batch"].values == "integer of at least 1"
    assert found["critic"].values == "name, or `name` with options, or null"
    assert found["optimizers.critic"].default == "adam"
    assert found["generator"].default is None


def test_help_shows_the_keys_of_data_and_train(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["train", "--help"])
    shown = capsys.readouterr().out
    words = " ".join(shown.split())
    for row in (*rows(DataConfig, "data."), *rows(TrainConfig, "train.")):
        assert f"{row.key}={row.default} {row.meaning}" in words
    assert max(map(len, shown.splitlines())) <= 120
