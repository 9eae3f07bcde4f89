"""A room imports only from lower floors, nothing goes in circles, and the engine knows no method by name."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import img2img
from img2img.config import config_files
from img2img.data.synthesis import SYNTHESES
from img2img.flows import FLOWS
from img2img.losses import CRITIC_LOSSES, FITNESS, GAMES, GENERATOR_LOSSES
from img2img.networks import CRITICS, GENERATORS

ROOT = Path(img2img.__file__).parent

# bottom to top; rooms of one floor may import from those before them
FLOORS = (
    ("errors", "types", "config", "randomness", "files", "progress"),
    ("compute",),
    ("images", "networks"),
    ("metrics",),
    ("data",),
    ("doctor",),
    ("losses",),
    ("flows",),
    ("engine",),
    ("zoo",),
    ("weights",),
    ("recipes",),
    ("inference",),
    ("export",),
    ("reports",),
    ("demo",),
    ("evaluation", "training"),
    ("experiments",),
    ("commands",),
)
ORDER = {room: place for place, room in enumerate(room for floor in FLOORS for room in floor)}
MODULES = {
    ".".join(("img2img", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}


def imported(tree: ast.AST, module: str, package: bool, modules: object = MODULES) -> set[str]:
    """Modules of the project that a module imports anywhere, inside functions too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in modules}
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")
            base = base[: len(base) - node.level + package] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                found |= {inner if inner in modules else origin} & set(modules)
    return found - {module}


def graph() -> dict[str, set[str]]:
    return {
        module: imported(ast.parse(path.read_text(encoding="utf-8")), module, path.name == "__init__.py")
        for module, path in MODULES.items()
    }


def room(module: str) -> str | None:
    """The room a module lies in; None for the package itself and ``__main__``, which stand above all."""
    parts = module.split(".")
    return None if len(parts) == 1 or parts[1] == "__main__" else parts[1]


def upward(edges: dict[str, set[str]]) -> list[str]:
    """Imports that do not go down."""
    wrong = []
    for module, targets in edges.items():
        here = room(module)
        for target in sorted(targets):
            there = room(target)
            if here is not None and there is not None and here != there and ORDER[there] >= ORDER[here]:
                wrong.append(f"{module} imports {target}")
    return wrong


def test_every_room_has_a_floor():
    assert {room(module) for module in MODULES} - {None} == set(ORDER)


def test_rooms_import_only_from_lower_floors():
    edges = graph()
    assert sum(map(len, edges.values())) > 100
    assert upward(edges) == []


def test_no_circles_among_modules():
    # only the version is read from the package itself, which imports nothing when it is imported
    edges = {module: targets - {"img2img"} for module, targets in graph().items() if module != "img2img"}
    # a package's __init__ is run before its modules: they may not need each other in turn
    TopologicalSorter(edges).prepare()


def test_the_package_itself_imports_nothing_at_once():
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    top = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
    assert imported(top, "img2img", True) == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def f():\n    from img2img.commands import main", {"img2img.commands"}),
        ("from img2img import evaluation", {"img2img.evaluation"}),
        ("from img2img import __version__", {"img2img"}),
        ("from ..data import loader", {"img2img.data.loader"}),
        ("import img2img.training.train as t\nimport torch", {"img2img.training.train"}),
    ],
)
def test_the_guard_sees_every_way_to_import(text, found):
    assert imported(ast.parse(text), "img2img.engine.step", False) == found


def test_the_guard_refuses_what_goes_up_or_round():
    assert upward({"img2img.engine.step": {"img2img.recipes.settings", "img2img.types"}}) == [
        "img2img.engine.step imports img2img.recipes.settings"
    ]
    with pytest.raises(CycleError):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()


def names_branched_on(tree: ast.AST) -> set[str]:
    """Strings that code compares with: ==, in (...), match-case, startswith, and the keys of tables asked by name."""
    found: set[str] = set()

    def strings(*nodes: ast.AST) -> None:
        for node in nodes:
            found.update(n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))

    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            strings(node.left, *node.comparators)
        elif isinstance(node, ast.match_case):
            strings(node.pattern)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("startswith", "endswith", "get"):
            strings(*node.args)
    return found


REGISTERS = (CRITIC_LOSSES, FITNESS, GAMES, GENERATOR_LOSSES, FLOWS, CRITICS, GENERATORS, SYNTHESES)
METHOD_NAMES = set(config_files("methods"))
NAMES = METHOD_NAMES | set(config_files("tasks")) | {name for register in REGISTERS for name in register}


@pytest.mark.parametrize("path", sorted((ROOT / "engine").glob("*.py")), ids=lambda path: path.stem)
def test_the_engine_branches_on_no_name(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert names_branched_on(tree) & NAMES == set()
    literals = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    assert literals & METHOD_NAMES == set()


def test_the_engine_knows_losses_networks_and_flows_by_their_protocols_alone():
    classes = {entry.__name__ for register in REGISTERS for entry in register.values()}
    tables = {"CRITICS", "CRITIC_LOSSES", "FITNESS", "FLOWS", "GAMES", "GENERATORS", "GENERATOR_LOSSES", "SYNTHESES"}
    for path in (ROOT / "engine").glob("*.py"):
        nodes = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.ImportFrom)]
        assert {alias.name for node in nodes for alias in node.names} & (classes | tables) == set(), path


@pytest.mark.parametrize(
    "text",
    [
        "if name == 'pan': pass",
        "if loss in ('l1', 'pan'): pass",
        "match m:\n case 'pan': pass",
        "n.startswith('pan')",
        "t.get('pan')",
    ],
)
def test_the_guard_sees_every_branch_on_a_name(text):
    assert "pan" in names_branched_on(ast.parse(text))
