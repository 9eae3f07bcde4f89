"""Levels that mean something else than brightness: what is said of them, and that its cure helps."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from planted import LABELS, label, made, save, scene

from img2img.doctor import Diagnosis, examine, quick
from img2img.doctor.levels import own_depth
from img2img.images import Picture, write
from img2img.recipes.settings import resolve

COUNT = 8


def look(root: Path, task: str = "paired", **options: object) -> Diagnosis:
    return examine(resolve(task, None, str(root), None, ["data.crop=64", "data.load=null"]).data, task, **options)


def classes(seed: int) -> np.ndarray:
    """(H, W) numbers 0 to 11 of a label map."""
    return (label(seed)[:, :, None] == LABELS).all(3).argmax(2).astype(np.uint8) * 2 + (np.arange(128) > 64)


def twelve_bits(seed: int) -> np.ndarray:
    levels = scene(seed).mean(2).astype(np.uint16) << 4
    levels[0, :2] = 0, 4095
    return levels


# depth of the targets, the levels named, and what they are to be multiplied by
NARROW = {
    "labels": (lambda seed: classes(seed), "0 to 11 of 255", 23),
    "masks": (lambda seed: (classes(seed) > 5).astype(np.uint8), "0 to 1 of 255", 255),
    "12 bits": (twelve_bits, "0 to 4,095 of 65,535", 16),
    "labels of 16 bits": (lambda seed: classes(seed).astype(np.uint16), "0 to 11 of 65,535", 5957),
}


def set_of(root: Path, target: object, factor: int = 1) -> Path:
    for number in range(COUNT):
        save(root / f"source/{number}.png", scene(number))
        pixels = target(number) * factor
        (root / "target").mkdir(exist_ok=True)
        write(root / f"target/{number}.png", Picture(pixels[:, :, None].astype(target(number).dtype)))
    return root


@pytest.mark.parametrize("hasty", [False, True], ids=["whole", "quick"])
@pytest.mark.parametrize("kind", NARROW)
def test_few_levels_are_said_and_never_called_blank(kind, hasty, tmp_path):
    target, levels, factor = NARROW[kind]
    (finding,) = look(set_of(tmp_path, target), quick=hasty).findings
    assert (finding.kind, finding.weight) == ("few_levels", "wrong")
    assert finding.text == f"pictures (target) use levels {levels}: nearly black to a network"
    assert f"multiply every level by {factor} " in finding.fix
    assert "remove" not in finding.fix


@pytest.mark.parametrize("kind", NARROW)
def test_the_cure_cures(kind, tmp_path):
    target, _, _ = NARROW[kind]
    (finding,) = look(set_of(tmp_path / "set", target)).findings
    factor = int(re.search(r"multiply every level by (\d+)", finding.fix)[1])
    assert look(set_of(tmp_path / "cured", target, factor)).findings == ()


def test_training_says_it_too(tmp_path):
    set_of(tmp_path, NARROW["masks"][0])
    lines = quick(resolve("paired", None, str(tmp_path), None, []).data, "paired")
    assert any("use levels 0 to 1 of 255" in line and "multiply every level by 255" in line for line in lines)


def test_a_picture_of_nearly_one_colour_has_its_levels(tmp_path):
    set_of(tmp_path, lambda seed: scene(seed).mean(2).astype(np.uint8))
    save(tmp_path / "target/0.png", np.indices((96, 128)).sum(0).astype(np.uint8) % 2 + 200)
    (finding,) = look(tmp_path).findings
    assert finding.text == "1 picture is blank (one colour or nearly one)"
    assert finding.spots[0].text == "source/0.png (target): levels 200 to 201 of 255"


def test_lines_in_alpha_are_told_from_blank_pictures(tmp_path):
    for number in range(COUNT):
        alpha = 255 - made("edges", scene(number), number)[:, :, :1]
        save(tmp_path / f"source/{number}.png", np.dstack([np.zeros((96, 128, 3), np.uint8), alpha]))
        save(tmp_path / f"target/{number}.png", scene(number))
    for hasty in (False, True):
        (finding,) = look(tmp_path, quick=hasty).findings
        assert (finding.kind, finding.weight) == ("transparent", "wrong")
        # sources and targets are counted alike
        assert "8 of 16 pictures are transparent in parts" in finding.text
        assert "8 of them are of one colour" in finding.text
        assert "-alpha remove" in finding.fix


def test_transparent_files_of_both_sides_are_counted_of_all_files(tmp_path):
    for side in ("source", "target"):
        for number in range(COUNT):
            alpha = np.full((96, 128), 255 if number or side == "target" else 0, np.uint8)
            alpha[:20] = 9 * (number % 2)
            save(tmp_path / f"{side}/{number}.png", np.dstack([scene(number), alpha]))
    for hasty in (False, True):
        (finding,) = (one for one in look(tmp_path, quick=hasty).findings if one.kind == "transparent")
        assert finding.text.startswith("16 of 16 pictures are transparent in parts")
        assert len(finding.spots) == 2 * COUNT


def test_colours_under_alpha_are_said(tmp_path):
    set_of(tmp_path, lambda seed: scene(seed).mean(2).astype(np.uint8))
    ramp = np.tile(np.arange(128, dtype=np.uint8), (96, 1))
    for number in range(COUNT):
        save(tmp_path / f"source/{number}.png", np.dstack([scene(number), ramp]))
    (finding,) = look(tmp_path).findings
    assert (finding.kind, finding.weight) == ("transparent", "note")
    assert "the colours under it are learnt from" in finding.text


def grey_photo(seed: int) -> np.ndarray:
    """A soft grey photograph, flatter than its source, as a thermal camera or a scan gives it."""
    image = Image.fromarray(scene(seed)).convert("L").resize((32, 24)).resize((128, 96), Image.Resampling.BICUBIC)
    return np.asarray(image)


NO_DRAWINGS = {
    "grey photographs": grey_photo,
    "masks of 0 and 1": lambda seed: (classes(seed) > 5).astype(np.uint8),
    "masks of 0 and 255": lambda seed: (classes(seed) > 5).astype(np.uint8) * 255,
    "numbers of classes": classes,
}


@pytest.mark.parametrize("hasty", [False, True], ids=["whole", "quick"])
@pytest.mark.parametrize("kind", NO_DRAWINGS)
@pytest.mark.parametrize("task", ["edges", "derain", "paired"])
def test_grey_photographs_and_masks_speak_for_no_direction(task, kind, hasty, tmp_path):
    set_of(tmp_path, NO_DRAWINGS[kind])
    kinds = {finding.kind for finding in look(tmp_path, task, quick=hasty).findings}
    assert not kinds & {"direction", "some_swapped"}


@pytest.mark.parametrize("kind", ["edges", "label"])
def test_drawings_and_labels_still_do(kind, tmp_path):
    for number in range(COUNT):
        save(tmp_path / f"source/{number}.png", scene(number))
        save(tmp_path / f"target/{number}.png", made(kind, scene(number), number))
    assert "direction" in {finding.kind for finding in look(tmp_path, "edges", quick=True).findings}
    assert look(tmp_path, "paired").findings == ()


def deep_pairs(root: Path, *, turned: bool = False, shifted: bool = False) -> Path:
    """Pairs side by side of 10 bits in 16, clean left: rain on the right, or on the left if ``turned``."""
    root.mkdir(exist_ok=True)
    for number in range(COUNT):
        clean = scene(number)
        rainy = made("rain", np.roll(clean, (2, 3), (0, 1)) if shifted else clean, number)
        both = np.concatenate([rainy, clean] if turned else [clean, rainy], 1).astype(np.uint16) << 2
        write(root / f"{number}.png", Picture(both))
    return root


@pytest.mark.parametrize("hasty", [False, True], ids=["whole", "quick"])
def test_pairs_of_ten_bits_side_by_side_are_judged_by_their_own_levels(hasty, tmp_path):
    sound = look(deep_pairs(tmp_path / "sound"), "derain", quick=hasty)
    assert {finding.kind for finding in sound.findings} == {"few_levels"}
    assert [re.search(r"level of the (\w+) half by 64 ", found.fix)[1] for found in sound.findings] == ["right", "left"]
    assert all("of 65,535" in finding.text for finding in sound.findings)
    turned = look(deep_pairs(tmp_path / "turned", turned=True), "derain", quick=hasty)
    (finding,) = [found for found in turned.findings if found.kind == "direction"]
    assert "in 8 of 8 judged pairs the target has the streaks" in finding.text


def test_shifts_of_ten_bits_are_found(tmp_path):
    found = look(deep_pairs(tmp_path / "set", shifted=True), "derain").findings
    (shifted,) = [finding for finding in found if finding.kind == "shifted"]
    assert "3 px right, 2 px down" in shifted.text


def test_sides_that_differ_below_eight_bits_are_not_the_same(tmp_path):
    for number in range(COUNT):
        clean = scene(number).astype(np.uint16) << 8
        write(tmp_path / f"{number}.png", Picture(np.concatenate([clean, clean + 7], 1)))
    assert "same_sides" not in {finding.kind for finding in look(tmp_path, "derain").findings}


def test_both_sides_are_scaled_together():
    dark, bright = np.full((2, 2, 3), 1023, np.uint16), np.full((2, 2, 3), 4095, np.uint16)
    scaled = own_depth({"source": dark, "target": bright})
    assert (int(scaled["source"].max()), int(scaled["target"].max())) == (64, 255)
    assert own_depth({"target": np.full((2, 2, 3), 11, np.uint16)})["target"].max() == 11
