"""The names a program imports: load, translate, evaluate."""

from __future__ import annotations

import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from translators import translator, weights_file

import img2img
from conftest import picture
from img2img.errors import UserError
from img2img.images import Picture, read, write


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that give their input back."""
    return weights_file(tmp_path_factory.mktemp("weights") / "quick.safetensors")


@pytest.fixture(scope="module")
def derain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that change their input."""
    return weights_file(tmp_path_factory.mktemp("weights") / "l2.safetensors", "l2")


def test_importing_costs_nothing():
    code = (
        "import sys, img2img\n"
        "heavy = {'torch', 'numpy', 'PIL', 'skimage', 'pydantic'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "public = {name for name in vars(img2img) if not name.startswith('_')}\n"
        "assert not public, public\n"
        "from img2img import evaluate, load, translate\n"
        "assert 'torch' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_are_few_and_documented():
    assert img2img.__all__ == ["__version__", "evaluate", "load", "train", "translate"]
    for name in ("evaluate", "load", "train", "translate"):
        text = getattr(img2img, name).__doc__
        assert all(part in text for part in ("Args:", "Returns:", "Raises:", f"img2img.{name}(")), name
    with pytest.raises(AttributeError, match="has no attribute 'lod'"):
        img2img.lod  # noqa: B018


def public(module: ModuleType) -> set[str]:
    """Names that can be imported, but for the modules of a package."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and name != "annotations"
    }


def test_nothing_but_the_promised_names_can_be_imported():
    promised = {name for name in img2img.__all__ if not name.startswith("_")}
    for name in promised:
        getattr(img2img, name)
    assert dir(img2img) == sorted(img2img.__all__)
    assert public(img2img) == promised


def test_the_first_page_shows_every_public_name_and_no_other():
    text = (Path(__file__).resolve().parents[1] / "docs/index.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    shown = {name for block in blocks for name in re.findall(r"\bimg2img\.(\w+)", block)}
    assert shown == {name for name in img2img.__all__ if not name.startswith("_")}


def packages_with_a_face() -> list[str]:
    names = [found.name for found in pkgutil.walk_packages(img2img.__path__, "img2img.") if found.ispkg]
    return [name for name in names if hasattr(import_module(name), "__all__")]


@pytest.mark.parametrize("name", packages_with_a_face())
def test_each_package_gives_what_it_lists(name):
    package = import_module(name)
    assert len(set(package.__all__)) == len(package.__all__)
    assert set(package.__all__) <= public(package)


def test_the_faces_are_the_packages_that_others_import_from():
    assert {"img2img.data", "img2img.doctor", "img2img.images", "img2img.inference", "img2img.metrics"} <= set(
        packages_with_a_face()
    )


IMAGES = {
    "L": picture(0)[:, :, 0],
    "RGB": picture(0),
    "RGBA": np.dstack([picture(0), picture(1)[:, :, 0]]),
    "I;16": picture(0)[:, :, 0].astype(np.uint16) * 200,
}


@pytest.mark.parametrize("mode", IMAGES)
def test_images_come_out_as_images(quick, derain, mode):
    image = Image.fromarray(IMAGES[mode])
    assert image.mode == mode
    made = img2img.load(quick)(image)
    assert isinstance(made, Image.Image)
    assert made.mode == mode
    assert np.array_equal(np.asarray(made), np.asarray(image))
    changed = np.asarray(img2img.load(derain)(image))
    assert changed.shape == IMAGES[mode].shape
    assert not np.array_equal(changed, IMAGES[mode])
    if mode == "RGBA":
        assert np.array_equal(changed[:, :, 3], IMAGES[mode][:, :, 3])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (3, 5, 1), (3, 5, 2), (3, 5, 3), (3, 5, 4)])
def test_arrays_come_out_as_arrays(quick, dtype, shape):
    given = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)
    made = img2img.load(quick)(given)
    assert made.dtype == dtype
    assert np.array_equal(made, given)


def test_arrays_of_another_byte_order(quick):
    given = np.arange(60, dtype=">u2").reshape(3, 5, 4) * 1000
    made = img2img.load(quick)(given)
    assert made.dtype == np.uint16
    assert np.array_equal(made, given)


@pytest.mark.parametrize("shape", [(3, 7, 9), (1, 3, 7, 9), (2, 3, 20, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors_come_out_as_tensors(quick, derain, shape, dtype):
    given = (torch.rand(shape) * 2 - 1).to(dtype)
    made = img2img.load(quick)(given)
    assert made.dtype == dtype
    assert made.shape == given.shape
    assert torch.allclose(made, given, atol=1e-6)
    assert not torch.allclose(img2img.load(derain)(given), given, atol=0.1)


def test_a_tensor_that_looks_like_another_range_is_said(quick, recwarn):
    translate = img2img.load(quick)
    translate(torch.rand(3, 9, 9) * 2 - 1)
    translate(torch.zeros(3, 9, 9))
    assert len(recwarn) == 0
    with pytest.warns(UserWarning, match=r"taken as in \[-1, 1\].* goes in with unit=True, or as 2 \* x - 1") as caught:
        translate(torch.rand(3, 9, 9))
    assert caught[0].filename == __file__


def test_a_path_gives_an_image(quick, derain, tmp_path):
    for name, pixels in (("rgb.png", picture(0)), ("grey16.png", picture(0)[:, :, :1].astype(np.uint16) * 200)):
        write(tmp_path / name, Picture(pixels))
        made = img2img.load(quick)(tmp_path / name)
        assert isinstance(made, Image.Image)
        assert np.array_equal(np.asarray(made), pixels.squeeze())
    assert np.array_equal(np.asarray(img2img.load(derain)(str(tmp_path / "rgb.png"))), img2img.load(derain)(picture(0)))
    # an image of Pillow's has no 16 bits of colour
    deep = picture(0).astype(np.uint16) * 200
    write(tmp_path / "deep.png", Picture(deep))
    assert np.array_equal(img2img.load(quick)(tmp_path / "deep.png"), deep)
    with pytest.raises(UserError, match=r"missing\.png"):
        img2img.load(quick)(tmp_path / "missing.png")


def test_lists_come_out_as_lists(derain):
    translate = img2img.load(derain)
    given = [picture(0), Image.fromarray(picture(1)), picture(2)[:9, :7]]
    made = translate(given)
    assert [type(one) for one in made] == [np.ndarray, Image.Image, np.ndarray]
    for one, result in zip(given, made, strict=True):
        assert np.array_equal(np.asarray(translate(one)), np.asarray(result))
    assert translate([]) == []
    with pytest.raises(UserError, match="3 pictures and 1 masks: give one for each"):
        translate(given, [picture(0)])


@pytest.mark.parametrize("shape", [(9, 7, 3), (9, 7), (9, 7, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_in_0_to_1_are_said_to_be_so(quick, derain, recwarn, shape, dtype):
    given = np.random.default_rng(0).random(shape).astype(dtype)
    made = img2img.load(quick)(given, unit=True)
    assert (made.shape, made.dtype) == (given.shape, given.dtype)
    assert np.abs(made - given).max() < 1e-6
    if shape[2:] == (3,):
        tensor = torch.from_numpy(given).permute(2, 0, 1)
        changed = img2img.load(derain)(tensor, unit=True)
        assert (changed.shape, changed.dtype) == (tensor.shape, tensor.dtype)
        assert torch.equal(changed, (img2img.load(derain)(tensor * 2 - 1) + 1) / 2) or dtype == np.float64
        assert np.allclose(changed.permute(1, 2, 0), img2img.load(derain)(given, unit=True))
    assert len(recwarn) == 0


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (np.zeros((4, 4, 3), np.uint8), r"floats \(H, W\) or \(H, W, 3\) in \[0, 1\] are needed, got uint8"),
        (np.zeros((4, 4, 4), np.float32), r"got float32 \(4, 4, 4\)"),
        (torch.zeros(4, 4, 3), r"floats \(3, H, W\) or \(N, 3, H, W\) in \[0, 1\] are needed"),
        (np.full((4, 4, 3), -1.0), r"must lie in \[0, 1\], got -1 to -1"),
        (np.full((4, 4, 3), np.nan), "got nan"),
        (Image.new("RGB", (4, 4)), "said of arrays and tensors of floats, got Image"),
    ],
)
def test_what_is_no_float_in_0_to_1(quick, given, line):
    with pytest.raises(UserError, match=line):
        img2img.load(quick)(given, unit=True)


def test_a_translator_says_what_it_is(quick):
    text = repr(img2img.load(quick))
    assert str(quick) in text
    assert "3 channels of uint8, 0 to 255 -> 3 channels of uint8, 0 to 255" in text
    assert re.search(r"generator \w+, \d+ weights; cpu, fp32, tile auto>$", text)
    assert "in memory" in repr(translator({"name": "idcgan", "width": 4}))


def test_kinds_agree(derain):
    translate, pixels = img2img.load(derain), picture(0)
    array = translate(pixels)
    assert np.array_equal(np.asarray(translate(Image.fromarray(pixels))), array)
    values = translate(torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 127.5 - 1)
    assert np.abs((values.permute(1, 2, 0).numpy() + 1) * 127.5 - array).max() <= 0.51


def test_gradients_are_neither_needed_nor_made(derain):
    given = torch.zeros(3, 8, 8, requires_grad=True)
    assert not img2img.load(derain)(given).requires_grad


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (np.zeros((4, 4, 3), np.float32), r"of uint8 \(0 to 255\) or uint16 .* got float32 \(4, 4, 3\)"),
        (torch.zeros(4, 4, 3), r"must be \(3, H, W\) or \(N, 3, H, W\), float in \[-1, 1\], got float32 \(4, 4, 3\)"),
        (torch.zeros(1, 1, 4, 4), r"must be \(3, H, W\)"),
        (torch.zeros(3, 4), r"must be \(3, H, W\)"),
        (torch.zeros(3, 0, 4), r"must be \(3, H, W\)"),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), r"float in \[-1, 1\], got uint8 \(3, 4, 4\)"),
        (torch.full((3, 4, 4), 255.0), r"must lie in \[-1, 1\], got 255 to 255; 8-bit levels .* x / 127\.5 - 1"),
        (torch.full((3, 4, 4), float("nan")), r"must lie in \[-1, 1\], got nan"),
        ("photo.png", "photo.png: "),
        (7, "a PIL image, an array, a tensor, the path of a picture or a list of them is needed, got int"),
    ],
)
def test_what_cannot_be_translated(quick, given, line):
    with pytest.raises(UserError, match=line):
        img2img.load(quick)(given)


def test_masks_are_of_the_same_kind():
    filler = translator({"name": "idcgan", "width": 4}, flow="inpaint")
    pixels, hole = picture(0), np.zeros((48, 64), np.uint8)
    hole[10:20, 30:50] = 255
    made = filler(pixels, hole)
    assert np.array_equal(made[hole == 0], pixels[hole == 0])
    assert (made[hole > 0] != pixels[hole > 0]).mean() > 0.9
    assert np.array_equal(np.asarray(filler(Image.fromarray(pixels), Image.fromarray(hole))), made)
    values = torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 127.5 - 1
    mask = torch.from_numpy(hole)[None] / 255
    assert np.abs((filler(values, mask).permute(1, 2, 0).numpy() + 1) * 127.5 - made).max() <= 0.51
    with pytest.raises(UserError, match="a mask is needed"):
        filler(pixels)
    with pytest.raises(UserError, match=r"must be \(1, 48, 64\), got \(48, 64\)"):
        filler(values, mask[0])
    with pytest.raises(UserError, match="leave the mask out"):
        translator({"name": "idcgan", "width": 4})(pixels, hole)


def test_translate_a_folder(quick, tmp_path):
    (tmp_path / "photos/sub").mkdir(parents=True)
    for number, name in enumerate(("a.png", "sub/b.jpg", "c.png")):
        Image.fromarray(picture(number)).save(tmp_path / "photos" / name)
    (tmp_path / "photos/broken.png").write_bytes(b"x")
    summary = img2img.translate(quick, str(tmp_path / "photos"), tmp_path / "dry", format="png")
    assert (summary.done, summary.skipped, list(summary.failed)) == (3, 0, [str(tmp_path / "photos/broken.png")])
    assert np.array_equal(read(tmp_path / "dry/a.png").pixels, picture(0))
    assert (tmp_path / "dry/sub/b.png").exists()
    again = img2img.translate(quick, tmp_path / "photos/a.png", tmp_path / "dry")
    assert (again.done, again.skipped) == (0, 1)
    assert img2img.translate(quick, tmp_path / "photos/a.png", tmp_path / "dry", overwrite=True).done == 1


def test_translate_a_picture_to_a_file(quick, tmp_path):
    Image.fromarray(picture(0)).save(tmp_path / "lies.webp", "PNG")
    summary = img2img.translate(quick, tmp_path / "lies.webp", tmp_path / "new/dry.webp")
    assert (summary.done, summary.unchanged, summary.notes) == (
        1,
        1,
        {"named .webp but PNG inside": [str(tmp_path / "lies.webp")]},
    )
    assert Image.open(tmp_path / "new/dry.webp").format == "WEBP"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"samples": 0}, "--samples 0: at least 1"),
        ({"samples": 2}, "no dropout at inference"),
        ({"format": "pgn"}, "--format pgn: cannot be written; did you mean '.png'"),
        ({"tile": 4}, "--tile 4: use auto, off, or a side of at least 16 px"),
        ({"precision": "half"}, "unknown precision 'half'"),
        ({"device": "gpu"}, "--device gpu: unknown device"),
        ({"masks": "masks"}, "do not fill holes"),
    ],
)
def test_translations_that_are_refused(quick, tmp_path, options, line):
    (tmp_path / "photos").mkdir()
    Image.fromarray(picture(0)).save(tmp_path / "photos/a.png")
    with pytest.raises(UserError) as caught:
        img2img.translate(quick, tmp_path / "photos", tmp_path / "dry", **options)
    assert line in str(caught.value)
    assert not (tmp_path / "dry").exists()


def test_evaluate_folders(tmp_path, capsys):
    for name, shift in (("clean", 0), ("dry", 1), ("photos", 5)):
        (tmp_path / name).mkdir()
        for number in range(2):
            pixels = np.clip(picture(number), 10, 240) + shift
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / name / f"{number}.png")
    table = img2img.evaluate({"ours": tmp_path / "dry", "input": str(tmp_path / "photos")}, tmp_path / "clean")
    assert table.methods == ("ours", "input")
    assert table.metrics == ("psnr", "ssim")
    # a shift of k levels everywhere has a mean squared error of k * k
    assert table.mean("ours", "psnr") == (pytest.approx(20 * np.log10(255)), 0)
    assert table.mean("input", "psnr")[0] == pytest.approx(20 * np.log10(255 / 5))
    assert table.best("ssim") == ("ours",)
    single = img2img.evaluate(tmp_path / "dry", tmp_path / "clean", "mae")
    assert single.mean("results", "mae") == (pytest.approx(1), 0)
    assert single.values("results", "mae") == pytest.approx([1, 1])
    captured = capsys.readouterr()
    assert captured.out == captured.err == "", "a library prints nothing"


@pytest.mark.parametrize(
    ("results", "metrics", "line"),
    [
        ("dry", ("psnr", "sim"), "unknown metric 'sim'; did you mean 'ssim'?"),
        ("dry", (), "at least one is needed"),
        ("nothing", ("psnr",), "nothing: no such folder"),
        ("fewer", ("psnr",), "no result for"),
        ("smaller", ("psnr",), "sizes must be the same"),
    ],
)
def test_evaluations_that_are_refused(tmp_path, results, metrics, line):
    for name, side, count in (("clean", 20, 2), ("dry", 20, 2), ("fewer", 20, 1), ("smaller", 19, 2)):
        (tmp_path / name).mkdir()
        for number in range(count):
            Image.new("RGB", (side, 20)).save(tmp_path / name / f"{number}.png")
    with pytest.raises(UserError) as caught:
        img2img.evaluate(tmp_path / results, tmp_path / "clean", metrics)
    assert line in str(caught.value)
