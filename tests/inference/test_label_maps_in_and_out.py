"""Label maps through weights: files in, palette PNGs out, and what is refused before anything is written."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from img2img.config import build
from img2img.data.labels import LabelMaps
from img2img.errors import UserError
from img2img.inference import Shape, Translator
from img2img.inference.folder import translate_folder
from img2img.inference.jobs import list_jobs
from img2img.recipes.method import Method

COLOURS = ((10, 20, 30), (200, 0, 0), (0, 200, 0), (0, 0, 200))
CLASSES = np.arange(48).reshape(6, 8) % 4


class Coloured(nn.Module):
    """Each class's colour, 20 levels too bright."""

    def forward(self, x):
        colours = (torch.tensor(COLOURS, dtype=torch.float32) + 20) / 127.5 - 1
        return torch.einsum("nlhw,lc->nchw", x, colours)


def weights(side, network, source):
    method = build(Method, {"generator": "residual", "generator_losses": {"l1": 1}}, "test")
    shape = Shape(source=source, target=3, size=64)
    labels = LabelMaps(side=side, palette=COLOURS)
    return Translator(network, method, shape, device=torch.device("cpu"), labels=labels)


def label_file(path):
    image = Image.fromarray(CLASSES.astype(np.uint8), "P")
    image.putpalette([level for colour in COLOURS for level in colour])
    path.parent.mkdir(exist_ok=True)
    image.save(path)


def run(translator, given, output):
    jobs = list_jobs(translator, given, output, None, None, 1)
    return translate_folder(translator, jobs, keep_format=True)


def test_palette_and_index_files_go_in_alike(tmp_path):
    label_file(tmp_path / "in/a.png")
    Image.fromarray(CLASSES.astype(np.uint8)).save(tmp_path / "in/b.png")
    assert run(weights("source", Coloured(), 4), tmp_path / "in", tmp_path / "out").done == 2
    for name in ("a.png", "b.png"):
        with Image.open(tmp_path / "out" / name) as image:
            assert image.mode == "RGB"
            assert np.array_equal(np.asarray(image), np.array(COLOURS)[CLASSES] + 20)


def test_a_photo_becomes_a_palette_png_of_the_nearest_classes(tmp_path):
    (tmp_path / "in").mkdir()
    photo = np.array(COLOURS, np.uint8)[CLASSES] + np.uint8(9)
    Image.fromarray(photo).save(tmp_path / "in/a.bmp")
    Image.fromarray(photo.repeat(8, 0).repeat(8, 1)).save(tmp_path / "in/b.jpg", quality=100, subsampling=0)
    assert run(weights("target", nn.Identity(), 3), tmp_path / "in", tmp_path / "out").done == 2
    with Image.open(tmp_path / "out/a.png") as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), CLASSES)
        assert tuple(image.getpalette()[:12]) == tuple(level for colour in COLOURS for level in colour)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]


def test_label_maps_are_never_written_as_jpeg(tmp_path):
    (tmp_path / "in").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "in/a.png")
    with pytest.raises(UserError, match="--format jpg: these weights make label maps"):
        list_jobs(weights("target", nn.Identity(), 3), tmp_path / "in", tmp_path / "out", None, ".jpg", 1)


@pytest.mark.parametrize(
    ("form", "said"), [("class", r"has the class 7.*take label maps of 4 classes"), ("jpeg", "given as JPEG")]
)
def test_sources_of_other_classes_are_refused_before_anything_is_written(tmp_path, form, said):
    label_file(tmp_path / "in/a.png")
    if form == "class":
        Image.fromarray(np.full((6, 8), 7, np.uint8)).save(tmp_path / "in/b.png")
    else:
        Image.new("RGB", (8, 6)).save(tmp_path / "in/b.jpg")
    with pytest.raises(UserError, match=said):
        run(weights("source", Coloured(), 4), tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_array_of_classes_gives_colours():
    made = weights("source", Coloured(), 4)
    expected = np.array(COLOURS)[CLASSES] + 20
    assert np.array_equal(made(CLASSES.astype(np.uint8)), expected)
    assert np.array_equal(made(np.array(COLOURS, np.uint8)[CLASSES]), expected)
