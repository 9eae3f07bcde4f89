"""The data doctor: clean sets are clean, and each planted fault is found, named and weighed."""

from __future__ import annotations

import json
import os
import shutil
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from planted import damaged_png, jpeg, made, photos, save, scene, side_by_side, two_folders

from img2img.data import open_data
from img2img.doctor import Diagnosis, as_json, as_text, examine, inventory, quick
from img2img.doctor.measurements import MeasuredPart
from img2img.errors import UserError
from img2img.images import Picture
from img2img.images.raster import read_any
from img2img.recipes.settings import resolve

TRAIN, TEST = range(10), range(20, 24)


def look(root: Path, *extra: str, task: str = "derain", **options: object) -> Diagnosis:
    config = resolve(task, None, str(root), None, ["data.crop=64", "data.load=null", *extra]).data
    return examine(config, task, threads=2, **options)


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Path:
    """Clean sets by name."""
    root = tmp_path_factory.mktemp("clean")
    side_by_side(root / "rain/train", TRAIN)
    side_by_side(root / "rain/test", TEST)
    two_folders(root / "two/train", TRAIN)
    two_folders(root / "two/test", TEST)
    side_by_side(root / "edges", TRAIN, "edges")
    side_by_side(root / "holes", TRAIN, "hole")
    two_folders(root / "labels", TRAIN, "label", ("label", "photo"))
    photos(root / "photos", TRAIN)
    for part, numbers in (("trainA", range(6)), ("trainB", range(30, 38)), ("testA", range(40, 43)), ("testB", TEST)):
        photos(root / "unpaired" / part, numbers)
    return root


CLEAN = {
    "rain": ("derain", "rain", []),
    "rain in one folder": ("derain", "rain/train", []),
    "rain in two folders": ("derain", "two", []),
    "edges": ("edges", "edges", []),
    "holes": ("inpaint", "holes", ["data.layout=side_by_side", "data.direction=BtoA"]),
    "labels": ("edges", "labels", ["data.source=label", "data.target=photo"]),
    "photos to rain on": ("derain", "photos", []),
    "photos to cut holes in": ("inpaint", "photos", []),
    "pictures alone": ("images", "photos", ["data.crop=32"]),
    "unpaired": ("unpaired", "unpaired", []),
}


@pytest.mark.parametrize("name", CLEAN)
@pytest.mark.parametrize("hasty", [False, True], ids=["whole", "quick"])
def test_nothing_is_said_of_clean_sets(clean, name, hasty):
    task, folder, extra = CLEAN[name]
    diagnosis = look(clean / folder, *extra, task=task, quick=hasty)
    assert diagnosis.findings == ()
    assert diagnosis.status == 0
    assert diagnosis.verdict.startswith("nothing stands against training on these data")
    assert sum(part.pictures for part in diagnosis.parts) >= 10


def pair(root: Path, name: str, left: np.ndarray, right: np.ndarray, **options: object) -> Path:
    return save(root / name, np.concatenate([left, right], 1), **options)


def rainy(seed: int, clean: np.ndarray | None = None, rain: int = 0) -> tuple[np.ndarray, np.ndarray]:
    clean = scene(seed) if clean is None else clean
    return clean, made("rain", clean, 500 + seed + rain)


def cut(root: Path) -> None:
    (root / "train/broken.png").write_bytes(damaged_png(np.concatenate(rainy(50), 1)))


def empty(root: Path) -> None:
    (root / "train/broken.png").write_bytes(b"")


def text(root: Path) -> None:
    (root / "train/broken.png").write_text("no picture")


def odd(root: Path) -> None:
    save(root / "train/odd.png", np.concatenate(rainy(50), 1)[:, :-1])


def lying(root: Path) -> None:
    pair(root, "train/lying.jpg", *rainy(50), format="PNG")


def grey(root: Path) -> None:
    save(root / "train/grey.png", np.asarray(Image.fromarray(np.concatenate(rainy(50), 1)).convert("L")))


def deep(root: Path) -> None:
    level = np.asarray(Image.fromarray(np.concatenate(rainy(50), 1)).convert("L")).astype(np.uint16) * 257
    save(root / "train/deep.png", level)


