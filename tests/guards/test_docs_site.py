"""The site of docs: each page can be reached, each name of the API exists, nothing is asked of other machines."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def pages(nav: Any) -> Iterator[str]:
    """The files that a navigation leads to."""
    if isinstance(nav, str):
        yield nav
    else:
        for part in nav.values() if isinstance(nav, dict) else nav:
            yield from pages(part)


def test_every_page_stands_in_the_navigation_once():
    # the hook of the site adds the cards
    cards = {f"models/{path.name}" for path in (ROOT / "docs/models").glob("*.md")} - {"models/README.md"}
    there = {str(path.relative_to(ROOT / "docs")) for path in ROOT.glob("docs/**/*.md")}
    named = list(pages(SITE["nav"]))
    assert len(named) == len(set(named))
    assert set(named) == there - cards


def names() -> list[str]:
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("docs/api/*.md")))
    return re.findall(r"^::: (\S+)$", text, re.MULTILINE)


@pytest.mark.parametrize("name", names())
def test_every_name_of_the_api_pages_exists(name):
    try:
        found: Any = import_module(name)
    except ModuleNotFoundError:
        found = getattr(import_module(name.rpartition(".")[0]), name.rpartition(".")[2])
    assert found.__doc__


def test_no_font_and_no_script_of_other_machines_is_asked_for():
    assert SITE["theme"]["font"] is False
    assert [script for script in SITE["extra"]["polyfills"] if "//" in script] == []
    assert all((ROOT / "docs" / script).is_file() for script in SITE["extra"]["polyfills"])


@pytest.mark.skipif(find_spec("material") is None, reason="needs the extra docs")
def test_the_site_builds_without_a_warning_and_asks_nothing_of_others(tmp_path):
    words = ["-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    built = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert re.findall(r"<(?:script|img|iframe)[^>]* src=\"?(?:https?:)?//[^ >]*", text) == []
        assert re.findall(r"<link[^>]* href=\"?(?:https?:)?//[^ >]*", text) == []
