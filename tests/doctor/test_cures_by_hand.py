"""Cures that change files: read out of what the doctor prints, carried out, and the fault is gone.

A phrase of a fix is an order of a small language; a fix that no order fits fails here.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from planted import LABELS, damaged_png, label, made, photos, save, scene, side_by_side, two_folders

import img2img.doctor
from img2img.commands import main
from img2img.data import open_data
from img2img.doctor import examine
from img2img.doctor.findings import Diagnosis, Finding
from img2img.images import Picture, read, write
from img2img.recipes.settings import resolve

NUMBERS = range(8)


def config(root: Path, task: str, *extra: str):
    return resolve(task, None, str(root), None, ["data.crop=64", "data.load=null", *extra]).data


def look(root: Path, task: str, *extra: str, **options: object) -> Diagnosis:
    return examine(config(root, task, *extra), task, threads=2, **options)


# the sets


def pairs(root: Path) -> None:
    two_folders(root, NUMBERS)


def wide(root: Path) -> None:
    side_by_side(root, NUMBERS)


def labels(root: Path) -> None:
    for number in NUMBERS:
        save(root / f"source/{number}.png", label(number))
        save(root / f"target/{number}.png", scene(number))


def masks(root: Path) -> None:
    """Photos and masks of 0 and 255."""
    for number in NUMBERS:
        save(root / f"source/{number}.png", scene(number))
        save(root / f"target/{number}.png", mask(number))


def mask(number: int) -> np.ndarray:
    return np.where((label(number) == LABELS[0]).all(2), 255, 0).astype(np.uint8)


def photo_and_mask(root: Path) -> None:
    """The same side by side."""
    for number in NUMBERS:
        save(root / f"{number}.png", np.concatenate([scene(number), np.repeat(mask(number)[:, :, None], 3, 2)], 1))


def parts(root: Path) -> None:
    two_folders(root / "train", NUMBERS)
    two_folders(root / "test", range(20, 24))


# the faults: each spoils a sound set


def each(root: Path, pattern: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    for file in root.glob(pattern):
        pixels = read(file).pixels
        write(file, Picture(change(pixels)))


def replace_suffix(file: Path, suffix: str) -> None:
    Image.open(file).save(file.with_suffix(suffix))
    file.unlink()


def linked(root: Path) -> None:
    (root / "target/4.png").unlink()
    (root / "target/4.png").symlink_to(root / "gone.png")


def same_folder(root: Path) -> None:
    shutil.rmtree(root / "target")
    (root / "target").symlink_to("source")


def lying(root: Path) -> None:
    for side in ("source", "target"):
        (root / side / "4.png").rename(root / side / "4.jpg")


def strays(root: Path) -> None:
    for side in ("source", "target"):
        replace_suffix(root / side / "4.png", ".tga")


def moved(root: Path) -> None:
    save(root / "source/4.png", np.roll(np.asarray(Image.open(root / "source/4.png")), (-2, 3), (0, 1)))


def mixed_up(root: Path) -> None:
    one, other = (root / f"target/{number}.png" for number in (4, 5))
    pictures = one.read_bytes(), other.read_bytes()
    one.write_bytes(pictures[1])
    other.write_bytes(pictures[0])


def swapped(root: Path) -> None:
    for number in range(3):
        one, other = (root / f"{side}/{number}.png" for side in ("source", "target"))
        pictures = one.read_bytes(), other.read_bytes()
        one.write_bytes(pictures[1])
        other.write_bytes(pictures[0])


def transparent(root: Path) -> None:
    for number in NUMBERS:
        drawn = made("edges", scene(number), number)
        save(root / f"source/{number}.png", np.dstack([np.zeros_like(drawn), 255 - drawn[:, :, :1]]))
        save(root / f"target/{number}.png", scene(number))


def blurred(root: Path) -> None:
    for number in NUMBERS:
        Image.fromarray(label(number)).save(root / f"source/{number}.jpg", quality=75)
        (root / f"source/{number}.png").unlink()


def torn_scenes(root: Path) -> None:
    shutil.copy(root / "3.png", root / "30.png")
    lines = [f"{file.name},{file.stem}" for file in root.glob("*.png")]
    (root.parent / "scenes.csv").write_text("\n".join(["file,scene", *lines]))


def only_test(root: Path) -> None:
    (root / "train").rename(root.parent / "kept")


# the orders


class Cure:
    """What carries fixes out: where the set lies, and a sound copy of it to take files from."""

    def __init__(self, root: Path, sound: Path, finding: Finding) -> None:
        self.root, self.sound, self.finding = root, sound, finding

    def files(self) -> list[Path]:
        return [spot.files[0] for spot in self.finding.spots]

    def from_where_they_came(self, _: re.Match[str]) -> None:
        for file in self.files():
            for path in {
                file,
                *(Path(str(file).replace(*sides)) for sides in (("source", "target"), ("target", "source"))),
            }:
                original = self.sound / path.relative_to(self.root)
                if path != original and original.exists():
                    path.unlink(missing_ok=True)
                    shutil.copy(original, path)

    def folder(self, _: re.Match[str]) -> None:
        for folder in [
            path for path in self.root.rglob("*") if path.is_dir() and (path.is_symlink() or not any(path.iterdir()))
        ]:
            if folder.is_symlink():
                folder.unlink()
            else:
                folder.rmdir()
            shutil.copytree(self.sound / folder.relative_to(self.root), folder)

    def train_part(self, found: re.Match[str]) -> None:
        shutil.copytree(self.sound / found[1], self.root / found[1])

    def even(self, _: re.Match[str]) -> None:
        for file in self.files():
            pixels = np.asarray(Image.open(file))
            # the border is at 128 px: a column is lacking on the right
            save(file, np.concatenate([pixels[:, :127], pixels[:, 128:]], 1))

    def rename(self, _: re.Match[str]) -> None:
        for spot in self.finding.spots:
            kind = re.search(r"is a (\w+)", spot.text)[1]
            spot.files[0].rename(spot.files[0].with_suffix(f".{kind.lower()}"))

    def convert(self, found: re.Match[str]) -> None:
        for file in self.files():
            replace_suffix(file, f".{found[1].lower()}")

    def over_each_other(self, _: re.Match[str]) -> None:
        for spot in self.finding.spots:
            pixels = [np.asarray(Image.open(file)) for file in spot.files]
            steps = {way: int(px) for px, way in re.findall(r"(\d+) px (\w+)", spot.text)}
            right, down = steps.get("right", 0) - steps.get("left", 0), steps.get("down", 0) - steps.get("up", 0)
            height, width, _channels = pixels[0].shape
            for file, picture, sign in zip(spot.files, pixels, (1, -1), strict=True):
                left, top = max(0, sign * right), max(0, sign * down)
                save(file, picture[top : top + height - abs(down), left : left + width - abs(right)])

    def swap(self, _: re.Match[str]) -> None:
        for spot in self.finding.spots:
            pictures = [file.read_bytes() for file in spot.files]
            for file, content in zip(spot.files, reversed(pictures), strict=True):
                file.write_bytes(content)

    def multiply_half(self, found: re.Match[str]) -> None:
        by = int(found[2])

        def stronger(pixels: np.ndarray) -> np.ndarray:
            half = pixels.shape[1] // 2
            columns = slice(half) if found[1] == "left" else slice(half, None)
            pixels = pixels.copy()
            pixels[:, columns] *= by
            return pixels

        each(self.root, "*.png", stronger)

    def multiply(self, found: re.Match[str]) -> None:
        each(self.root, f"**/{found[2]}", lambda pixels: pixels * int(found[1]))

    def flatten(self, found: re.Match[str]) -> None:
        for file in self.root.rglob(found[2]):
            image = Image.open(file)
            if image.mode == "RGBA":
                ground = Image.new("RGBA", image.size, found[1])
                Image.alpha_composite(ground, image).convert("RGB").save(file)

    def nearest_colour(self, _: re.Match[str]) -> None:
        for file in self.root.glob("source/*.jpg"):
            pixels = np.asarray(Image.open(file)).astype(int)
            nearest = ((pixels[:, :, None] - LABELS.astype(int)) ** 2).sum(3).argmin(2)
            save(file.with_suffix(".png"), LABELS[nearest])
            file.unlink()

    def write_scenes(self, found: re.Match[str]) -> None:
        words = ["--task", "derain", "--data", str(self.root), found[1], str(self.root.parent / "scenes.csv")]
        assert main(["check_data", *words, "data.layout=side_by_side"]) in (0, 1)

    def nothing(self, _: re.Match[str]) -> None: ...


ORDERS: dict[str, Callable[[Cure, re.Match[str]], None]] = {
    r"copy them again from where they came": Cure.from_where_they_came,
    r"add the missing files": Cure.from_where_they_came,
    r"replace the one that was scaled or cut": Cure.from_where_they_came,
    r"replace the side that was copied by mistake": Cure.from_where_they_came,
    r"copy what they should lead to": Cure.from_where_they_came,
    r"put the right partner beside each": Cure.from_where_they_came,
    r"put the pictures there": Cure.folder,
    r"put the folder of the other side in the place of the link": Cure.folder,
    r"add a folder (train) beside it": Cure.train_part,
    r"cut both halves to one width": Cure.even,
    r"rename them to the ending of their format": Cure.rename,
    r"convert them to (PNG)": Cure.convert,
    r"cut both sides so that they lie over each other": Cure.over_each_other,
    r"swap the sides of these pairs": Cure.swap,
    r"multiply every level of the (left|right) half by (\d+)": Cure.multiply_half,
    r"mogrify -evaluate multiply (\d+) ([^)]+)\)": Cure.multiply,
    r"mogrify -background (white) -alpha remove ([^)]+)\)": Cure.flatten,
    r"set each pixel to the nearest of the meant colours and save as PNG": Cure.nearest_colour,
    r"write it anew with (--scenes) FILE": Cure.write_scenes,
    r"nothing needs be done": Cure.nothing,
}  # fmt: skip

Spoil = Callable[[Path], object]


def changed(pattern: str, change: Callable[[np.ndarray], np.ndarray]) -> Spoil:
    return lambda root: each(root, pattern, change)


def cropped(name: str, rows: int | None, columns: int | None) -> Spoil:
    return lambda root: save(root / name, np.asarray(Image.open(root / name))[:rows, :columns])


def right_half_of_zero_and_one(pixels: np.ndarray) -> np.ndarray:
    return np.concatenate([pixels[:, :128], pixels[:, 128:] // 255], 1)


def empty_folder(root: Path) -> None:
    shutil.rmtree(root / "test/target")
    (root / "test/target").mkdir()


def cut_off(root: Path) -> None:
    (root / "target/4.png").write_bytes(damaged_png(scene(4)))


def copied(root: Path) -> None:
    shutil.copy(root / "source/4.png", root / "target/4.png")


SIDE_BY_SIDE = "data.layout=side_by_side"
# a set, the fault, what is found, the task and what else is said on the command line
FAULTS: dict[str, tuple[Callable[[Path], None], Spoil, str, str, tuple[str, ...]]] = {
    "cut off": (pairs, cut_off, "unreadable", "derain", ()),
    "missing": (pairs, lambda root: (root / "target/4.png").unlink(), "no_partner", "derain", ()),
    "scaled": (pairs, cropped("target/4.png", 90, None), "sizes_differ", "derain", ()),
    "copied": (pairs, copied, "same_sides", "derain", ()),
    "dead link": (pairs, linked, "links", "derain", ()),
    "linked folder": (pairs, same_folder, "same_folder", "derain", ()),
    "empty folder": (parts, empty_folder, "empty", "derain", ()),
    "no training": (parts, only_test, "no_training", "derain", ()),
    "odd": (wide, cropped("4.png", None, -1), "odd_width", "derain", (SIDE_BY_SIDE,)),
    "wrong ending": (pairs, lying, "wrong_ending", "derain", ()),
    "other format": (pairs, strays, "stray", "derain", ()),
    "shifted": (pairs, moved, "shifted", "derain", ()),
    "mixed up": (pairs, mixed_up, "unlike", "derain", ()),
    "some swapped": (pairs, swapped, "some_swapped", "derain", ()),
    "masks of 0 and 1": (masks, changed("target/*.png", lambda levels: levels // 255), "few_levels", "paired", ()),
    "masks in a half": (
        photo_and_mask, changed("*.png", right_half_of_zero_and_one), "few_levels", "paired", (SIDE_BY_SIDE,)
    ),
    "12 bits": (pairs, changed("*/*.png", lambda levels: levels.astype(np.uint16) << 4), "few_levels", "derain", ()),
    "lines in alpha": (pairs, transparent, "transparent", "edges", ()),
    "labels in JPEG": (labels, blurred, "blurred_labels", "edges", ()),
    "torn scenes": (wide, torn_scenes, "scenes_file", "derain", (SIDE_BY_SIDE,)),
    "test without truth": (parts, lambda root: shutil.rmtree(root / "test/target"), "part_aside", "derain", ()),
}  # fmt: skip


def carry_out(finding: Finding, root: Path, sound: Path) -> None:
    """The first order of a fix that is known."""
    for phrase, order in ORDERS.items():
        if found := re.search(phrase, finding.fix):
            order(Cure(root, sound, finding), found)
            return
    pytest.fail(f"no order fits: {finding.fix}")


@pytest.mark.parametrize("name", FAULTS)
def test_a_cure_by_hand_cures(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay_out, spoil, kind, task, extra = FAULTS[name]
    root, sound = tmp_path / "set", tmp_path / "sound"
    for folder in (root, sound):
        lay_out(folder)
    spoil(root)
    if kind == "scenes_file":
        extra = (*extra, f"data.scenes={tmp_path / 'scenes.csv'}")
    found = [finding for finding in look(root, task, *extra).findings if finding.kind == kind]
    assert found
    for finding in found:
        carry_out(finding, root, sound)
    left = look(root, task, *extra)
    assert left.status == 0, left.findings
    assert kind == "part_aside" or kind not in {finding.kind for finding in left.findings}
    assert len(open_data(config(root, task, *extra), 0).train) > 0


def test_what_is_in_common_with_a_further_set_is_removed(tmp_path):
    wide(tmp_path / "set")
    side_by_side(tmp_path / "public", range(6, 12))
    options = {"against": tmp_path / "public"}
    (finding,) = look(tmp_path / "set", "derain", "data.layout=side_by_side", **options).findings
    assert finding.kind == "against"
    assert re.match(r"remove them from .* before training", finding.fix)
    for spot in finding.spots:
        spot.files[1].unlink()
    assert look(tmp_path / "set", "derain", "data.layout=side_by_side", **options).findings == ()


def test_pictures_too_small_are_taken_as_they_are_with_the_crop_that_is_named(tmp_path):
    photos(tmp_path, NUMBERS)
    save(tmp_path / "small.png", scene(40, 48, 64))
    (finding,) = look(tmp_path, "derain").findings
    assert finding.kind == "small"
    cure = shlex.split(finding.fix)[0]
    assert cure == "data.crop=48"
    assert look(tmp_path, "derain", cure).findings == ()


# carried out in test_cures.py, test_layout_findings.py and test_values.py
ELSEWHERE = {"modes", "blank", "duplicates", "scenes", "leak", "double_name", "direction", "against", "small",
             "ranges", "empty_channels", "constant_channels", "offset", "synthesis"}  # fmt: skip
# to be left as they are: a name or a number that is told, and no fault
TOLD = {"layout", "strangers", "saturated"}


def test_every_kind_of_finding_has_its_cure_carried_out():
    kinds = set()
    for file in Path(img2img.doctor.__file__).parent.glob("*.py"):
        kinds |= set(re.findall(r"Finding\(\s*\"(\w+)\"", file.read_text()))
    assert kinds - ELSEWHERE - TOLD == {kind for _, _, kind, _, _ in FAULTS.values()}
