"""Random numbers by name: the same whatever the number of processes or micro-batches."""

from __future__ import annotations

import torch

from img2img.compute.random import NamedRandom

CPU = torch.device("cpu")


def test_rows_belong_to_samples():
    whole = NamedRandom(3, 7, "step0", 0, 8, CPU)("z", (8, 5))
    halves = [NamedRandom(3, 7, "step0", start, 8, CPU)("z", (4, 5)) for start in (0, 4)]
    assert torch.equal(torch.cat(halves), whole)
    # a micro-batch within the second half
    assert torch.equal(NamedRandom(3, 7, "step0", 6, 8, CPU)("z", (2, 5)), whole[6:])


def test_every_word_of_the_name_counts():
    base = {"seed": 3, "step": 7, "forward": "step0", "start": 0, "total": 4, "device": CPU}
    seen = [
        NamedRandom(**{**base, **change})(name, (4, 3)).tolist()
        for change, name in (
            ({}, "z"), ({}, "alpha"), ({"seed": 4}, "z"), ({"step": 8}, "z"), ({"forward": "generator"}, "z"),
        )
    ]  # fmt: skip
    assert len({str(numbers) for numbers in seen}) == 5
    assert NamedRandom(**base)("z", (4, 3)).tolist() == seen[0]


def test_numbers_are_uniform():
    numbers = NamedRandom(0, 0, "s", 0, 10000, CPU)("z", (10000, 2))
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert abs(numbers.mean() - 0.5) < 0.01
    assert abs(numbers.std() - 12**-0.5) < 0.01
