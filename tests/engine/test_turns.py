"""The order of play as data: who is updated when, on which batch, looking at which forward."""

from __future__ import annotations

import pytest

from conftest import small
from img2img.engine.turns import Turn, turns
from img2img.recipes.build import rules as build_rules


def played(method: str, accumulate: int = 1, **extra: object) -> tuple[str, int]:
    """Turns as ``side batch forward`` in short, and how many batches the step takes."""
    rules = build_rules(small(method, **extra).method)
    letters = {"critic": "D", "generator": "G", "both": "B"}
    words = [f"{letters[turn.side]}{turn.batch}:{turn.forward}" for turn in turns(rules, accumulate)]
    return " ".join(words), rules.batches


PAIRED = [
    # the critic's last forward serves the generator
    ("critics_first", 0, "G0:step0", 1),
    ("critics_first", 1, "D0:step0 G0:step0", 1),
    ("critics_first", 3, "D0:step0 D1:step1 D2:step2 G2:step2", 3),
    # the first critic turn judges what the generator made before its update
    ("generator_first", 0, "G0:step0", 1),
    ("generator_first", 1, "G0:step0 D0:step0", 1),
    ("generator_first", 3, "G0:step0 D0:step0 D1:step1 D2:step2", 3),
    # the generator plays on a batch that no critic has seen
    ("alternate_batches", 0, "G1:step0", 2),
    ("alternate_batches", 1, "D0:step0 G1:generator", 2),
    ("alternate_batches", 3, "D0:step0 D1:step1 D2:step2 G3:generator", 4),
]


@pytest.mark.parametrize(("order", "critic_steps", "expected", "batches"), PAIRED)
def test_every_order(order, critic_steps, expected, batches):
    assert played("pix2pix", order=order, critic_steps=critic_steps) == (expected, batches)


@pytest.mark.parametrize(
    ("method", "accumulate", "extra", "expected"),
    [
        # Goodfellow's algorithm 1 and Gulrajani's: new noise for the generator
        ("nsgan", 1, {}, "D0:step0 G0:generator"),
        ("nsgan", 1, {"critic_steps": 0}, "G0:step0"),
        ("wgan_gp", 1, {"critic_steps": 2}, "D0:step0 D1:step1 G1:generator"),
        # several parents: the critics' fakes are a crowd's
        ("egan", 1, {"parents": 2, "critic_steps": 2}, "D0:step0 D1:step1 G1:generator"),
        # several micro-batches: their graphs are not kept from the critic's turn on
        ("pix2pix", 2, {}, "D0:step0 G0:generator"),
        ("pix2pix", 2, {"order": "generator_first"}, "G0:step0 D0:step0"),
        ("pix2pix", 1, {"simultaneous": "true"}, "B0:step0"),
        ("nsgan", 1, {"simultaneous": "true"}, "B0:generator"),
        ("cyclegan", 1, {}, "G0:step0 D0:step0"),
        # no critic, no turn of it
        ("l1", 1, {}, "G0:step0"),
        ("l1", 2, {}, "G0:step0"),
    ],
)
def test_whose_forward_the_generator_looks_at(method, accumulate, extra, expected):
    assert played(method, accumulate, **extra)[0] == expected


def test_a_turn_is_plain_data():
    rules = build_rules(small("pix2pix").method)
    assert turns(rules, 1) == (Turn("critic", 0, "step0"), Turn("generator", 0, "step0"))
