"""A small training and evaluation through the commands, and what to look at afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors import safe_open

from conftest import picture
from img2img.commands import main
from img2img.metrics import measure, read_protocol

SMALL = ["generator.width=8", "data.crop=32", "train.batch=2", "train.steps=4", "train.precision=fp32",
         "train.validate_every=2", "train.checkpoint_every=2", "train.log_every=1"]  # fmt: skip


def train(data: Path, output: object, *more: str) -> int:
    """The exit status of four steps of l1 on pairs."""
    words = ["--task", "derain", "--method", "l1", "--data", str(data), "--output", str(output)]
    return main(["train", *words, *SMALL, *more])


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def make_pairs(folder: Path, numbers: range = range(6)) -> Path:
    """Pairs side by side, clean left and darker right."""
    for number in numbers:
        clean = picture(number)
        save(folder / f"{number}.png", np.concatenate([clean, clean // 2], 1))
    return folder


def lines(path: Path) -> list[dict]:
    """The records of a log."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def header(path: Path) -> dict:
    """What a weights file says of itself."""
    with safe_open(str(path), framework="pt") as file:
        (value,) = file.metadata().values()
        return json.loads(value)


def tree(root: Path) -> dict[str, bytes]:
    """All files below a folder with their bytes."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def make_folders(root: Path) -> Path:
    """Targets, the same pictures darker, and the targets again under another ending."""
    for number in range(3):
        save(root / f"targets/{number}.png", picture(number))
        save(root / f"dark/{number}.png", picture(number) // 2)
        save(root / f"same/{number}.bmp", picture(number))
    return root


def evaluate(*words: object) -> int:
    """The exit status of an evaluation."""
    return main(["evaluate", *map(str, words)])


def pixels(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 of a file, as Pillow reads it."""
    return np.asarray(Image.open(path).convert("RGB"))


def taken(name: str, made: np.ndarray, target: np.ndarray, protocol: str = "rgb") -> float:
    """A measure of one pair under a protocol."""
    return measure(read_protocol(protocol), [name], made, target)[name].value