def printed(root: Path) -> None:
    Image.fromarray(np.concatenate(rainy(50), 1)).convert("CMYK").save(root / "train/cmyk.jpg", quality=95)


def palette(root: Path) -> None:
    Image.fromarray(np.concatenate(rainy(50), 1)).quantize(200).save(root / "train/palette.png")


def transparent(root: Path) -> None:
    pixels = np.concatenate(rainy(50), 1)
    save(root / "train/alpha.png", np.dstack([pixels, np.full_like(pixels[:, :, 0], 255)]))


def white(root: Path) -> None:
    blank = np.full_like(scene(0), 250)
    pair(root, "train/white.png", blank, blank)


def blank_target(root: Path) -> None:
    pair(root, "train/halfwhite.png", np.full_like(scene(0), 250), rainy(50)[1])


def one_same(root: Path) -> None:
    pair(root, "train/same.png", scene(50), scene(50))


def many_same(root: Path) -> None:
    for number in range(50, 54):
        pair(root, f"train/same{number}.png", scene(number), scene(number))


def copied(root: Path) -> None:
    shutil.copy(root / "train/3.png", root / "train/copied.png")


def twin(root: Path) -> None:
    pair(root, "train/twin.png", *rainy(3, rain=1))


def leak(root: Path) -> None:
    pair(root, "test/leak.png", *rainy(3, rain=1))


def leak_mirrored(root: Path) -> None:
    pair(root, "test/leak.png", *rainy(3, scene(3)[:, ::-1]))


def leak_encoded(root: Path) -> None:
    pair(root, "test/leak.jpg", *rainy(3, rain=1), quality=25)


def leak_both_and_cut(root: Path) -> None:
    pair(root, "test/leak.png", *rainy(3, jpeg(scene(3)[1:, 1:-1], 40)[:, ::-1]))


def leak_enlarged(root: Path) -> None:
    big = np.asarray(Image.fromarray(scene(3)).resize((256, 192), Image.Resampling.BICUBIC))
    pair(root, "test/leak.png", *rainy(3, big))


def leak_brighter(root: Path) -> None:
    pair(root, "test/leak.png", *rainy(3, np.clip(scene(3) * 1.04 + 2, 0, 255).astype(np.uint8)))


def leak_val(root: Path) -> None:
    (root / "val").mkdir()
    shutil.copy(root / "train/3.png", root / "val/leak.png")


def shifted(root: Path) -> None:
    clean, wet = rainy(50)
    pair(root, "train/shifted.png", clean, np.roll(wet, (-2, 3), (0, 1)))


def mixed_up(root: Path) -> None:
    pair(root, "train/mixed.png", scene(50), rainy(51)[1])


def some_swapped(root: Path) -> None:
    for number in range(5):
        pixels = np.asarray(Image.open(root / f"train/{number}.png"))
        pair(root, f"train/{number}.png", pixels[:, 128:], pixels[:, :128])


def small(root: Path) -> None:
    clean = scene(50, 48, 128)
    pair(root, "train/small.png", *rainy(50, clean))


def stray(root: Path) -> None:
    (root / "train/film.mp4").write_bytes(b"film")
    (root / "train/notes.txt").write_text("not a picture, and not meant as one")


