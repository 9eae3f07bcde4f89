"""Patterns of names: what fits, what is proposed, and what is said of files that do not fit."""

from __future__ import annotations

import random

import pytest
from test_known_layouts import CLEAN, RAINY, levels, opened, pairs, put

from img2img.data.config import NamePattern
from img2img.data.patterns import fitting, key, result_patterns
from img2img.errors import UserError


@pytest.mark.parametrize(
    ("pattern", "name", "common"),
    [
        ("{}", "a/b.png", ("a/b",)),
        ("{}x4", "0001x4.png", ("0001",)),
        ("{}x4", "0001x8.png", None),
        ("{}_*", "901_14.jpg", ("901",)),
        ("{}_*", "a/b_1/2.jpg", None),
        ("{}.jpg", "1.jpg", ("1",)),
        ("{}.jpg", "1.png", None),
        ("{}/blur/{}", "G/blur/7.png", ("G", "7")),
        ("(+){}", "(+)1.png", ("1",)),
    ],
)
def test_what_fits(pattern, name, common):
    assert key(pattern, name) == common


def test_pairs_by_a_pattern(tmp_path):
    pairs(tmp_path, "lq/{}x4.png", "gt/{}.png")
    with pytest.raises(UserError, match=r"'data\.pattern=\{source: \"\{\}x4\", target: \"\{\}\"\}' would match all"):
        opened(tmp_path)
    assert levels(opened(tmp_path, 'data.pattern={source: "{}x4", target: "{}"}')) == ({RAINY}, {CLEAN})


def test_what_fits_neither_side_is_left_aside_and_counted(tmp_path):
    pairs(tmp_path, "{}_A.png", "{}_B.png")
    put(tmp_path, ["cover.png"])
    data = opened(tmp_path)
    assert len(data.train) == 4
    assert "fit neither side's pattern and are left aside, 1: cover.png" in data.notes[-1]


def test_the_stricter_pattern_has_a_file_that_fits_both(tmp_path):
    pairs(tmp_path, "{}.png", "{}_clean.png")
    assert levels(opened(tmp_path, 'data.pattern={source: "{}", target: "{}_clean"}')) == ({RAINY}, {CLEAN})


@pytest.mark.parametrize("both", [("x", "{}"), ("{}", "{}{}"), ("", "")])
def test_patterns_need_what_is_common(both):
    with pytest.raises(ValueError, match="what the names of a pair have in common"):
        NamePattern(source=both[0], target=both[1])


@pytest.mark.parametrize("seed", range(30))
def test_the_pattern_of_random_affixes_is_found(seed):
    draw = random.Random(seed)
    affixes = ["", "_fake", "_B", "-out", "x4", "_rainy"]
    heads = ["", "rain-", "norain-", "out_"]
    source, target = (draw.choice(heads) + "{}" + draw.choice(affixes) for _ in "st")
    keys = [str(number) for number in draw.sample(range(1000, 9000), 12)]
    fit = fitting(*([pattern.replace("{}", name) + ".png" for name in keys] for pattern in (source, target)))
    assert fit is not None
    assert (fit.sources, fit.targets) == (12, 12)
    # whatever is written, each file finds the partner it was made with
    for name in keys:
        one, other = (pattern.replace("{}", name) + ".png" for pattern in (source, target))
        assert key(fit.pattern.source, one) == key(fit.pattern.target, other) is not None


def test_nothing_is_proposed_for_other_pictures():
    assert fitting([f"{n}.png" for n in range(1, 100)], [f"{n}.png" for n in range(100, 200)]) is None
    assert fitting(["cat.png", "dog.png"], ["tree.png", "house.png"]) is None


def test_results_of_pix2pix_are_found_in_their_folder():
    names = [f"test_latest/images/{n}_{kind}.png" for n in range(1, 12) for kind in ("real_A", "fake_B", "real_B")]
    found = result_patterns([str(n) for n in range(1, 12)], names)
    assert found == [f"test_latest/images/{{}}_{kind}" for kind in ("fake_B", "real_A", "real_B")]
