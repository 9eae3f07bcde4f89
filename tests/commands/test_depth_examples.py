"""The examples of docs/data.md on data of other kinds, small: noise in 16 bits, six float bands to one map."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from img2img.commands import main
from img2img.images import Picture, write

SMALL = ["--task", "paired", "--method", "quick", "generator.width=8", "generator.blocks=1", "train.batch=4",
         "train.steps=150", "data.crop=32", "data.load=null", "train.precision=fp32", "train.report=false",
         "optimizers.generator.lr=3e-3", "schedule.warmup_steps=5", "ema_half_life_images=50"]  # fmt: skip


def smooth(seed: int, channels: int) -> np.ndarray:
    """(32, 32, C) in [0, 1]: waves of two directions."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:32, :32][..., None] / 32
    waves = rng.uniform(0.5, 2, (4, channels))
    return 0.5 + 0.25 * (np.sin(6 * waves[0] * rows + 6 * waves[1]) + np.cos(6 * waves[2] * columns + 6 * waves[3]))


def put(root: Path, side: str, pictures: list[np.ndarray]) -> None:
    (root / side).mkdir(parents=True)
    for number, pixels in enumerate(pictures):
        write(root / side / f"{number}.tif", Picture(pixels))


def trained_and_measured(root: Path, *words: str) -> dict:
    """The table of weights trained on the pairs in ``train``, measured on those in ``test``."""
    train = ["train", "--data", str(root / "train"), "--output", str(root / "run")]
    assert main([*train, *SMALL, *words]) == 0
    test = ["--weights", f"mine={root / 'run'}", "--data", str(root / "test"), "--metrics", "psnr,mae"]
    assert main(["evaluate", *test, "--output", str(root / "report"), "--format", "json"]) == 0
    return json.loads((root / "report/table.json").read_text())


def test_noise_is_taken_out_of_16_bit_grey_pictures(tmp_path, capsys):
    """Noise of 60 of 65535 levels, a quarter of a level of 8 bits: what is gained can be measured at 16 bits alone."""
    for name, numbers in (("train", range(8)), ("test", range(8, 12))):
        clean = [1000 + 2000 * smooth(number, 1) for number in numbers]
        noisy = [
            each + np.random.default_rng(number).normal(0, 60, each.shape)
            for number, each in zip(numbers, clean, strict=True)
        ]
        put(tmp_path / name, "clean", [np.rint(each).astype(np.uint16) for each in clean])
        put(tmp_path / name, "noisy", [np.rint(each).astype(np.uint16) for each in noisy])
    found = trained_and_measured(
        tmp_path, "data.source=noisy", "data.target=clean", "data.range={source: [0, 4095], target: [0, 4095]}"
    )
    assert "16 bit, data range 0 to 4095" in found["protocol"]
    psnr = {method: values["psnr"]["mean"] for method, values in found["methods"].items()}
    # by the noise's variance over the stated range
    assert psnr["input (untouched)"] == pytest.approx(20 * np.log10(4095 / 60), abs=0.3)
    assert psnr["mine"] > psnr["input (untouched)"] + 1.5
    capsys.readouterr()


def test_six_float_bands_become_one_map(tmp_path, capsys):
    """A difference of two of the bands is learnt far better than a constant would be."""
    for name, numbers in (("train", range(8)), ("test", range(8, 12))):
        bands = [(smooth(number, 6) * 3000 - 200).astype(np.float32) for number in numbers]
        put(tmp_path / name, "bands", bands)
        put(tmp_path / name, "map", [(each[:, :, 3:4] - each[:, :, 2:3]) / np.float32(6000) for each in bands])
    found = trained_and_measured(
        tmp_path, "data.source=bands", "data.target=map", "data.range={source: minmax, target: [-0.5, 0.5]}"
    )
    assert "every channel, float, data range -0.5 to 0.5" in found["protocol"]
    targets = [(smooth(number, 6)[:, :, 3] - smooth(number, 6)[:, :, 2]) / 2 for number in range(8, 12)]
    blind = np.mean([np.abs(target - np.mean(targets)).mean() for target in targets]) * 255
    assert found["methods"]["mine"]["mae"]["mean"] < blind / 2
    capsys.readouterr()
