"""Label maps as classes: read by index, one-hot as sources, nearest neighbours, and what is refused."""

import numpy as np
import pytest
import torch
from PIL import Image

from img2img.data import open_data, open_test
from img2img.data.config import DataConfig, Jitter
from img2img.data.labels import LabelMaps
from img2img.errors import UserError
from img2img.images.labels import nearest_classes, voc_palette
from img2img.metrics.segmentation import classes_in

COLOURS = ((10, 20, 30), (200, 0, 0), (0, 200, 0), (0, 0, 200))


def classes_of(number, side=48):
    return np.random.default_rng(number).integers(0, 4, (side // 8, side // 8)).repeat(8, 0).repeat(8, 1)


def palette_image(classes, colours=COLOURS):
    image = Image.fromarray(classes.astype(np.uint8), "P")
    image.putpalette([level for colour in colours for level in colour])
    return image


def make(folder, form="palette", count=4):
    for name in ("label", "photo"):
        (folder / "train" / name).mkdir(parents=True)
    for number in range(count):
        classes = classes_of(number)
        label, ending = palette_image(classes), "png"
        if form == "grey":
            label = Image.fromarray(classes.astype(np.uint8))
        elif form == "deep":
            label = Image.fromarray(classes.astype(np.uint16))
        elif form == "jpeg":
            label, ending = label.convert("RGB"), "jpg"
        label.save(folder / f"train/label/{number}.{ending}")
        photo = np.random.default_rng(100 + number).integers(0, 256, (48, 48, 3), np.uint8)
        Image.fromarray(photo).save(folder / f"train/photo/{number}.png")
    return folder


def config(folder, source="label", target="photo", **more):
    values = {"path": str(folder), "labels": 4, "crop": 48, "flip": False, "validation": 0.0, **more}
    return DataConfig(source=source, target=target, **values)


@pytest.mark.parametrize("form", ["palette", "grey", "deep"])
def test_a_label_map_goes_in_one_hot(tmp_path, form):
    samples = open_data(config(make(tmp_path, form)), 0).train
    source = samples.sample(0, 1, 0)["source"]
    assert source.shape == (4, 48, 48)
    assert source.unique().tolist() == [0, 1]
    assert np.array_equal(source.argmax(0).numpy(), classes_of(1))
    assert samples.labels.side == "source"
    assert samples.labels.palette == (COLOURS if form == "palette" else voc_palette(4))


def test_a_label_map_comes_out_as_colours(tmp_path):
    samples = open_data(config(make(tmp_path), "photo", "label"), 0).train
    target = samples.sample(0, 2, 0)["target"]
    expected = torch.tensor(COLOURS)[torch.from_numpy(classes_of(2))].permute(2, 0, 1) / 127.5 - 1
    torch.testing.assert_close(target, expected)
    assert samples.labels.side == "target"


@pytest.mark.parametrize("load", [24, 96, 30])
def test_resizing_makes_no_colour_of_two_classes(tmp_path, load):
    samples = open_data(config(make(tmp_path), crop=load, load=load), 0).train
    assert {tuple(c) for c in samples.whole(0)["source"].reshape(-1, 3)} <= set(COLOURS)
    assert samples.sample(0, 0, 0)["source"].sum(0).unique().tolist() == [1]


def test_a_change_of_colours_leaves_labels_alone(tmp_path):
    jitter = Jitter(brightness=0.5, permute=1.0)
    samples = open_data(config(make(tmp_path), jitter=jitter), 0).train
    sample = samples.sample(0, 1, 0)
    assert np.array_equal(sample["source"].argmax(0).numpy(), classes_of(1))
    plain = open_data(config(tmp_path), 0).train.sample(0, 1, 0)
    assert not torch.equal(sample["target"], plain["target"])


def test_the_weights_palette_goes_before_the_files(tmp_path):
    labels = LabelMaps(side="source", palette=voc_palette(4))
    samples = open_test(config(make(tmp_path)), str(tmp_path), labels)
    assert {tuple(c) for c in samples.whole(0)["source"].reshape(-1, 3)} <= set(voc_palette(4))


def test_voc_palette():
    # as printed in Pascal VOC's development kit
    assert voc_palette(9) == (
        (0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128), (128, 128, 128),
        (64, 0, 0),
    )  # fmt: skip
    assert len(set(voc_palette(1024))) == 1024


def test_the_nearest_colour_is_the_same_in_pictures_and_in_measures():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    planes = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    assert np.array_equal(nearest_classes(pixels, COLOURS), classes_in(planes, COLOURS)[0].numpy())


def test_a_named_palette_takes_jpeg(tmp_path):
    palette = tmp_path / "palette.png"
    palette_image(classes_of(0)).save(palette)
    given = config(make(tmp_path / "data", "jpeg"), label_side="source", palette=str(palette))
    source = open_data(given, 0).train.sample(0, 3, 0)["source"]
    assert (source.argmax(0).numpy() == classes_of(3)).mean() > 0.99


def test_a_class_that_is_not_counted_names_its_file(tmp_path):
    make(tmp_path)
    odd = classes_of(2)
    odd[0, 0] = 9
    palette_image(odd, voc_palette(10)).save(tmp_path / "train/label/2.png")
    with pytest.raises(UserError, match=r"2\.png: has the class 9, and data.labels=4 knows 0 to 3"):
        open_data(config(tmp_path), 0)


@pytest.mark.parametrize("side", ["auto", "source"])
def test_jpeg_is_refused(tmp_path, side):
    with pytest.raises(UserError, match=r"0\.jpg.*data.palette"):
        open_data(config(make(tmp_path, "jpeg"), label_side=side), 0)


def test_no_label_map_and_no_pairs_are_refused(tmp_path):
    make(tmp_path)
    with pytest.raises(UserError, match="no pairs of photo and label map"):
        open_data(DataConfig(labels=4), 0)
    for number in range(4):
        palette_image(classes_of(number)).save(tmp_path / f"train/photo/{number}.png")
    with pytest.raises(UserError, match=r"both sides could be label maps.*data.label_side"):
        open_data(config(tmp_path), 0)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"labels": 1}, "one class says nothing"),
        ({"palette": "a.png"}, "set data.labels"),
        ({"labels": 3, "synthesis": "rain"}, "leave data.synthesis out"),
    ],
)
def test_keys_that_make_no_sense(keys, said):
    with pytest.raises(ValueError, match=said):
        DataConfig(**keys)
