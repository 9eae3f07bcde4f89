"""A hook of mkdocs: each model card of docs/models stands in the site's navigation, below their list."""

from pathlib import Path
from typing import Any


def on_config(config: Any) -> Any:
    """Append the cards to the section that begins with models/README.md."""
    cards = sorted(Path(config["docs_dir"]).glob("models/*.md"))
    for section in (part for entry in config["nav"] for part in entry.values() if isinstance(part, list)):
        if section[0] == "models/README.md":
            section += [f"models/{card.name}" for card in cards if card.name != "README.md"]
    return config
