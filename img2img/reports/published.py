"""Figures that others published, to stand beside measured ones: marked as quoted, with their source and protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from img2img.config import build, config_files, options, read_yaml
from img2img.errors import unknown
from img2img.metrics import METRICS


@dataclass(frozen=True)
class Quoted:
    """A published row: values by metric, where they stand, and what they are of as far as that is known."""

    method: str
    values: Mapping[str, float]
    source: str
    protocol: str
    data: str = ""
    certainty: str = ""

    @property
    def origin(self) -> tuple[str, str, str, str]:
        """All that rows of one published table share."""
        return self.source, self.protocol, self.data, self.certainty


@options
class Source:
    """Where figures stand: the paper, the table in it, an address (arXiv id, DOI or URL)."""

    paper: str
    table: str
    address: str


@options
class Published:
    """A published table as its YAML holds it.

    ``protocol`` says how the figures were measured, or begins with ``unknown:`` and says what is known nevertheless;
    ``data`` of what; ``certainty`` how the figures got here. ``rows`` are methods' values in the order of ``metrics``
    (names of this project), null where none is given.
    """

    title: str
    source: Source
    protocol: str
    data: str
    certainty: str
    metrics: tuple[str, ...]
    rows: Mapping[str, tuple[float | None, ...]]

    def __post_init__(self) -> None:
        texts = {
            "title": self.title,
            "source.paper": self.source.paper,
            "source.table": self.source.table,
            "source.address": self.source.address,
            "protocol": self.protocol,
            "data": self.data,
            "certainty": self.certainty,
        }
        for key, text in texts.items():
            if not text.strip():
                raise ValueError(f"{key} is empty; where it is not known, say so (protocol: 'unknown: ...')")
        for name in self.metrics:
            if name not in METRICS:
                raise ValueError(str(unknown("metric", name, METRICS, "metrics")))
        if not self.metrics or len(set(self.metrics)) < len(self.metrics):
            raise ValueError("metrics must be at least one, each once")
        if not self.rows:
            raise ValueError("rows: at least one method is needed")
        for method, values in self.rows.items():
            if len(values) != len(self.metrics):
                raise ValueError(f"rows: {method} has {len(values)} values for {len(self.metrics)} metrics")
            if all(value is None for value in values):
                raise ValueError(f"rows: {method} has no value")

    @property
    def quoted(self) -> tuple[Quoted, ...]:
        """The rows, each with all that must be said of it."""
        source = f"{self.title} ({self.source.paper}, {self.source.table}, {self.source.address})"
        return tuple(
            Quoted(
                method=method,
                values={name: value for name, value in zip(self.metrics, values, strict=True) if value is not None},
                source=source,
                protocol=self.protocol,
                data=self.data,
                certainty=self.certainty,
            )
            for method, values in self.rows.items()
        )


def load(name: str) -> Published:
    """A shipped table by name, or one's own by path (anything ending in .yaml).

    Raises:
        UserError: an unknown name (with the nearest known), a file that cannot be read or breaks the rules.
    """
    files = config_files("published")
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
    elif name in files:
        path = files[name]
    else:
        raise unknown("published table", name, files, "--published")
    return build(Published, read_yaml(path), str(path))
