"""Which candidates become parents: by their sum of values, by non-dominated sorting, or by lot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from img2img.config import options

# so many numbers, uniform in [0, 1), the same in every process
Lots = Callable[[int], Tensor]


class Selection(Protocol):
    """Chooses the next parents."""

    def choose(self, values: Tensor, count: int, lots: Lots) -> list[int]:
        """Indices of the ``count`` survivors, the first of them the one that results are made with.

        Args:
            values: (candidates, k) values of each candidate, larger is fitter; the same in every process.
        """
        ...


def _ranked(values: Tensor) -> Tensor:
    """The same on the CPU in float64, nan behind everything."""
    largest = float("inf")
    return torch.nan_to_num(values.detach().cpu().double(), nan=-largest, posinf=largest, neginf=-largest)


@options
class Best:
    """The largest sums of values survive (E-GAN, Wang et al. 2019, algorithm 1); ties go to the earlier candidate."""

    def choose(self, values: Tensor, count: int, lots: Lots) -> list[int]:
        # F = Fq + gamma Fd, summed in the precision that it was computed in
        sums = _ranked(values.sum(1))
        return sorted(range(len(sums)), key=lambda candidate: (-sums[candidate].item(), candidate))[:count]


@options
class Pareto:
    """NSGA-II (Deb et al. 2002): fronts of candidates that none dominates, in a front the loneliest first."""

    needs_values: ClassVar[int] = 2

    def choose(self, values: Tensor, count: int, lots: Lots) -> list[int]:
        points = _ranked(values)
        chosen: list[int] = []
        for front in fronts(points):
            lonely = crowding(points[front])
            order = sorted(range(len(front)), key=lambda place: (-lonely[place], front[place]))
            chosen += [front[place] for place in order]
            if len(chosen) >= count:
                break
        return chosen[:count]


@options
class Lottery:
    """Any candidates, by lot: the control that a selection must beat."""

    def choose(self, values: Tensor, count: int, lots: Lots) -> list[int]:
        return torch.argsort(lots(len(values)))[:count].tolist()


SELECTIONS: dict[str, type] = {"best": Best, "pareto": Pareto, "random": Lottery}


def dominates(one: Tensor, other: Tensor) -> bool:
    """Whether ``one`` (k,) is nowhere worse than ``other`` and somewhere better (Deb et al. 2002, section III)."""
    return bool((one >= other).all() and (one > other).any())


def fronts(points: Tensor) -> list[list[int]]:
    """Indices of (n, k) points by front: those that no other dominates, then those that only these dominate, ..."""
    left = list(range(len(points)))
    found = []
    while left:
        front = [i for i in left if not any(dominates(points[j], points[i]) for j in left if j != i)]
        found.append(front)
        left = [i for i in left if i not in front]
    return found


def crowding(front: Tensor) -> Sequence[float]:
    """Crowding distance of each of (n, k) points of a front: the sides of the box its neighbours leave it, summed over
    the values, each relative to the front's range; the ends are infinitely lonely (Deb et al. 2002, section III-B).
    """
    distance = [0.0] * len(front)
    for value in front.T:
        order = torch.argsort(value, stable=True).tolist()
        distance[order[0]] = distance[order[-1]] = float("inf")
        span = (value[order[-1]] - value[order[0]]).item()
        if not 0 < span < float("inf"):
            continue
        for below, middle, above in zip(order, order[1:], order[2:], strict=False):
            distance[middle] += (value[above] - value[below]).item() / span
    return distance
