"""Where shipped weights lie, and finding one by its name."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

from img2img.errors import UserError, unknown
from img2img.zoo.entry import ZooEntry, read_entry

ENDING = ".safetensors"


def folder() -> Path:
    """The folder of the shipped weights, in a checkout as in an installed package."""
    return Path(str(resources.files("img2img.zoo")))


def names() -> list[str]:
    """The names of all shipped weights, sorted."""
    return sorted(path.stem for path in folder().glob("*.yaml"))


def entry_of(name: str) -> ZooEntry:
    """What is said of shipped weights.

    Raises:
        UserError: no weights of that name are shipped, with the nearest that are.
    """
    if name not in names():
        raise unknown("weights", name, names())
    return read_entry(folder() / f"{name}.yaml")


def shipped_file(name: str) -> Path:
    """The file of shipped weights, compared with its checksum.

    Raises:
        UserError: no weights of that name are shipped; their file is missing, or not the one that was shipped.
    """
    entry, path = entry_of(name), folder() / f"{name}{ENDING}"
    if not path.is_file():
        raise UserError(f"{name}: its file {path} is missing; install img2img again")
    if hashlib.sha256(path.read_bytes()).hexdigest() != entry.sha256:
        raise UserError(
            f"{name}: {path} is damaged (its sha256 is not the one it was shipped with); install img2img again"
        )
    return path