FAULTS: dict[str, tuple[Callable[[Path], object], str, str, str]] = {
    "cut": (cut, "unreadable", "stops", "broken.png: damaged or truncated"),
    "empty": (empty, "unreadable", "stops", "broken.png: empty file"),
    "text": (text, "unreadable", "stops", "broken.png: not a picture"),
    "odd": (odd, "odd_width", "stops", "odd.png (255 px wide)"),
    "lying": (lying, "wrong_ending", "note", "lying.jpg is a PNG"),
    "grey": (grey, "modes", "note", "grey.png: grey, 8 bits"),
    "deep": (deep, "modes", "note", "deep.png: grey, 16 bits"),
    "printed": (printed, "modes", "note", "cmyk.jpg: RGB, 8 bits; CMYK became"),
    "palette": (palette, "modes", "note", "palette.png: RGB, 8 bits; its palette became plain colours"),
    "transparent": (transparent, "modes", "note", "alpha.png: RGB with alpha, 8 bits"),
    "white": (white, "blank", "wrong", "white.png (source and target)"),
    "blank target": (blank_target, "blank", "wrong", "halfwhite.png (target)"),
    "one same": (one_same, "same_sides", "note", "same.png"),
    "many same": (many_same, "same_sides", "wrong", "same50.png"),
    "copied": (copied, "duplicates", "note", "3.png = train/copied.png"),
    "twin": (twin, "scenes", "note", "3.png = train/twin.png"),
    "leak": (leak, "leak", "wrong", "leak.png: the same pixels as train/3.png"),
    "leak mirrored": (leak_mirrored, "leak", "wrong", "leak.png: mirrored from train/3.png"),
    "leak encoded": (leak_encoded, "leak", "wrong", "leak.jpg: a copy of train/3.png"),
    "leak mirrored, encoded, cut": (leak_both_and_cut, "leak", "wrong", "leak.png: mirrored from train/3.png"),
    "leak enlarged": (leak_enlarged, "leak", "wrong", "leak.png: a copy of train/3.png"),
    "leak brighter": (leak_brighter, "leak", "wrong", "leak.png: a copy of train/3.png"),
    "leak to val": (leak_val, "leak", "wrong", "leak.png: the same pixels as train/3.png"),
    "shifted": (shifted, "shifted", "wrong", "shifted.png: 3 px right, 2 px up"),
    "mixed up": (mixed_up, "unlike", "wrong", "mixed.png (correlation"),
    "some swapped": (some_swapped, "some_swapped", "wrong", "train/0.png"),
    "small": (small, "small", "note", "small.png (128x48)"),
    "stray": (stray, "stray", "note", "film.mp4"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_and_nothing_else(clean, tmp_path, name):
    plant, kind, weight, place = FAULTS[name]
    shutil.copytree(clean / "rain", tmp_path / "set")
    plant(tmp_path / "set")
    diagnosis = look(tmp_path / "set", "data.layout=side_by_side")
    assert [(finding.kind, finding.weight) for finding in diagnosis.findings] == [(kind, weight)]
    (finding,) = diagnosis.findings
    assert any(place in spot.text for spot in finding.spots), finding.spots
    assert len(finding.spots) == {"many same": 4, "some swapped": 5}.get(name, 1)
    assert all(file.exists() for spot in finding.spots for file in spot.files)
    assert diagnosis.status == (0 if weight == "note" else 1)
    assert f"{weight}: {finding.text}" in as_text(diagnosis)
    assert f"fix: {finding.fix}" in as_text(diagnosis)


QUICK = {"empty": 1, "text": 1, "odd": 1, "some swapped": 1, "small": 1, "stray": 1}


@pytest.mark.parametrize("name", FAULTS)
def test_the_quick_look_sees_names_sizes_counts_and_direction(clean, tmp_path, name):
    plant, kind, _, _ = FAULTS[name]
    shutil.copytree(clean / "rain", tmp_path / "set")
    plant(tmp_path / "set")
    diagnosis = look(tmp_path / "set", "data.layout=side_by_side", quick=True)
    assert [finding.kind for finding in diagnosis.findings] == [kind] * QUICK.get(name, 0)
    assert all(part.scenes is None for part in diagnosis.parts)
    assert "img2img check_data --task derain --data" in as_text(diagnosis)


def missing(root: Path) -> None:
    (root / "train/target/4.png").unlink()


def extra(root: Path) -> None:
    save(root / "train/target/40.png", scene(40))


def double(root: Path) -> None:
    save(root / "train/source/4.jpg", scene(4))


def unequal(root: Path) -> None:
    save(root / "train/target/4.png", scene(4)[:90])


def cut_target(root: Path) -> None:
    (root / "train/target/4.png").write_bytes(damaged_png(scene(4)))


def headless(root: Path) -> None:
    (root / "train/target/4.png").write_bytes(b"GIF")


def no_side(root: Path) -> None:
    shutil.rmtree(root / "test/target")
    (root / "test/target").mkdir()


def leak_two(root: Path) -> None:
    save(root / "test/target/22.png", scene(3)[:, ::-1])
    save(root / "test/source/22.png", made("rain", scene(3)[:, ::-1], 0))


PAIRS: dict[str, tuple[Callable[[Path], object], list[tuple[str, str]], str]] = {
    "missing": (missing, [("no_partner", "stops")], "train/source/4.png: none in train/target"),
    "extra": (extra, [("no_partner", "stops")], "train/target/40.png: none in train/source"),
    "double": (double, [("double_name", "stops")], "4.png and 4.jpg"),
    "unequal": (unequal, [("sizes_differ", "stops")], "train/source/4.png (128x96 against 128x90)"),
    "cut target": (cut_target, [("unreadable", "stops")], "train/target/4.png: damaged"),
    "headless": (headless, [("unreadable", "stops")], "train/target/4.png: not a picture"),
    "empty side": (no_side, [("empty", "stops"), ("no_partner", "stops")], "test/source/20.png: none in test/target"),
    "leak": (leak_two, [("leak", "wrong")], "test/source/22.png: mirrored from train/source/3.png"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_fault_of_two_folders_is_found(clean, tmp_path, name):
    plant, kinds, place = PAIRS[name]
    shutil.copytree(clean / "two", tmp_path / "set")
    plant(tmp_path / "set")
    diagnosis = look(tmp_path / "set")
    assert [(finding.kind, finding.weight) for finding in diagnosis.findings] == kinds
    assert any(place in spot.text for finding in diagnosis.findings for spot in finding.spots), diagnosis.findings
    assert diagnosis.status == 1


def test_the_other_parts_are_looked_at_where_one_is_broken(clean, tmp_path):
    shutil.copytree(clean / "rain", tmp_path / "set")
    for file in (tmp_path / "set/test").iterdir():
        file.write_bytes(b"")
    shifted(tmp_path / "set")
    diagnosis = look(tmp_path / "set")
    assert [finding.kind for finding in diagnosis.findings] == ["unreadable", "shifted"]
    assert len(diagnosis.findings[0].spots) == len(TEST)


@pytest.mark.parametrize("hasty", [False, True], ids=["whole", "quick"])
@pytest.mark.parametrize(
    ("name", "extra", "fix"),
    [
        ("rain", ["data.direction=AtoB"], "data.direction=BtoA"),
        ("rain in two folders", ["data.source=target", "data.target=source"], "data.source=source data.target=target"),
        ("edges", ["data.direction=AtoB"], "data.direction=BtoA"),
        ("labels", ["data.source=photo", "data.target=label"], "data.source=label data.target=photo"),
        ("holes", ["data.layout=side_by_side"], "data.direction=BtoA"),
    ],
)
def test_the_wrong_direction_is_told_with_the_right_one(clean, name, extra, fix, hasty):
    task, folder, _ = CLEAN[name]
    diagnosis = look(clean / folder, *extra, task=task, quick=hasty)
    kinds = [(finding.kind, finding.weight) for finding in diagnosis.findings]
    assert set(kinds) == {("direction", "wrong")}
    assert all(f"add {fix} (" in finding.fix for finding in diagnosis.findings)
    assert diagnosis.status == 1
    corrected = fix.split()
    kept = [one for one in extra if one.partition("=")[0] not in {c.partition("=")[0] for c in corrected}]
    assert look(clean / folder, *kept, *corrected, task=task, quick=hasty).findings == ()


def test_holes_are_seen_through_jpeg(tmp_path):
    for number in TRAIN:
        pair(tmp_path, f"{number}.jpg", scene(number), made("hole", scene(number), number), quality=70)
    wanted = ["data.layout=side_by_side", "data.direction=BtoA"]
    assert look(tmp_path, *wanted, task="inpaint").findings == ()
    diagnosis = look(tmp_path, wanted[0], "data.direction=AtoB", task="inpaint")
    assert [finding.kind for finding in diagnosis.findings] == ["direction"]


def test_a_hole_is_neither_a_shift_nor_another_picture(clean, tmp_path):
    config = resolve("inpaint", None, str(clean / "holes"), None, CLEAN["holes"][2]).data
    measured = MeasuredPart(inventory.take_inventory(config, 1).parts[0])
    assert sum(measured.fill("hole", 1)) == len(TRAIN)
    assert {one.shift for one in measured.pictures} == {(0, 0)}
    # where the rest is as good as flat, and each side has its own grain, the hole is all there is to see
    shutil.copytree(clean / "holes", tmp_path / "set")
    ground = np.tile(np.linspace(140, 155, 128)[None, :, None], (96, 1, 3))
    sides = [ground + np.random.default_rng(side).normal(0, 9, ground.shape) for side in range(2)]
    sides[1][24:72, 32:96] = (117, 104, 123)
    pair(tmp_path / "set", "flat.png", *(side.astype(np.uint8) for side in sides))
    assert look(tmp_path / "set", *CLEAN["holes"][2], task="inpaint").findings == ()


def test_two_pairs_say_nothing_of_the_direction(tmp_path):
    side_by_side(tmp_path, range(3))
    assert look(tmp_path, "data.direction=AtoB").findings == ()


def test_what_is_darker_alone_is_not_taken_for_rain(tmp_path):
    for number in range(6):
        pair(tmp_path, f"{number}.png", scene(number), scene(number) // 2)
    assert look(tmp_path).findings == ()
    assert look(tmp_path, "data.direction=AtoB").findings == ()


@pytest.mark.parametrize("kind", ["edges", "label"])
def test_a_common_shift_of_drawings_is_found_over_all_pairs(tmp_path, kind):
    for number in TRAIN:
        drawing = made(kind, scene(number), number)
        pair(tmp_path, f"{number}.png", scene(number), np.roll(drawing, (-2, 3), (0, 1)))
    diagnosis = look(tmp_path, task="edges")
    assert [finding.kind for finding in diagnosis.findings] == ["shifted"]
    assert "3 px right, 2 px up" in diagnosis.findings[0].text


def test_a_common_shift_is_counted(tmp_path):
    for number in TRAIN:
        clean, wet = rainy(number)
        moved = (4, 1) if number else (0, 2)
        pair(tmp_path, f"{number}.png", clean, np.roll(wet, moved[::-1], (0, 1)))
    (finding,) = look(tmp_path).findings
    assert finding.text == (
        "in 10 of 10 pairs the source is shifted against the target, in 9 of them 4 px right, 1 px down"
    )


@pytest.mark.parametrize("quality", [95, 60])
def test_label_colours_blurred_by_jpeg(tmp_path, quality):
    for number in TRAIN:
        save(tmp_path / f"label/{number}.jpg", made("label", scene(number), number), quality=quality)
        save(tmp_path / f"photo/{number}.jpg", scene(number), quality=quality)
    diagnosis = look(tmp_path, "data.source=label", "data.target=photo", task="edges")
    assert [(finding.kind, finding.weight) for finding in diagnosis.findings] == [("blurred_labels", "note")]
    assert "colours of the source are blurred" in diagnosis.findings[0].text


def test_a_drawing_in_jpeg_has_no_label_colours(tmp_path):
    for number in TRAIN:
        save(tmp_path / f"A/{number}.jpg", made("edges", scene(number), number), quality=70)
        save(tmp_path / f"B/{number}.jpg", scene(number), quality=95)
    assert look(tmp_path, "data.direction=AtoB", task="edges").findings == ()


def test_the_photo_decides_where_the_target_is_a_map(tmp_path):
    flat = made("label", scene(0), 0)
    for number in TRAIN:
        save(tmp_path / f"photo/{number}.png", scene(number))
        save(tmp_path / f"label/{number}.png", flat if number < 3 else made("label", scene(number), number))
    diagnosis = look(tmp_path, "data.source=photo", "data.target=label", "data.synthesis=none", task="derain")
    assert diagnosis.findings == ()
    assert diagnosis.parts[0].scenes == {1: 10}


def test_leaks_of_unpaired_sets_are_those_of_each_side(clean, tmp_path):
    shutil.copytree(clean / "unpaired", tmp_path / "set")
    save(tmp_path / "set/testA/crossed.png", scene(30))
    assert look(tmp_path / "set", task="unpaired").findings == ()
    save(tmp_path / "set/testA/leak.png", scene(2)[:, ::-1])
    save(tmp_path / "set/trainB/leak.png", jpeg(scene(21), 50))
    diagnosis = look(tmp_path / "set", task="unpaired")
    assert [finding.kind for finding in diagnosis.findings] == ["leak", "leak"]
    assert [spot.text for finding in diagnosis.findings for spot in finding.spots] == [
        "testA/leak.png: mirrored from trainA/2.png",
        "testB/21.png: a copy of trainB/leak.png",
    ]


def test_against_a_further_set_both_ways(clean, tmp_path):
    ours, theirs = clean / "rain/train", two_folders(tmp_path / "theirs", range(60, 64))
    assert look(ours, against=theirs).findings == ()
    assert look(theirs, against=ours).findings == ()
    save(theirs / "target/99.png", jpeg(scene(4)[:, ::-1], 40))
    save(theirs / "source/99.png", made("rain", scene(4)[:, ::-1], 7))
    (one,) = look(ours, against=theirs).findings
    (other,) = look(theirs, against=ours).findings
    assert (one.kind, one.weight) == (other.kind, other.weight) == ("against", "wrong")
    assert [spot.text for spot in one.spots] == ["source/99.png: mirrored from 4.png"]
    assert [spot.text for spot in other.spots] == ["4.png: mirrored from source/99.png"]
    assert look(ours, against=theirs).status == 1
    assert one.text.startswith(f"1 of 5 pictures of {theirs} is in these data too")


def test_a_test_part_may_be_the_further_set(clean):
    assert look(clean / "rain", against=clean / "rain/test").findings == ()
    (finding,) = look(clean / "rain", against=clean / "rain/train").findings
    assert (finding.kind, len(finding.spots)) == ("against", len(TRAIN))


def test_photos_of_any_layout_can_be_compared_with(clean, tmp_path):
    for number in (3, 70, 71):
        save(tmp_path / f"{number}.png", scene(number))
    save(tmp_path / "tall.png", scene(72, 128, 96))
    (tmp_path / "broken.png").write_bytes(damaged_png(scene(73)))
    findings = look(clean / "rain/train", against=tmp_path).findings
    assert [(finding.kind, finding.weight) for finding in findings] == [
        ("against", "wrong"), ("against_unreadable", "note")]  # fmt: skip
    assert [spot.text for spot in findings[0].spots] == ["3.png: the same pixels as 3.png"]


def test_pairs_that_may_as_well_be_photos_are_compared_both_ways(clean, tmp_path):
    """A test set of pairs in which some have other shapes: taken for photos it would seem to share nothing."""
    theirs = side_by_side(tmp_path / "theirs", range(60, 64))
    save(theirs / "tall.png", scene(72, 300, 96))
    save(theirs / "odd.png", scene(73, 97, 99))
    assert [f.kind for f in look(clean / "rain/train", against=theirs).findings] == []
    leak = scene(4)[:, ::-1]
    save(theirs / "leak.png", np.concatenate([jpeg(leak, 40), made("rain", leak, 7)], 1))
    diagnosis = look(clean / "rain/train", against=theirs)
    assert [spot.text for finding in diagnosis.findings for spot in finding.spots] == ["leak.png: mirrored from 4.png"]
    assert f"compared with {theirs} (" in as_text(diagnosis)
    assert "side_by_side" in diagnosis.against


def test_a_scenes_file_that_tears_twins_apart(clean, tmp_path):
    shutil.copytree(clean / "rain/train", tmp_path / "train")
    twin(tmp_path)
    names = [*(f"{number}.png" for number in TRAIN), "twin.png"]
    table = tmp_path / "scenes.csv"
    table.write_text("file,scene\n" + "".join(f"{name},{name}\n" for name in names))
    diagnosis = look(tmp_path / "train", f"data.scenes={table}")
    assert [(finding.kind, finding.weight) for finding in diagnosis.findings] == [
        ("scenes", "note"), ("scenes_file", "wrong")]  # fmt: skip
    assert diagnosis.findings[1].spots[0].text == "3.png = twin.png"
    table.write_text(table.read_text().replace("twin.png,twin.png", "twin.png,3.png"))
    assert [finding.kind for finding in look(tmp_path / "train", f"data.scenes={table}").findings] == ["scenes"]
    table.write_text("file,scene\n0.png,0\n")
    assert [finding.kind for finding in look(tmp_path / "train", f"data.scenes={table}").findings] == [
        "scenes", "scenes_file"]  # fmt: skip
    assert look(tmp_path / "train", f"data.scenes={table}").findings[1].weight == "stops"


def test_scenes_are_those_that_training_splits_by(clean, tmp_path):
    shutil.copytree(clean / "rain/train", tmp_path / "set")
    for number in range(5):
        # names that share no stem: else they would be asked about as pairs
        pair(tmp_path / "set", f"twin_{'abcde'[number]}.png", *rainy(number, rain=1))
    pair(tmp_path / "set", "third.png", *rainy(2, scene(2)[:, ::-1]))
    diagnosis = look(tmp_path / "set")
    config = resolve("derain", None, str(tmp_path / "set"), None, ["data.crop=64"]).data
    trained = open_data(config, 0).scenes
    groups = [
        {frozenset(name for name in scenes if scenes[name] == scenes[first]) for first in scenes}
        for scenes in (diagnosis.scenes, trained)
    ]
    assert groups[0] == groups[1]
    assert diagnosis.parts[0].scenes == {1: 5, 2: 4, 3: 1}
    assert "10 scenes: 5 once, 4 twice, 1 three times" in as_text(diagnosis)


def test_every_size_down_to_a_pixel_is_looked_at(tmp_path):
    for number, (height, width) in enumerate([(1, 1), (1, 40), (40, 1), (33, 70), (64, 64)]):
        pair(tmp_path, f"{number}.png", scene(number)[:height, :width], scene(number)[:height, :width] // 2)
    diagnosis = look(tmp_path, "data.layout=side_by_side")
    assert [part.pictures for part in diagnosis.parts] == [5]
    assert {finding.kind for finding in diagnosis.findings} <= {"small", "blank"}


@pytest.mark.parametrize("way", ["missing", "file", "empty", "doubtful", "arrays", "none"])
def test_what_cannot_be_looked_at(tmp_path, way):
    extra = []
    if way == "file":
        (tmp_path / "set").write_text("x")
    elif way == "empty":
        (tmp_path / "set").mkdir()
    elif way == "doubtful":
        for number, width in enumerate((64, 128, 256)):
            save(tmp_path / f"set/{number}.png", scene(number)[:64, :width])
    elif way == "arrays":
        photos(tmp_path / "set", range(2))
        extra = ["data.layout=arrays"]
    config = resolve("derain", None, None if way == "none" else str(tmp_path / "set"), None, extra).data
    with pytest.raises(UserError, match="data" if way in ("none", "arrays") else str(tmp_path)):
        examine(config, "derain")


def test_no_more_pictures_are_held_than_threads(clean, monkeypatch):
    """Memory by construction: what is decoded is let go before the thread takes the next."""
    alive, most, lock = set(), [0], threading.Lock()

    def counted(path: Path, *rest: object, **options: object) -> Picture:
        got = read_any(path, *rest, **options)
        with lock:
            alive.add(id(got.pixels))
            most[0] = max(most[0], len(alive))
        weakref.finalize(got.pixels, alive.discard, id(got.pixels))
        return got

    monkeypatch.setattr(inventory, "read_any", counted)
    diagnosis = look(clean / "two")
    assert diagnosis.parts[0].pictures == len(TRAIN)
    # source and target in each of the two threads, and what is just being let go
    assert 2 <= most[0] <= 6
    assert not alive


def test_little_is_kept_of_a_picture(clean):
    config = resolve("derain", None, str(clean / "rain/train"), None, []).data
    (part,) = inventory.take_inventory(config, 1).parts
    measured = MeasuredPart(part)
    assert sum(measured.fill("rain", 1)) == len(TRAIN)
    assert {side: thumbs.nbytes for side, thumbs in measured.thumbnails.items()} == {
        side: len(TRAIN) * 24 * 24 * 3 for side in ("source", "target")
    }
    assert not part.reader.pictures
    assert not any(isinstance(getattr(one, name), np.ndarray) for one in measured.pictures for name in one.__slots__)


def test_the_doctor_reports_its_progress(clean):
    told = []
    look(clean / "rain", progress=lambda done, total: told.append((done, total)))
    total = len(TRAIN) + len(TEST)
    assert told == [(done, total) for done in range(1, total + 1)]


SCHEMA = {
    "verdict": str, "status": int, "data": str, "task": str, "layout": str, "direction": str, "quick": bool,
    "against": str,
    "parts": [{"name": str, "pictures": int, "scenes": (int, type(None)), "scenes_by_pictures": (dict, type(None))}],
    "findings": [{"kind": str, "weight": str, "text": str, "fix": str, "spots": [{"text": str, "files": [str]}]}],
}  # fmt: skip


def fits(value: object, schema: object) -> bool:
    if isinstance(schema, dict):
        return isinstance(value, dict) and value.keys() == schema.keys() and all(
            fits(value[key], schema[key]) for key in schema)  # fmt: skip
    if isinstance(schema, list):
        return isinstance(value, list) and all(fits(one, schema[0]) for one in value)
    return isinstance(value, schema)


@pytest.mark.parametrize("hasty", [False, True], ids=["whole", "quick"])
def test_json_has_a_fixed_form(clean, tmp_path, hasty):
    shutil.copytree(clean / "rain", tmp_path / "set")
    for plant in (empty, twin, stray):
        plant(tmp_path / "set")
    diagnosis = look(tmp_path / "set", quick=hasty)
    tree = json.loads(as_json(diagnosis))
    assert fits(tree, SCHEMA)
    assert [finding["weight"] for finding in tree["findings"]] == (
        ["stops", "note"] if hasty else ["stops", "note", "note"]
    )
    assert tree["parts"][0]["scenes_by_pictures"] == (None if hasty else {"1": 9, "2": 1})
    assert (tree["status"], tree["quick"]) == (1, hasty)


def test_text_lists_a_few_places_and_counts_the_rest(clean, tmp_path):
    shutil.copytree(clean / "rain", tmp_path / "set")
    for number in range(8):
        (tmp_path / f"set/train/empty_{'abcdefgh'[number]}.png").write_bytes(b"")
    text = as_text(look(tmp_path / "set"))
    assert text.splitlines()[0] == "training or evaluation would stop: 1 reason; 0 notes"
    assert text.count(": empty file") == 5
    assert "and 3 more" in text


def test_names_cannot_speak_to_the_terminal(clean, tmp_path):
    shutil.copytree(clean / "rain", tmp_path / "set")
    (tmp_path / "set/train/a\x1b[31m\nstops: b.png").write_bytes(b"")
    text = as_text(look(tmp_path / "set"))
    assert "\x1b" not in text
    assert "train/a?[31m?stops: b.png: empty file" in text


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text(clean, tmp_path):
    shutil.copytree(clean / "rain", tmp_path / "set")
    try:
        (tmp_path / "set/train" / os.fsdecode(b"\xff.png")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes text alone")
    diagnosis = look(tmp_path / "set")
    as_text(diagnosis).encode()
    as_json(diagnosis).encode()


def test_training_is_told_what_a_quick_look_finds(clean, tmp_path):
    config = resolve("derain", None, str(clean / "rain"), None, ["data.crop=64", "data.direction=AtoB"]).data
    lines = quick(config, "derain")
    assert "likely the wrong direction" in lines[0]
    assert "add data.direction=BtoA" in lines[0]
    assert lines[-1].endswith(f"img2img check_data --task derain --data {clean / 'rain'}")
    assert len(quick(resolve("derain", None, str(clean / "rain"), None, ["data.crop=64"]).data, "derain")) == 1
    assert quick(resolve("derain").data, "derain") == ()
    assert quick(resolve("toy").data, "toy") == ()
