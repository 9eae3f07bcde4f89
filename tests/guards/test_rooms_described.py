"""docs/design.md, the only description of the house, names every room there is, from the bottom up."""

from __future__ import annotations

import re
from pathlib import Path

from test_layers import FLOORS

ROOT = Path(__file__).resolve().parents[2]
GROUND, *UPPER = FLOORS


def described() -> list[str]:
    """The lines of the plan under the heading Rooms."""
    section = (ROOT / "docs/design.md").read_text(encoding="utf-8").partition("\n## Rooms\n")[2]
    return section.partition("```")[2].partition("```")[0].splitlines()


def test_rooms_stand_in_the_order_of_their_floors():
    rooms = [match[1] for line in described() if (match := re.match(r"  (\w+)/ ", line))]
    assert rooms == [room for floor in UPPER for room in floor]


def test_the_ground_is_named():
    ground = next(line for line in described() if line.startswith("  errors "))
    assert set(GROUND) <= set(ground.split("    ")[0].split())


def test_the_folders_beside_the_package_are_there():
    top = [match[1] for line in described() if (match := re.match(r"(\w+)/", line))]
    assert top == ["img2img", "configs", "benchmarks", "tools", "tests"]
    assert all((ROOT / name).is_dir() for name in top)
