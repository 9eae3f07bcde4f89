"""How folders are read as pairs: names, parts, direction, and what is refused with which line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import picture
from img2img.data import DataConfig, open_data, open_test
from img2img.errors import UserError


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def two(root: Path, source: str, target: str, numbers: range = range(3)) -> Path:
    for number in numbers:
        clean = picture(number)
        save(root / source / f"{number}.png", clean // 2)
        save(root / target / f"{number}.png", clean)
    return root


def config(path: Path, **extra: object) -> DataConfig:
    return DataConfig(path=str(path), **{"crop": 32, "validation": 0.0, **extra})


@pytest.mark.parametrize(
    ("source", "target"),
    [("source", "target"), ("input", "target"), ("rainy", "clean"), ("rain", "norain"), ("Input", "GT"), ("A", "B")],
)
@pytest.mark.parametrize("inside", ["", "train"])
def test_two_folders_by_their_names(tmp_path, source, target, inside):
    two(tmp_path / inside, source, target)
    data = open_data(config(tmp_path), 0)
    pair = data.train.whole(1)
    assert np.array_equal(pair["target"], picture(1))
    assert np.array_equal(pair["source"], picture(1) // 2)
    assert f"auto: two_folders, {Path(inside) / source} to {Path(inside) / target}" in data.notes[0]


def test_direction_turns_a_and_b_but_not_folders_that_say_what_they_are(tmp_path):
    two(tmp_path / "one", "A", "B")
    two(tmp_path / "two", "rainy", "clean")
    turned = open_data(config(tmp_path / "one", direction="BtoA"), 0).train.whole(0)
    assert np.array_equal(turned["source"], picture(0))
    kept = open_data(config(tmp_path / "two", direction="BtoA"), 0).train.whole(0)
    assert np.array_equal(kept["target"], picture(0))


def test_folders_of_other_names_can_be_named(tmp_path):
    two(tmp_path / "train", "label", "photo")
    pair = open_data(config(tmp_path, source="label", target="photo"), 0).train.whole(0)
    assert np.array_equal(pair["target"], picture(0))
    with pytest.raises(UserError, match=r"two sub-folders are needed, one for each side \(labels and photo\)"):
        open_data(config(tmp_path, source="labels", target="photo"), 0)


def test_parts_inside_the_two_folders_are_not_mixed(tmp_path):
    for start, part in ((0, "train"), (3, "val"), (6, "test")):
        two(tmp_path, f"A/{part}", f"B/{part}", range(start, start + 2))
    data = open_data(config(tmp_path), 0)
    assert (list(data.train.names), list(data.validation.names)) == (["0.png", "1.png"], ["3.png", "4.png"])
    assert list(open_test(config(tmp_path), str(tmp_path)).names) == ["6.png", "7.png"]


def test_the_test_part_is_never_trained_or_validated_on(tmp_path):
    two(tmp_path / "train", "A", "B", range(6))
    two(tmp_path / "test", "A", "B", range(10, 12))
    data = open_data(config(tmp_path, validation=0.3), 0)
    assert {*data.train.names, *data.validation.names} == {f"{n}.png" for n in range(6)}
    assert list(open_test(config(tmp_path), str(tmp_path)).names) == ["10.png", "11.png"]


def test_only_a_test_part_is_not_trained_on(tmp_path):
    two(tmp_path / "test", "A", "B")
    with pytest.raises(UserError, match="has a part test but none to train on"):
        open_data(config(tmp_path, layout="two_folders"), 0)


@pytest.mark.parametrize(("direction", "side"), [("AtoB", 0), ("BtoA", 1)])
def test_direction_of_pairs_side_by_side(pairs, direction, side):
    data = open_data(config(pairs, direction=direction), 0)
    pair = data.train.whole(2)
    sides = (picture(2), picture(2) // 2)
    assert np.array_equal(pair["source"], sides[side])
    assert np.array_equal(pair["target"], sides[1 - side])
    assert f"auto: side_by_side, {direction}" in data.notes[0]


def test_other_endings_pair_by_stem_and_natural_order(tmp_path):
    for number in (2, 10):
        save(tmp_path / "A" / f"{number}.png", picture(number))
        save(tmp_path / "B" / f"{number}.bmp", picture(number))
    assert list(open_data(config(tmp_path), 0).train.names) == ["2.png", "10.png"]


def test_photos_for_a_synthesis_and_doubt(tmp_path):
    for number in range(4):
        save(tmp_path / "photos" / f"{number}.png", picture(number))
    assert "auto: photos" in open_data(config(tmp_path / "photos", synthesis="rain"), 0).notes[0]
    save(tmp_path / "photos" / "wide.png", picture(9, 48, 128))
    with pytest.raises(UserError, match=r"photos or pairs side by side\? .*say data.layout=photos or data.layout=side"):
        open_data(config(tmp_path / "photos", synthesis="rain"), 0)


def test_grey_among_rgb_is_taken_as_rgb_and_16_bits_stay(tmp_path):
    import cv2

    grey, deep = picture(0)[:, :, 0], picture(1).astype(np.uint16) * 257 - 1
    for side in "AB":
        for bits, pixels in ((8, picture(1)), (16, deep)):
            folder = tmp_path / f"{bits}/{side}"
            folder.mkdir(parents=True)
            cv2.imwrite(str(folder / "colour.png"), pixels[:, :, ::-1])
            cv2.imwrite(str(folder / "grey.png"), grey if bits == 8 else grey.astype(np.uint16) * 257)
    for bits, colour, factor in ((8, picture(1), 1), (16, deep, 257)):
        data = open_data(config(tmp_path / str(bits)), 0)
        made = {name: data.train.whole(index)["source"] for index, name in enumerate(data.train.names)}
        same = np.repeat(grey[:, :, None], 3, axis=2).astype(colour.dtype) * factor
        assert np.array_equal(made["grey.png"], same)
        assert np.array_equal(made["colour.png"], colour)
        assert made["colour.png"].dtype == colour.dtype
    save(tmp_path / "16/A/grey.png", grey)
    with pytest.raises(
        UserError, match=r"sources are of uint16 \(.*A/colour.png\) and uint8 \(.*A/grey.png\): convert"
    ):
        open_data(config(tmp_path / "16"), 0)


def test_unpaired_folders_and_their_direction(tmp_path):
    for number in range(3):
        save(tmp_path / "trainA" / f"a{number}.png", picture(number))
        save(tmp_path / "trainB" / f"b{number}.png", picture(10 + number))
    for name in ("testA", "testB"):
        save(tmp_path / name / f"{name}.png", picture(20))
    data = open_data(config(tmp_path), 0)
    assert (data.train.kind, list(data.train.names)) == ("unpaired", ["a0.png", "a1.png", "a2.png"])
    assert list(data.validation.names) == ["testA.png"]
    turned = open_data(config(tmp_path, direction="BtoA"), 0)
    assert (list(turned.train.names), list(turned.validation.names)) == (["b0.png", "b1.png", "b2.png"], ["testB.png"])


def test_unpaired_partners_are_drawn_anew_in_each_epoch(tmp_path):
    for number in range(4):
        save(tmp_path / "trainA" / f"{number}.png", np.full((8, 8, 3), number, np.uint8))
        save(tmp_path / "trainB" / f"{number}.png", np.full((8, 8, 3), 100 + number, np.uint8))
    samples = open_data(config(tmp_path, crop=8), 0).train
    drawn = [[round(float(samples.sample(e, i, 0)["target"][0, 0, 0]) * 127.5 + 127.5) for i in range(4)] for e in "01"]
    assert drawn[0] != drawn[1]
    assert {value for epoch in drawn for value in epoch} <= {100, 101, 102, 103}


def test_an_unpaired_pass_is_as_long_as_the_larger_side(tmp_path):
    for number in range(7):
        save(tmp_path / "trainB" / f"{number}.png", np.full((8, 8, 3), 100 + number, np.uint8))
    for number in range(3):
        save(tmp_path / "trainA" / f"{number}.png", np.full((8, 8, 3), number, np.uint8))
    for number in range(2):
        save(tmp_path / "testA" / f"{number}.png", picture(number))
        save(tmp_path / "testB" / f"{number}.png", picture(number))
    data = open_data(config(tmp_path, crop=8), 0)
    assert len(data.train) == 7
    assert "3 sources and 7 targets" in data.notes[0]
    sources = [round(float(data.train.sample(0, i, 0)["source"][0, 0, 0]) * 127.5 + 127.5) for i in range(7)]
    assert sources == [0, 1, 2, 0, 1, 2, 0]
    assert len(open_data(config(tmp_path, crop=8, direction="BtoA"), 0).train) == 7
    # each source is translated once in validation
    assert list(data.validation.names) == ["0.png", "1.png"]


def test_small_pictures_are_told(pairs):
    notes = open_data(config(pairs, crop=50), 0).notes
    assert notes[1] == (
        "6 of 6 pictures are smaller than the crop of 50 px: they are mirrored at the right and below to fit"
    )
    assert len(open_data(config(pairs, crop=48), 0).notes) == 1


def test_manifest_holds_contents_and_notices_a_change(pairs):
    import hashlib

    before = open_data(config(pairs), 0).manifest
    file = pairs / "3.png"
    entry = next(e for e in before["files"] if e["name"] == "3.png")
    assert entry == {
        "name": "3.png",
        "bytes": file.stat().st_size,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    save(file, np.concatenate([picture(3), picture(4)], 1))
    assert open_data(config(pairs), 0).manifest["hash"] != before["hash"]


def _missing(root: Path) -> DataConfig:
    return config(root / "nowhere")


def _empty(root: Path) -> DataConfig:
    (root / "set").mkdir()
    return config(root / "set", layout="side_by_side")


def _file(root: Path) -> DataConfig:
    return config(save(root / "one.png", picture(0)))


def _odd(root: Path) -> DataConfig:
    save(root / "set/1.png", picture(0, 32, 64))
    save(root / "set/2.png", picture(0, 32, 63))
    return config(root / "set", layout="side_by_side")


def _alone(root: Path) -> DataConfig:
    two(root / "set", "A", "B")
    save(root / "set/A/extra.png", picture(0))
    (root / "set/A/1.png").unlink()
    return config(root / "set")


def _many(root: Path) -> DataConfig:
    two(root / "set", "A", "B", range(9))
    for number in range(1, 9):
        (root / f"set/B/{number}.png").unlink()
    return config(root / "set")


def _sizes(root: Path) -> DataConfig:
    two(root / "set", "A", "B")
    save(root / "set/B/2.png", picture(0, 48, 60))
    return config(root / "set")


def _doubled(root: Path) -> DataConfig:
    two(root / "set", "A", "B")
    save(root / "set/A/1.bmp", picture(1))
    return config(root / "set")


def _no_picture(root: Path) -> DataConfig:
    two(root / "set", "A", "B")
    (root / "set/A/1.png").write_text("hello")
    return config(root / "set")


def _empty_file(root: Path) -> DataConfig:
    save(root / "set/1.png", picture(0))
    (root / "set/2.png").touch()
    return config(root / "set", layout="photos", synthesis="rain")


def _photos(root: Path) -> DataConfig:
    save(root / "set/1.png", picture(0))
    return config(root / "set", layout="photos")


def _broken_npz(root: Path) -> DataConfig:
    (root / "set.npz").write_bytes(b"PK\x03\x04 cut")
    return config(root / "set.npz")


def _wrong_npz(root: Path) -> DataConfig:
    np.savez(root / "set.npz", images=np.zeros((2, 4, 4, 3), np.float32))
    return config(root / "set.npz")


def _half(root: Path) -> DataConfig:
    two(root, "set/A/train", "set/B/train")
    two(root, "set/A/val", "set/B/other")
    return config(root / "set")


ERRORS = [
    (_missing, "--data {0}/nowhere: no such folder"),
    (_empty, "{0}/set: no pictures in it (looked for "),
    (_file, "--data {0}/one.png: is a file; a folder of pictures is needed, or arrays (.npy, "),
    (_odd, "a pair side by side needs an even width (two halves of one size): {0}/set/2.png (63 px wide)"),
    (
        _alone,
        "pairs are matched by name; without partner in {0}/set/B: {0}/set/A/extra.png; without partner in {0}/set/A: "
        "{0}/set/B/1.png; add the missing files or remove these",
    ),
    (
        _many,
        "pairs are matched by name; without partner in {0}/set/B: {0}/set/A/1.png, {0}/set/A/2.png, {0}/set/A/3.png, "
        "{0}/set/A/4.png, {0}/set/A/5.png and 3 more; add the missing files or remove these",
    ),
    (
        _sizes,
        "the two pictures of a pair differ in size: {0}/set/A/2.png (64x48 against 60x48); replace them, or remove "
        "both of a pair",
    ),
    (_doubled, "{0}/set/A/1.png and 1.bmp have the same name but for the ending: which one is meant?"),
    (_no_picture, "{0}/set/A/1.png: not a picture (or of an unknown kind)"),
    (_empty_file, "{0}/set/2.png: empty file"),
    (
        _photos,
        "{0}/set: data.layout=photos needs a data.synthesis (rain, hole, edges, colorize, superres, denoise, deblur, "
        "dehaze, jpeg) to make the source of",
    ),
    (_broken_npz, "--data {0}/set.npz: an .npz with an array 'images' is needed; this is none"),
    (_wrong_npz, "--data {0}/set.npz: every value is 0; there is nothing to learn"),
    (_half, "{0}/set/A/val: its counterpart is missing (A and B must match)"),
]


@pytest.mark.parametrize(("make", "line"), ERRORS, ids=[make.__name__ for make, _ in ERRORS])
def test_what_is_refused_and_how(tmp_path, make, line):
    with pytest.raises(UserError) as caught:
        open_data(make(tmp_path), 0)
    message = str(caught.value)
    assert message.startswith(line.format(tmp_path))
    assert "\n" not in message
    assert type(caught.value).exit_status == 2
