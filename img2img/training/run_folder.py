"""The run directory: everything of one training, always whole on disk."""

from __future__ import annotations

import csv
import io
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from img2img.config import dump_yaml
from img2img.errors import RunError, UserError
from img2img.files import atomic, atomic_write_bytes, check_folder, json_bytes

CHECKPOINT_FORMAT = "img2img checkpoint 1"
LOGS = ("log.jsonl", "validation.jsonl")


@dataclass(frozen=True)
class Run:
    """Paths and file formats of a run directory (docs/design.md lists them)."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def environment(self) -> Path:
        return self.folder / "environment.json"

    @property
    def manifest(self) -> Path:
        return self.folder / "data_manifest.json"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    @property
    def pairs(self) -> Path:
        return self.folder / "pairs.png"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def curves(self) -> Path:
        return self.folder / "curves.png"

    @property
    def events(self) -> Path:
        return self.folder / "tensorboard"

    def sample_sheet(self, step: int) -> Path:
        """The sheet of results after a step."""
        return self.folder / "samples" / f"step-{step}.png"

    def sample_sheets(self) -> dict[int, Path]:
        """The sheets that are there, by step, rising."""
        found = {path.stem.removeprefix("step-"): path for path in (self.folder / "samples").glob("step-*.png")}
        return {int(step): found[step] for step in sorted(filter(str.isdecimal, found), key=int)}

    def points(self, step: int) -> Path:
        """What the generator made of noise after a step, where that are vectors, with the critic's surface."""
        return self.folder / "samples" / f"step-{step}.npz"

    def weights(self, which: str) -> Path:
        """The weights file ``last`` or ``best``."""
        return self.folder / "weights" / f"{which}.safetensors"

    def create(self) -> None:
        """Make the directory.

        Raises:
            UserError: it cannot be made or written.
        """
        check_folder(self.folder, "--output")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"--output {self.folder}: cannot be made: {error.strerror}") from error

    def remove_stale(self) -> None:
        """Remove half-written temporary files that a kill left behind."""
        for path in self.folder.glob("**/.*.tmp"):
            path.unlink(missing_ok=True)

    def write_json(self, path: Path, value: Any) -> None:
        """Replace a JSON file, whole."""
        with atomic(path) as temporary:
            temporary.write_bytes(json_bytes(json.dumps(value, indent=1, ensure_ascii=False) + "\n"))

    def write_yaml(self, path: Path, value: Mapping[str, Any]) -> None:
        """Replace a YAML file, whole."""
        with atomic(path) as temporary:
            temporary.write_text(dump_yaml(value), encoding="utf-8")

    def read_json(self, path: Path) -> Any:
        """What a JSON file of the run holds.

        Raises:
            UserError: it is missing or damaged.
        """
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read ({error}); is this a run directory?") from error

    def append(self, name: str, record: Mapping[str, Any]) -> None:
        """One line of a log."""
        path = self.folder / name
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise RunError(f"{path}: cannot be written: {error.strerror}") from error

    def write_rows(self, step: int, rows: Sequence[tuple[str, str, float, str]]) -> None:
        """The values of a validation as CSV: image, metric, value in full precision, reason where there is none."""
        lines = [
            ("image", "metric", "value", "reason"),
            *((name, metric, repr(value), reason) for name, metric, value, reason in rows),
        ]
        path = self.folder / "validation" / f"step-{step}.csv"
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(lines)
        # names as their bytes are, be they UTF-8 or not
        atomic_write_bytes(path, text.getvalue().encode("utf-8", "surrogateescape"))

    def log_lengths(self) -> dict[str, int]:
        """Bytes of each log, for the checkpoint."""
        paths = {name: self.folder / name for name in LOGS}
        return {name: path.stat().st_size if path.exists() else 0 for name, path in paths.items()}

    def cut_logs(self, lengths: Mapping[str, int]) -> None:
        """Take back what was logged after the checkpoint."""
        for name in LOGS:
            path = self.folder / name
            if path.exists() and path.stat().st_size > lengths.get(name, 0):
                os.truncate(path, lengths.get(name, 0))

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Replace the checkpoint: beside, to the disk, then renamed."""
        with atomic(self.checkpoint) as temporary:
            torch.save({"format": CHECKPOINT_FORMAT, **state}, temporary)

    def load_checkpoint(self, device: torch.device) -> dict[str, Any] | None:
        """The state, or None where there is none yet.

        Raises:
            UserError: the file is something else, or broken.
        """
        if not self.checkpoint.exists():
            return None
        try:
            with warnings.catch_warnings(action="ignore"):  # torch has its own lines about foreign pickles
                state = torch.load(self.checkpoint, map_location=device, weights_only=True)
        except Exception as error:  # torch raises many kinds for a foreign or broken file
            raise UserError(
                f"{self.checkpoint}: not a checkpoint of this program, or damaged; train with another --output"
            ) from error
        if not isinstance(state, dict) or state.get("format") != CHECKPOINT_FORMAT:
            raise UserError(f"{self.checkpoint}: not a checkpoint of this program; train with another --output")
        return state
