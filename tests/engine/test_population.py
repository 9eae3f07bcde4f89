"""Who survives."""

from __future__ import annotations

import pytest
import torch

from img2img.engine.population import select, survivors


@pytest.mark.parametrize(
    ("fitness", "count", "expected"),
    [
        ([0.1, 0.7, 0.3], 1, [1]),
        ([0.1, 0.7, 0.3], 2, [1, 2]),
        ([0.5, 0.5, 0.5], 2, [0, 1]),
        ([float("nan"), -5.0, float("-inf")], 1, [1]),
        ([1.0, float("inf"), 2.0], 3, [1, 2, 0]),
        ([-3.0, -1.0, -2.0], 1, [1]),
    ],
)
def test_the_fittest_in_order_ties_to_the_earlier(fitness, count, expected):
    assert survivors(torch.tensor(fitness), count) == expected


def test_children_take_their_places():
    assert select(["minimax", "heuristic", "squares"], torch.tensor([0.2, 0.1, 0.9]), 2) == ["squares", "minimax"]
