"""Folders as the data sets of other programs have them come out as what they are, or are refused with the reason."""

from __future__ import annotations

import io
import random
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import picture
from img2img.config import build, override
from img2img.data import Data, DataConfig, open_data, open_test
from img2img.errors import UserError

RAINY, CLEAN = 50, 200


def put(root: Path, names: Iterable[str], level: int = CLEAN, size: tuple[int, int] = (40, 32)) -> None:
    """Pictures of one level: what a file is taken for can be seen in its pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", size, (level,) * 3).save(buffer, "PNG")
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(buffer.getvalue())


def pairs(root: Path, source: str, target: str, keys: Iterable[object] = range(4)) -> Path:
    """Sources and targets; ``source`` and ``target`` are patterns of whole paths."""
    for pattern, level in ((source, RAINY), (target, CLEAN)):
        put(root, [pattern.replace("{}", str(key)) for key in keys], level)
    return root


def opened(root: Path, *overrides: str, **extra: object) -> Data:
    """As ``derain`` opens it, A being the source."""
    tree = {"path": str(root), "synthesis": "rain", "crop": 16, "validation": 0.0, **extra}
    return open_data(build(DataConfig, {**tree, **override(overrides).get("data", {})}, "test"), 0)


def levels(data: Data) -> tuple[set[int], set[int]]:
    """The levels of all sources and of all targets."""
    wholes = [data.train.whole(index) for index in range(len(data.train))]
    return tuple({int(value) for whole in wholes for value in np.unique(whole[side])} for side in ("source", "target"))  # type: ignore[return-value]


KNOWN = {
    "pix2pixHD": ("train_A/{}.png", "train_B/{}.png"),
    "BasicSR": ("lq/{}.png", "gt/{}.png"),
    "BasicSR in capitals": ("LQ/{}.png", "GT/{}.png"),
    "BasicSR HQ": ("LQ/{}.png", "HQ/{}.png"),
    "MPRNet": ("train/input/{}.png", "train/target/{}.png"),
    "parts in the sides": ("A/train/{}.png", "B/train/{}.png"),
    "parts in sides of names": ("lq/training/{}.png", "gt/training/{}.png"),
    "suffixes A and B": ("x{}_A.png", "x{}_B.png"),
    "suffixes": ("x{}_rainy.png", "x{}_clean.png"),
    "Rain100H": ("rain-{}.png", "norain-{}.png"),
    "Rain1400's names": ("rainy_image/{}.png", "ground_truth/{}.png"),
    "GoPro": ("{}/blur/1.png", "{}/sharp/1.png"),
    "GoPro in parts": ("train/GOPR{}/blur/1.png", "train/GOPR{}/sharp/1.png"),
    "LOL": ("our485/low/{}.png", "our485/high/{}.png"),
    "SIDD": ("Data/{}_S6/NOISY_SRGB_010.PNG", "Data/{}_S6/GT_SRGB_010.PNG"),
    "SIDD, numbers before": ("Data/{}_S6/x{}_NOISY_SRGB_010.PNG", "Data/{}_S6/x{}_GT_SRGB_010.PNG"),
    "both sides in one sub-folder": ("rainy/rain-{}.png", "rainy/norain-{}.png"),
    "REDS": ("train_blur/000/{}.png", "train_sharp/000/{}.png"),
    "Kaggle's folder in a folder": ("dataset/dataset/input/{}.png", "dataset/dataset/target/{}.png"),
    "joined with a dash": ("train-input/{}.png", "train-target/{}.png"),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_layouts_are_pairs(tmp_path, name):
    data = opened(pairs(tmp_path, *KNOWN[name]))
    assert len(data.train) == 4
    assert levels(data) == ({RAINY}, {CLEAN})
    assert "photos" not in data.notes[0]


@pytest.mark.parametrize(
    ("source", "target"),
    [("input/{}.png", "target/{}.png"), ("{}_input.png", "{}_target.png"), ("{}/blur/1.png", "{}/sharp/1.png")],
)
def test_a_third_side_is_left_aside(tmp_path, source, target):
    third = source.replace("input", "mask").replace("blur", "blur_gamma")
    put(pairs(tmp_path, source, target), [third.replace("{}", str(number)) for number in range(4)], 99)
    assert levels(opened(tmp_path)) == ({RAINY}, {CLEAN})
    assert any("left aside, 4" in note for note in opened(tmp_path).notes)


def test_words_right_before_numbers(tmp_path):
    assert levels(opened(pairs(tmp_path, "input{}.png", "target{}.png"))) == ({RAINY}, {CLEAN})


def test_scenes_in_folders_do_not_hide_what_names_say(tmp_path):
    for scene in ("city", "wood"):
        pairs(tmp_path, f"{scene}/{{}}_rain.png", f"{scene}/{{}}_clean.png")
    assert (len(opened(tmp_path).train), *levels(opened(tmp_path))) == (8, {RAINY}, {CLEAN})


@pytest.mark.parametrize("names", [("Img{}", "img{}"), ("{}", "000{}")])
def test_capitals_and_zeros_are_habits(tmp_path, names):
    pairs(tmp_path, f"input/{names[0]}.PNG", f"target/{names[1]}.png")
    assert levels(opened(tmp_path)) == ({RAINY}, {CLEAN})
    # with one left over nothing is guessed
    put(tmp_path, ["target/99.png"])
    with pytest.raises(UserError, match="without partner"):
        opened(tmp_path)


def test_capitals_and_zeros_of_unknown_sides_are_asked_about(tmp_path):
    pairs(tmp_path, "foo/Img{}.png", "bar/img000{}.png")
    with pytest.raises(UserError, match="bar, foo hold the same names"):
        opened(tmp_path)
    assert levels(opened(tmp_path, source="foo", target="bar")) == ({RAINY}, {CLEAN})


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("DIV2K_train_LR_bicubic/X2/{}x2.png", "DIV2K_train_HR/{}.png"),
        ("LR_bicubic/X2/{}x2.png", "HR/{}.png"),
        ("rainy/rain-{}.png", "norain-{}.png"),
        ("data/{}_rain.png", "gt/{}_clean.png"),
        ("Train/Low/low{}.png", "Train/Normal/normal{}.png"),
        ("in{}.png", "gt{}.png"),
    ],
)
def test_names_with_something_more_on_either_side_are_never_photos(tmp_path, source, target):
    pairs(tmp_path, source, target, ["0001", "0002", "0003"])
    with pytest.raises(UserError, match=r"pairs\? say which is the source") as caught:
        opened(tmp_path)
    cures = re.findall(r"'data\.pattern=[^']+'", str(caught.value))
    found = [levels(opened(tmp_path, *shlex.split(cure))) for cure in cures]
    assert sorted(found, key=str) == sorted([({RAINY}, {CLEAN}), ({CLEAN}, {RAINY})], key=str)


def test_a_folder_below_one_side_is_in_the_proposed_pattern(tmp_path):
    pairs(tmp_path, "LR/X2/{}x2.png", "HR/{}.png", ["0001", "0002", "0003"])
    with pytest.raises(UserError, match="would match all") as caught:
        opened(tmp_path)
    (cure,) = re.findall(r"'data\.pattern=[^']+'", str(caught.value))
    assert levels(opened(tmp_path, *shlex.split(cure))) == ({RAINY}, {CLEAN})


def test_several_numbers_behind_a_clean_name(tmp_path):
    # RESIDE: hazy/1_2_0.98.png of clear/1.png
    for clean in ("1", "2"):
        put(tmp_path, [f"hazy/{clean}_{number}_0.9{number}.png" for number in range(3)], RAINY)
        put(tmp_path, [f"clear/{clean}.png"])
    assert (len(opened(tmp_path).train), *levels(opened(tmp_path))) == (6, {RAINY}, {CLEAN})


@pytest.mark.parametrize("folder", ["input", "rainy", "train/input", "LQ"])
def test_sources_alone_are_no_clean_photos(tmp_path, folder):
    put(tmp_path, [f"{folder}/{number}.png" for number in range(3)], RAINY)
    with pytest.raises(UserError, match=r"is named as sources, and its counterpart .* is missing"):
        opened(tmp_path)
    assert len(opened(tmp_path, layout="photos").train) == 3


@pytest.mark.parametrize("folder", ["__MACOSX/cats", "@eaDir", ".ipynb_checkpoints"])
def test_what_systems_leave_is_no_picture(tmp_path, folder):
    put(tmp_path, ["cats/1.png", "cats/2.png", f"{folder}/1.png", f"{folder}/3.png"])
    assert list(opened(tmp_path).train.names) == ["cats/1.png", "cats/2.png"]


def test_of_three_letters_none_is_taken(tmp_path):
    pairs(tmp_path, "train/train_A/{}.png", "train/train_C/{}.png")
    put(tmp_path, [f"train/train_B/{number}.png" for number in range(4)], 99)
    with pytest.raises(UserError, match=r"data\.source=A data\.target=C"):
        opened(tmp_path)
    assert levels(opened(tmp_path, source="A", target="C")) == ({RAINY}, {CLEAN})


@pytest.mark.parametrize("seed", range(40))
def test_random_trees_come_out_as_what_they_are(tmp_path, seed):
    draw = random.Random(seed)
    source, target = KNOWN[draw.choice(sorted(KNOWN))]
    word = draw.choice(["", "img_", "scene", "a-b ", "Straße", "x.y"])
    keys = [f"{word}{number}" for number in draw.sample(range(1, 2000), draw.randint(2, 7))]
    pairs(tmp_path, source, target, keys)
    tested = "train" in source and draw.random() < 0.5
    if tested:
        # a part to test on, which must never be trained on, whole or without its truth
        both = [re.sub("train(ing)?", "test", pattern) for pattern in (source, target)]
        put(tmp_path, [pattern.replace("{}", "99999") for pattern in both[: draw.randint(1, 2)]], 99)
    data = opened(tmp_path)
    assert (len(data.train), *levels(data)) == (len(keys), {RAINY}, {CLEAN})


@pytest.mark.parametrize("seed", range(40))
def test_random_names_of_sides_are_asked_for_and_the_cure_works(tmp_path, seed):
    draw = random.Random(seed)
    one, other = draw.sample(["photo", "label", "before", "after", "foo", "winter", "maps", "depth"], 2)
    patterns = [
        ("{side}/{{}}.png", 1),
        ("train/{side}/{{}}.png", 1),
        ("{side}/train/{{}}.png", 1),
        ("train_{side}/{{}}.png", 1),
        ("{{}}_{side}.png", 3),
        ("{side}-{{}}.png", 3),
        ("{{}}/{side}/7.png", 3),
    ]
    pattern, least = draw.choice(patterns)
    keys = draw.sample(range(1, 500), draw.randint(least, 6))
    pairs(tmp_path, pattern.format(side=one), pattern.format(side=other), keys)
    with pytest.raises(UserError, match=r"pairs\? say which is the source") as caught:
        opened(tmp_path)
    ways = [
        shlex.split(way)
        for way in re.findall(r"(?:data\.source=\S+ data\.target=[^\s;]+|'data\.pattern=[^']+')", str(caught.value))
    ]
    found = [levels(opened(tmp_path, *way)) for way in ways]
    assert sorted(found, key=str) == sorted([({RAINY}, {CLEAN}), ({CLEAN}, {RAINY})], key=str)


@pytest.mark.parametrize(("more", "ways"), [("x4", 2), ("_1", 1)])
def test_folders_whose_names_have_something_more_are_asked_about(tmp_path, more, ways):
    pairs(tmp_path, f"foo/{{}}{more}.png", "bar/{}.png", ["0001", "0002", "0003"])
    with pytest.raises(UserError, match=r"names repeat as foo/\{\}\S+, bar/\{\} \(6 of 6 pictures\)") as caught:
        opened(tmp_path)
    cures = re.findall(r"'data\.pattern=[^']+'", str(caught.value))
    assert len(cures) == ways
    assert levels(opened(tmp_path, *shlex.split(cures[0]))) == ({RAINY}, {CLEAN})


def test_photos_in_sub_folders_are_photos(tmp_path):
    for folder, names in (
        ("cats", "abc"),
        ("dogs", "def"),
        ("clip1", ["clip1_0001", "clip1_0002"]),
        ("clip2", ["clip2_0001"]),
    ):
        put(tmp_path, [f"{folder}/{name}.png" for name in names])
    assert "auto: photos, rain made on clean photos by data.synthesis" in opened(tmp_path).notes[0]


@pytest.mark.parametrize(
    "names",
    [
        [f"IMG_{number:04}.png" for number in range(9)],
        [f"clip{clip}_{number:04}.png" for clip in (1, 2) for number in range(5)],
        ["photo.png", "photo_1.png", "other.png", "third.png", "photo (1).png"],
        [f"{number}.png" for number in range(1, 25)],
        ["cat_black.png", "cat_white.png", "dog.png"],
    ],
)
def test_photos_in_one_folder_are_photos(tmp_path, names):
    put(tmp_path, names)
    data = opened(tmp_path)
    assert (len(data.train), data.notes[0].count("auto: photos")) == (len(names), 1)


def test_what_is_photos_by_order_is_photos_and_said(tmp_path):
    pairs(tmp_path, "foo/{}.png", "bar/{}.png")
    data = opened(tmp_path, layout="photos")
    assert len(data.train) == 8
    assert any(
        "bar, foo hold the same names (8 of 8 pictures): each picture stands for itself, as data.layout=photos says"
        in note
        for note in data.notes
    )


def test_two_kinds_of_targets_are_asked_about(tmp_path):
    pairs(tmp_path, "rainy/{}.png", "clean/{}.png")
    put(tmp_path, [f"gt/{number}.png" for number in range(4)])
    with pytest.raises(
        UserError, match=r"data\.source=rainy data\.target=clean or data\.source=rainy data\.target=gt;"
    ):
        opened(tmp_path)
    assert levels(opened(tmp_path, source="rainy", target="gt")) == ({RAINY}, {CLEAN})


def test_pictures_with_two_endings_are_told_apart_by_them(tmp_path):
    pairs(tmp_path, "cmp_b{}.png", "cmp_b{}.jpg")
    with pytest.raises(UserError, match=r"names repeat as \{\}\.jpg, \{\}\.png"):
        opened(tmp_path)
    assert levels(opened(tmp_path, 'data.pattern={source: "{}.png", target: "{}.jpg"}')) == ({RAINY}, {CLEAN})


@pytest.mark.parametrize(
    "folders",
    [
        ("train_A", "test_A"),
        ("foo/train", "foo/test"),
        ("trainA", "testA"),
        ("DIV2K_train_HR", "DIV2K_valid_HR"),
        ("train2017", "val2017"),
        ("a/b/train", "a/b/test"),
    ],
)
def test_parts_are_not_poured_together(tmp_path, folders):
    for folder in folders:
        put(tmp_path, [f"{folder}/{folders.index(folder)}{number}.png" for number in range(3)])
    with pytest.raises(
        UserError, match="pictures to test on would be trained on; name the folder that is meant, such as --data"
    ) as caught:
        opened(tmp_path)
    assert opened(Path(str(caught.value).rpartition(" ")[2])).train


def test_pix2pixhd_a_is_the_source_whatever_the_direction(tmp_path):
    data = opened(pairs(tmp_path, "train_A/{}.png", "train_B/{}.png"), direction="BtoA")
    assert levels(data) == ({RAINY}, {CLEAN})
    assert any("data.source=B data.target=A turns it" in note for note in data.notes)
    assert levels(opened(tmp_path, source="B", target="A")) == ({CLEAN}, {RAINY})


@pytest.mark.parametrize(
    ("source", "target"), [("A/{}.png", "B/{}.png"), ("A/train/{}.png", "B/train/{}.png"), ("{}_A.png", "{}_B.png")]
)
def test_a_and_b_ask_the_direction(tmp_path, source, target):
    assert levels(opened(pairs(tmp_path, source, target), direction="BtoA")) == ({CLEAN}, {RAINY})


def test_many_rainy_pictures_of_one_clean_share_its_scene(tmp_path):
    for number in range(901, 907):
        clean = Image.fromarray(picture(number))
        for folder, names in (("ground_truth", [number]), ("rainy_image", [f"{number}_{n}" for n in range(1, 15)])):
            for name in names:
                put(tmp_path, [f"{folder}/{name}.png"])
                clean.save(tmp_path / f"{folder}/{name}.png")
    data = opened(tmp_path, validation=0.3)
    assert data.validation is not None
    held, kept = ({name.partition("_")[0] for name in part.names} for part in (data.validation, data.train))
    assert held
    assert not held & kept
    assert len(data.train) + len(data.validation) == 84
    # each file is in the manifest once
    assert len(data.manifest["files"]) == 84 + 6
    assert any("84 sources of 6 targets" in note for note in data.notes)


def test_a_test_part_without_truth_does_not_stop_training(tmp_path):
    pairs(tmp_path, "train/A/{}.png", "train/B/{}.png")
    put(tmp_path, ["test/A/7.png"])
    data = opened(tmp_path)
    assert len(data.train) == 4
    assert f"{tmp_path}/test/A: its counterpart is missing (A and B must match); left aside" in " ".join(data.notes)
    with pytest.raises(UserError, match=r"nothing to test on: .*test/A: its counterpart is missing"):
        open_test(DataConfig(path=str(tmp_path)), str(tmp_path))
    put(tmp_path, ["test/B/7.png"])
    assert list(open_test(DataConfig(path=str(tmp_path)), str(tmp_path)).names) == ["7.png"]


def test_pictures_alone_as_a_test_part_do_not_stop_training(tmp_path):
    pairs(tmp_path, "train/input/{}.png", "train/target/{}.png")
    put(tmp_path, ["test/7.png"])
    assert "test: has no two sub-folders input and target; left aside" in " ".join(opened(tmp_path).notes)


def test_testa_alone_does_not_stop_training_without_pairs(tmp_path):
    put(tmp_path, ["trainA/1.png", "trainB/2.png", "testA/3.png"])
    assert "testA has no counterpart; left aside" in " ".join(opened(tmp_path).notes)


def test_unpaired_by_name_is_said_and_can_be_pairs(tmp_path):
    data = opened(pairs(tmp_path, "trainA/{}.png", "trainB/{}.png"))
    assert data.train.kind == "unpaired"
    assert any("where each has its own, add data.layout=two_folders" in note for note in data.notes)
    assert levels(opened(tmp_path, layout="two_folders")) == ({RAINY}, {CLEAN})


def test_linked_folders_and_files_are_followed_without_going_in_circles(tmp_path):
    put(tmp_path / "elsewhere", ["a.png", "b.png"])
    put(tmp_path / "set/own", ["c.png"])
    (tmp_path / "set/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set/own/d.png").symlink_to(tmp_path / "elsewhere/a.png")
    (tmp_path / "set/own/up").symlink_to(tmp_path / "set")
    (tmp_path / "set/own/gone.png").symlink_to(tmp_path / "nowhere.png")
    data = opened(tmp_path / "set")
    assert list(data.train.names) == ["linked/a.png", "linked/b.png", "own/c.png", "own/d.png"]
    assert "links that lead nowhere or in circles are left aside, 2: own/gone.png, own/up" in data.notes[-1]


def test_arrays_without_channels_and_of_their_own_size(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype=np.uint8)
    np.savez(tmp_path / "flat.npz", images=images)
    np.savez(tmp_path / "deep.npz", images=images[..., None])
    flat, deep = (
        open_data(DataConfig(path=str(tmp_path / name), load=28, crop=28, validation=0.0), 0)
        for name in ("flat.npz", "deep.npz")
    )
    assert flat.manifest["hash"] == deep.manifest["hash"]
    assert np.array_equal(flat.train.whole(3)["target"][..., 1], images[3])
    assert flat.train.sample(0, 0, 0)["target"].shape == (3, 28, 28)
    small = DataConfig(path=str(tmp_path / "flat.npz"), load=32, crop=32)
    with pytest.raises(
        UserError, match=r"are 28x28 px, and data\.load=32 would enlarge them; data\.load=28 data\.crop=28"
    ):
        open_data(small, 0)
    asked = DataConfig(path=str(tmp_path / "flat.npz"), load=32, crop=32, enlarge=True)
    assert open_data(asked, 0).train.sample(0, 0, 0)["target"].shape == (3, 32, 32)


def test_pictures_outside_the_parts_are_counted(tmp_path):
    pairs(tmp_path, "train/A/{}.png", "train/B/{}.png")
    put(tmp_path, ["train/loose.png", "depth/1.png", "test/A/9.png"])
    notes = opened(tmp_path).notes
    assert (
        sum("pictures in no part of it are left aside, 2: depth/1.png, train/loose.png" in note for note in notes) == 1
    )
    assert len(notes) == 3


def test_of_three_letters_in_names_none_says_what_it_is(tmp_path):
    put(tmp_path, [f"{letter}{number}.png" for letter in "abc" for number in range(5)], CLEAN)
    with pytest.raises(UserError) as caught:
        opened(tmp_path)
    assert "names repeat as a{}, b{}, c{} (15 of 15 pictures): pairs?" in str(caught.value)


@pytest.mark.parametrize(
    ("folder", "name"), [("train_masks", "{}_mask"), ("trainannot", "{}"), ("train_labels", "{}_L")]
)
def test_labels_beside_train_are_its_other_side(tmp_path, folder, name):
    stems = ["0016E5_00390", "0016E5_00420", "0016E5_00450", "0016E5_00480"]
    put(tmp_path, [f"train/{stem}.png" for stem in stems], CLEAN)
    put(tmp_path, [f"{folder}/{name.format(stem)}.png" for stem in stems], RAINY)
    with pytest.raises(UserError, match=rf"train and .*{folder} hold the same names: pairs\?"):
        opened(tmp_path)
    assert len(opened(tmp_path, layout="photos").train) == 4
    # the cure
    (tmp_path / folder).rename(tmp_path / "target")
    (tmp_path / "train").rename(tmp_path / "source")
    (tmp_path / "train").mkdir()
    for side in ("source", "target"):
        (tmp_path / side).rename(tmp_path / "train" / side)
    pattern = f'data.pattern={{source: "{{}}", target: "{name}"}}'
    data = opened(tmp_path, *([] if name == "{}" else [pattern]))
    assert (data.train.kind, len(data.train)) == ("pairs", 4)


def test_folders_of_other_names_beside_train_are_left_alone(tmp_path):
    put(tmp_path, [f"train/a{number}x.png" for number in range(4)], CLEAN)
    put(tmp_path, [f"extra/b{number}y.png" for number in range(40, 44)], RAINY)
    assert len(opened(tmp_path).train) == 4
