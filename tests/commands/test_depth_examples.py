"""The commands of docs/data.md on data of other kinds, small: noise in 16 bits, six float bands to one map, labels."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from img2img.commands import main
from img2img.images import Picture, write

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--method", "quick", "generator.width=8", "generator.blocks=1", "train.batch=4",
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


def documented(output: str, root: Path) -> list[str]:
    """The words of the command in docs/data.md that writes to ``runs/OUTPUT``, its data and its run below ``root``."""
    text = (ROOT / "docs/data.md").read_text(encoding="utf-8").replace("\\\n", " ")
    (line,) = re.findall(rf"^img2img (train .*--output runs/{output} .*)$", text, re.MULTILINE)
    words = shlex.split(line)
    for flag, path in (("--data", root / "train"), ("--output", root / "run")):
        words[words.index(flag) + 1] = str(path)
    return words


def trained_and_measured(output: str, root: Path, small: Sequence[str] = SMALL, metrics: str = "psnr,mae") -> dict:
    """The table of weights trained as the command to ``output`` says on ``train``, measured on ``test``."""
    assert main([*documented(output, root), *small]) == 0
    test = ["--weights", f"mine={root / 'run'}", "--data", str(root / "test"), "--metrics", metrics]
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
    found = trained_and_measured("clean", tmp_path)
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
    found = trained_and_measured("moisture", tmp_path)
    assert "every channel, float, data range -0.5 to 0.5" in found["protocol"]
    targets = [(smooth(number, 6)[:, :, 3] - smooth(number, 6)[:, :, 2]) / 2 for number in range(8, 12)]
    blind = np.mean([np.abs(target - np.mean(targets)).mean() for target in targets]) * 255
    assert found["methods"]["mine"]["mae"]["mean"] < blind / 2
    capsys.readouterr()


# grass, road, sky, cars: of the 12 classes those that are there
PALETTE = {2: (40, 160, 60), 4: (128, 64, 128), 7: (70, 130, 230), 11: (220, 20, 60)}


def streets(root: Path, numbers: range, side: int) -> None:
    """Palette PNGs of classes in blocks of 8 px, and photos of the classes' colours, noisy and darker at the right."""
    for folder in ("label", "photo"):
        (root / folder).mkdir(parents=True)
    for number in numbers:
        rng = np.random.default_rng(number)
        classes = np.kron(rng.choice(list(PALETTE), (side // 8, side // 8)), np.ones((8, 8))).astype(np.uint8)
        image = Image.fromarray(classes)
        image.putpalette([level for at in range(12) for level in PALETTE.get(at, (at, at, at))])
        image.save(root / f"label/{number}.png")
        colours = np.array([PALETTE.get(at, (0, 0, 0)) for at in range(12)])[classes]
        photo = colours * np.linspace(1, 0.8, side)[None, :, None] + rng.normal(0, 12, (side, side, 3))
        Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8)).save(root / f"photo/{number}.png")


def test_photos_become_label_maps(tmp_path, capsys):
    for name, numbers in (("train", range(8)), ("test", range(8, 12))):
        streets(tmp_path / name, numbers, 32)
    measures = ["pixel_accuracy", "class_accuracy", "mean_iou"]
    found = trained_and_measured("to_label", tmp_path, metrics=",".join(measures))
    got = {name: found["methods"]["mine"][name]["mean"] for name in measures}
    assert got["pixel_accuracy"] > 0.9, got
    assert got["mean_iou"] > 0.7, got
    words = ["--weights", str(tmp_path / "run"), "--input", str(tmp_path / "test/photo")]
    assert main(["infer", *words, "--output", str(tmp_path / "made")]) == 0
    made, known = (Image.open(tmp_path / folder / "8.png") for folder in ("made", "test/label"))
    assert made.mode == "P"
    assert made.getpalette()[:36] == known.getpalette()[:36]
    # the palette's numbers are the classes
    assert (np.asarray(made) == np.asarray(known)).mean() > 0.9
    capsys.readouterr()


def test_label_maps_become_photos(tmp_path, capsys):
    for name, numbers in (("train", range(3)), ("test", range(4, 5))):
        streets(tmp_path / name, numbers, 64)
    small = ["generator.width=4", "critic.width=4", "train.epochs=null", "train.steps=2", "train.batch=1",
             "data.crop=64", "data.load=null", "train.precision=fp32", "train.report=false"]  # fmt: skip
    found = trained_and_measured("to_photo", tmp_path, small)
    assert np.isfinite(found["methods"]["mine"]["psnr"]["mean"])
    words = ["--weights", str(tmp_path / "run"), "--input", str(tmp_path / "test/label")]
    assert main(["infer", *words, "--output", str(tmp_path / "made")]) == 0
    made = Image.open(tmp_path / "made/4.png")
    assert (made.mode, made.size) == ("RGB", (64, 64))
    capsys.readouterr()
