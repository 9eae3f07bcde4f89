"""Who survives."""

from __future__ import annotations

import pytest
import torch

from img2img.engine.selection import SELECTIONS, crowding, fronts


def no_lots(count: int) -> torch.Tensor:
    raise AssertionError("nothing is left to chance")


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
    assert SELECTIONS["best"]().choose(torch.tensor(fitness)[:, None], count, no_lots) == expected


def test_the_best_have_the_largest_sum_of_their_values():
    values = torch.tensor([[1.0, 0.0], [0.4, 0.5], [0.0, 1.2]])
    assert SELECTIONS["best"]().choose(values, 3, no_lots) == [2, 0, 1]


# a front of four, one point behind two of them, one behind everything
POINTS = torch.tensor([[0.0, 4.0], [1.0, 3.5], [3.0, 2.0], [4.0, 0.0], [0.5, 3.0], [0.0, 0.0]], dtype=torch.float64)


def test_fronts_by_hand():
    assert fronts(POINTS) == [[0, 1, 2, 3], [4], [5]]
    # equal points do not dominate each other
    assert fronts(torch.ones(3, 2)) == [[0, 1, 2]]


def test_crowding_by_hand():
    # ends infinite; the others: neighbours' boxes over ranges of 4 and 4
    assert crowding(POINTS[:4]) == [float("inf"), (3 - 0) / 4 + (4 - 2) / 4, (4 - 1) / 4 + (3.5 - 0) / 4, float("inf")]


def test_pareto_takes_whole_fronts_and_the_loneliest_of_the_last():
    choose = SELECTIONS["pareto"]().choose
    assert choose(POINTS, 2, no_lots) == [0, 3]
    assert choose(POINTS, 3, no_lots) == [0, 3, 2]
    assert choose(POINTS, 5, no_lots) == [0, 3, 2, 1, 4]
    broken = torch.tensor([[float("nan"), 9.0], [0.0, 0.0]])
    # what is no number is behind everything in its value, and yet first in the other
    assert sorted(choose(broken, 2, no_lots)) == [0, 1]


def test_a_lottery_is_a_function_of_its_lots():
    lots = torch.tensor([0.9, 0.1, 0.5])
    assert SELECTIONS["random"]().choose(torch.zeros(3, 1), 2, lambda count: lots[:count]) == [1, 2]
