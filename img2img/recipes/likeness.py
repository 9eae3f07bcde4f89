"""Whether two methods have the same networks, and by which key they first differ where they have not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from img2img.config import choose, plain
from img2img.networks import CRITICS, GENERATORS
from img2img.recipes.differences import differences, value_at
from img2img.recipes.method import Method, Spec, by_name, name_of


@dataclass(frozen=True)
class Difference:
    """A dotted key of a configuration, and its values in two methods (None: it has none)."""

    key: str
    theirs: Any
    ours: Any


def first_difference(theirs: Method, ours: Method, side: Literal["generator", "critic"]) -> Difference | None:
    """The first key by which the networks of a side differ, defaults included; None where they are alike.

    A network's name comes before its options. How results are made (``generator.inference``) is no part of a network.
    """
    other, own = _networks(theirs, side), _networks(ours, side)
    if other.keys() != own.keys():
        if not other or not own:
            return Difference(side, getattr(theirs, side), getattr(ours, side))
        return Difference("flow", name_of(theirs.flow), name_of(ours.flow))
    for name, (key, mine) in own.items():
        found = sorted(differences(other[name][1], mine), key=lambda option: option != "name")
        if found:
            at = key if found[0] == "name" else f"{key}.{found[0]}"
            return Difference(at, value_at(other[name][1], found[0]), value_at(mine, found[0]))
    return None


def _networks(method: Method, side: str) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """By name of each network: the key that sets it, and its name and all options."""
    flow = method.build_flow()
    spec: Spec | None = method.generator_spec()[0] if side == "generator" else method.critic
    if spec is None:
        return {}
    names = tuple(flow.sides if side == "generator" else flow.critics)
    register = GENERATORS if side == "generator" else CRITICS
    return {
        name: (key, {"name": name_of(each), **plain(choose(register, each, side, key))})
        for name, each, key in by_name(spec, names, side)
    }
