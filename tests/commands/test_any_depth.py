"""Data of any type and number of channels through train, infer and evaluate with an identity."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from small_run import header, tree

from img2img.commands import main
from img2img.images import Picture, write
from img2img.images.raster import read_any

FULL = {"uint8": 255, "uint16": 65535}
# an ending that holds such samples, floats alternately as TIFF and .npy
ENDINGS = {("uint8", 1): ".png", ("uint8", 3): ".png", ("uint16", 1): ".png", ("uint16", 3): ".png",
           ("uint8", 2): ".npy", ("float32", 2): ".npy", ("float32", 4): ".npy"}  # fmt: skip
LOW, HIGH = -2.0, 6.0


def samples(dtype: str, channels: int, seed: int) -> np.ndarray:
    """(20, 24, C) of all levels of the type, or of [-2, 6]."""
    rng = np.random.default_rng(seed)
    if dtype == "float32":
        return (LOW + (HIGH - LOW) * rng.random((20, 24, channels))).astype(np.float32)
    return rng.integers(0, FULL[dtype], (20, 24, channels), dtype, endpoint=True)


def put(folder: Path, side: str, dtype: str, channels: int, ending: str, numbers: range = range(3)) -> None:
    (folder / side).mkdir(parents=True, exist_ok=True)
    for number in numbers:
        write(folder / side / f"{number}{ending}", Picture(samples(dtype, channels, number)))


def train(data: Path, output: Path, *more: str) -> int:
    """The exit status of a step of a network that begins as the identity, and of equal sides learns nothing else."""
    return main(["train", "--task", "paired", "--method", "quick", "--data", str(data), "--output", str(output),
                 "generator.width=4", "generator.blocks=1", "train.steps=1", "train.batch=1", "data.crop=16",
                 "data.load=null", "train.precision=fp32", "train.validation_images=1", "data.layout=two_folders",
                 "train.report=false", *more])  # fmt: skip


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_files_come_back_as_they_are(tmp_path, capsys, dtype, channels):
    ending = ENDINGS.get((dtype, channels), ".tif")
    for side in ("source", "target"):
        put(tmp_path / "data", side, dtype, channels, ending)
    stated = [f"data.range.{side}=[{LOW},{HIGH}]" for side in ("source", "target")] if dtype == "float32" else []
    stated += ["data.channels=1"] if (dtype, channels) == ("uint8", 1) else []
    assert train(tmp_path / "data", tmp_path / "run", *stated) == 0
    form = header(tmp_path / "run/weights/best.safetensors").get("forms", {"source": None})["source"]
    low, high = (LOW, HIGH) if dtype == "float32" else (0, FULL[dtype])
    plain = (dtype, channels) == ("uint8", 3)
    assert form == (None if plain else {"dtype": dtype, "channels": channels, "range": [low, high], "pages": False})

    words = ["--weights", str(tmp_path / "run"), "--input", str(tmp_path / "data/source")]
    assert main(["infer", *words, "--output", str(tmp_path / "made")]) == 0
    assert sorted(tree(tmp_path / "made")) == [f"{number}{ending}" for number in range(3)]
    for number in range(3):
        made = read_any(tmp_path / f"made/{number}{ending}").pixels
        assert made.dtype == dtype
        # the last bit of float32 in [-1, 1], brought to the range
        tolerance = (high - low) * 2**-23 if dtype == "float32" else 0
        assert np.abs(made.astype(float) - samples(dtype, channels, number)).max() <= tolerance

    words = ["--weights", f"same={tmp_path / 'run'}", "--data", str(tmp_path / "data"), "--metrics", "psnr,mae"]
    assert main(["evaluate", *words, "--output", str(tmp_path / "report"), "--format", "json"]) == 0
    table = json.loads((tmp_path / "report/table.json").read_text())
    assert table["methods"]["same"]["mae"]["mean"] <= (1e-5 if dtype == "float32" else 0)
    assert "alpha" not in str(table["notes"])
    depth = {"uint8": "8 bit, data range 255", "uint16": "16 bit, data range 65535",
             "float32": "float, data range -2 to 6"}[dtype]  # fmt: skip
    assert f"{'RGB' if channels == 3 else 'every channel'}, {depth}" in table["protocol"]
    capsys.readouterr()
