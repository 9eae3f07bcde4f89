"""Every size that a configuration or the header of a weights file may ask for has an upper bound."""

from __future__ import annotations

import typing

import pytest

from img2img.config import build
from img2img.errors import UserError
from img2img.flows import FLOWS
from img2img.networks import CRITICS, GENERATORS

CLASSES = [*GENERATORS.values(), *CRITICS.values(), *FLOWS.values()]
SIZES = [
    (cls, name)
    for cls in CLASSES
    for name, hint in typing.get_type_hints(cls).items()
    if int in (hint, *typing.get_args(hint))
]


def test_there_are_sizes():
    assert {
        *("width", "blocks", "stages", "downs", "layers", "scales", "patches", "z", "channels", "neck", "hidden"),
    } == {name for _, name in SIZES}


@pytest.mark.parametrize(("cls", "name"), SIZES)
def test_sizes_are_bounded_on_both_sides(cls, name):
    for value in (0, 100_000):
        with pytest.raises(UserError, match=f"{name}: input should be"):
            build(cls, {name: value}, "x.yaml")


def test_each_of_several_channels_is_bounded():
    for value in (0, 100_000):
        with pytest.raises(UserError, match=r"channels.*input should be"):
            build(GENERATORS["dcgan"], {"channels": [8, value]}, "x.yaml")
