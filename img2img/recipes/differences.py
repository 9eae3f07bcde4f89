"""Where two configurations differ, by dotted key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from img2img.config import plain


def differences(one: Any, other: Any, above: str = "") -> list[str]:
    """Dotted keys at which two trees of plain values differ, sorted; a key that is absent counts as null."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = sorted({*one, *other}, key=str)
        return [
            name
            for key in keys
            for name in differences(one.get(key), other.get(key), f"{above}.{key}" if above else str(key))
        ]
    return [] if plain(one) == plain(other) else [above]


def value_at(tree: Any, dotted: str) -> Any:
    """The value at a dotted key, None where there is none; a part of digits may be a number (``layers.4``)."""
    for part in dotted.split("."):
        if not isinstance(tree, Mapping):
            return None
        tree = tree.get(part, tree.get(int(part)) if part.isdigit() else None)
    return tree
