"""Files and functions that one reads at a glance, and an engine whose types say what they are."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import img2img

PACKAGE = Path(img2img.__file__).parent
FILES = sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.js")])
MOST_LINES, MOST_IN_A_FUNCTION = 400, 60


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_and_no_function_is_too_long(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    if path.suffix == ".py":
        functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
        long = {node.name for node in functions if (node.end_lineno or 0) - node.lineno + 1 > MOST_IN_A_FUNCTION}
        assert long == set()


# what is saved and loaded again is a tree of plain values and tensors
STATE = ("state_dict", "load_state_dict", "local_state", "load_local_state")


@pytest.mark.parametrize("path", sorted((PACKAGE / "engine").glob("*.py")), ids=lambda path: path.stem)
def test_the_engine_has_no_any_but_in_what_is_saved(path):
    text = path.read_text(encoding="utf-8")
    assert "type: ignore" not in text
    allowed = set()
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in STATE:
            allowed |= {id(child) for child in ast.walk(node)}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "Any"]
    assert [node.lineno for node in names if id(node) not in allowed] == []
