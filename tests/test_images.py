"""The reader and writer of pictures: nothing is lost on the way through."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageOps

from conftest import picture
from img2img.errors import RunError, UserError
from img2img.images import (
    ORIENTATION,
    Picture,
    as_rgb8,
    find,
    from_array,
    from_pil,
    joined,
    natural,
    read,
    size,
    to_8_bits,
    to_pil,
    to_pixels,
    to_tensor,
    write,
)


def levels(height: int, width: int, channels: int, dtype: type = np.uint8) -> np.ndarray:
    """Random pixels over the whole range of a type."""
    rng = np.random.default_rng(height * width + channels)
    return rng.integers(0, np.iinfo(dtype).max + 1, (height, width, channels)).astype(dtype)


def same(one: Picture, other: Picture) -> bool:
    alike = one.pixels.dtype == other.pixels.dtype and np.array_equal(one.pixels, other.pixels)
    if one.alpha is None or other.alpha is None:
        return alike and one.alpha is other.alpha
    return alike and np.array_equal(one.alpha, other.alpha)


@pytest.mark.parametrize("ending", [".png", ".tif", ".TIFF"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (4, 3), (7, 1)])
def test_round_trip(tmp_path, ending, dtype, channels, alpha, shape):
    pixels = levels(*shape, channels, dtype)
    given = Picture(pixels, levels(*shape, 1, dtype)[:, :, 0] if alpha else None)
    write(tmp_path / f"a{ending}", given)
    made = read(tmp_path / f"a{ending}")
    if dtype == np.uint16 and channels == 1 and alpha:
        # no format's 16-bit reader knows grey with alpha: it is kept as equal colours
        given = Picture(np.repeat(pixels, 3, 2), given.alpha)
    assert same(made, given)
    assert size(tmp_path / f"a{ending}") == (shape[1], shape[0])


def test_a_16_bit_png_of_another_program_keeps_its_depth(tmp_path):
    import cv2

    pixels = levels(5, 6, 3, np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), pixels[:, :, ::-1])
    assert np.array_equal(read(tmp_path / "a.png").pixels, pixels)
    Image.fromarray(pixels[:, :, 0]).save(tmp_path / "grey.png")
    assert np.array_equal(read(tmp_path / "grey.png").pixels, pixels[:, :, :1])
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb")
    assert np.array_equal(read(tmp_path / "a.tif").pixels, pixels)


def test_other_programs_read_what_is_written(tmp_path):
    pixels = levels(5, 6, 3)
    for ending in (".png", ".tif", ".bmp", ".webp"):
        write(tmp_path / f"a{ending}", Picture(pixels))
        assert np.array_equal(np.asarray(Image.open(tmp_path / f"a{ending}").convert("RGB")), pixels), ending
    deep = levels(5, 6, 3, np.uint16)
    write(tmp_path / "deep.tif", Picture(deep))
    assert np.array_equal(tifffile.imread(tmp_path / "deep.tif"), deep)


def test_jpeg_keeps_its_colours(tmp_path):
    pixels = picture(0)
    write(tmp_path / "a.jpg", Picture(pixels, np.zeros(pixels.shape[:2], np.uint8)))
    made = read(tmp_path / "a.jpg")
    assert made.alpha is None
    assert np.abs(made.pixels.astype(int) - pixels).mean() < 2
    with Image.open(tmp_path / "a.jpg") as image:
        assert all(part[1:3] == (1, 1) for part in image.layer), "no chroma subsampling"


def test_formats_of_8_bits_get_the_nearest_level(tmp_path):
    deep = np.array([[[0], [128], [129], [65535 - 129], [65535 - 128], [65535], [257 * 7]]], np.uint16)
    assert to_8_bits(deep).ravel().tolist() == [0, 0, 1, 254, 255, 255, 7]
    write(tmp_path / "a.bmp", Picture(deep))
    assert read(tmp_path / "a.bmp").pixels.ravel().tolist() == [0, 0, 1, 254, 255, 255, 7]


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif", "deep.tif", "deep.png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(tmp_path, kind, orientation):
    path = tmp_path / f"a.{kind}"
    # blocks of one colour survive JPEG
    pixels = np.kron(np.array([[0, 60, 120], [180, 240, 30]], np.uint8), np.ones((8, 8), np.uint8))
    pixels = np.repeat(pixels[:, :, None], 3, 2)
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[ORIENTATION] = orientation
    if kind == "deep.tif":
        tags = [(ORIENTATION, "H", 1, orientation, True)]
        tifffile.imwrite(path, pixels.astype(np.uint16) * 257, photometric="rgb", extratags=tags)
    elif kind == "deep.png":
        image.save(tmp_path / "b.png", exif=exif)
        shallow = (tmp_path / "b.png").read_bytes()
        write(path, Picture(pixels.astype(np.uint16) * 257))
        place = shallow.index(b"eXIf") - 4
        chunk = shallow[place : place + 12 + int.from_bytes(shallow[place : place + 4], "big")]
        deep = path.read_bytes()
        path.write_bytes(deep[:33] + chunk + deep[33:])
    elif kind == "tif":
        image.save(path, tiffinfo={ORIENTATION: orientation})
    else:
        image.save(path, exif=exif, **({"lossless": True} if kind == "webp" else {}))
    upright = np.asarray(ImageOps.exif_transpose(_with_orientation(pixels, orientation)))
    made = read(path)
    assert made.pixels.shape == upright.shape
    assert made.pixels.dtype == (np.uint16 if kind.startswith("deep") else np.uint8)
    assert np.abs(as_rgb8(made).astype(int) - upright).max() <= 3
    assert size(path) == (upright.shape[1], upright.shape[0])
    # written again it must not be turned a second time
    write(tmp_path / f"again.{kind}", made)
    again = read(tmp_path / f"again.{kind}")
    assert np.abs(as_rgb8(again).astype(int) - upright).max() <= 6


def _with_orientation(pixels: np.ndarray, orientation: int) -> Image.Image:
    image = Image.fromarray(pixels)
    image.getexif()[ORIENTATION] = orientation
    return image


def test_metadata_survive(tmp_path):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.fromarray(picture(0))
    exif = image.getexif()
    exif[0x010F] = "a camera"
    image.save(tmp_path / "a.jpg", exif=exif, icc_profile=profile, dpi=(300, 300))
    for ending in (".jpg", ".png", ".tif", ".webp"):
        write(tmp_path / f"b{ending}", read(tmp_path / "a.jpg"))
        with Image.open(tmp_path / f"b{ending}") as made:
            assert made.info["icc_profile"] == profile
            assert made.getexif()[0x010F] == "a camera"
            if ending != ".webp":
                assert made.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_the_layout_of_a_tiff_is_no_property_of_its_picture(tmp_path):
    write(tmp_path / "a.tif", Picture(picture(0)))
    for ending in (".jpg", ".png", ".tif"):
        write(tmp_path / f"b{ending}", replace(read(tmp_path / "a.tif"), pixels=picture(1)[:20, :30, :1]))
        with Image.open(tmp_path / f"b{ending}") as made:
            assert made.size == (30, 20)
            assert ending == ".tif" or not {256, 257, 273, 278, 279} & set(made.getexif())


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_modes_of_images(tmp_path, mode):
    image = Image.fromarray(picture(0)).convert(mode)
    path = tmp_path / ("a.png" if mode in ("1", "L", "LA", "P", "RGB", "RGBA") else "a.tif")
    image.save(path)
    made = read(path)
    expected = np.asarray(image.convert("RGB")).astype(int)
    assert made.pixels.shape[2] == (1 if mode in ("1", "L", "LA") else 3)
    assert (made.alpha is not None) == (mode in ("LA", "RGBA"))
    assert np.abs(as_rgb8(made).astype(int) - expected).max() <= 2


def test_transparency_of_a_palette(tmp_path):
    image = Image.fromarray(picture(0)).quantize(8)
    image.save(tmp_path / "a.png", transparency=3)
    made = read(tmp_path / "a.png")
    assert np.array_equal(made.alpha == 0, np.asarray(image) == 3)


def test_the_content_decides_not_the_ending(tmp_path):
    pixels = picture(0)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    made = read(tmp_path / "a.jpg")
    assert made.format == "PNG"
    assert np.array_equal(made.pixels, pixels)
    assert size(tmp_path / "a.jpg") == (64, 48)


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


@pytest.mark.parametrize("kind", ["a.jpg", "a.png", "a.webp", "a.tif", "deep.png", "deep.tif"])
def test_truncated_files(tmp_path, kind):
    path = tmp_path / kind
    pixels = levels(64, 64, 3, np.uint16 if kind.startswith("deep") else np.uint8)
    write(path, Picture(pixels))
    cut(path, 0.6)
    with pytest.raises(UserError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    # the header is whole: the size may be told or refused, but by a line that names the file
    try:
        told = size(path)
    except UserError as error:
        told = str(error)
    assert told == (64, 64) or str(told).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"", "empty file"), (b"hello", "not a picture"), (b"\x89PNG\r\n\x1a\n", "not a picture"), (None, "No such file")],
)
def test_what_is_no_picture(tmp_path, content, line):
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    for ask in (read, size):
        with pytest.raises(UserError) as caught:
            ask(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert line in str(caught.value)


def test_too_many_pixels_are_refused_before_decoding(tmp_path):
    path = tmp_path / "a.png"
    Image.new("L", (400, 300)).save(path)
    cut(path, 0.9)
    with pytest.raises(UserError, match=r"a\.png: 400x300 px are more than 100000 pixels"):
        read(path, max_pixels=100_000)


def test_endings_that_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match=r"a\.gif: cannot write this kind of file \(use one of \.bmp, "):
        write(tmp_path / "a.gif", Picture(picture(0)))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    write(path, Picture(picture(0)))
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RunError, match=r"a\.png: cannot be written: No space left"):
        write(path, Picture(picture(1)))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_find_counts_and_leaves_hidden_files_and_outside_links_aside(tmp_path):
    folder = tmp_path / "set"
    for name in ("10.jpg", "2.jpg", "b/1.PNG", "a/3.tif", "img2.png", "img10.png", "IMG1.png", "1².png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    for name in (".hidden.jpg", ".cache/1.jpg", "notes.txt", "a/._3.tif", "x.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    (tmp_path / "outside.jpg").touch()
    (folder / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    (folder / "broken.jpg").symlink_to(tmp_path / "nothing.jpg")
    (folder / "inside.jpg").symlink_to(folder / "2.jpg")
    (folder / "folder.jpg").mkdir()
    found = [str(file.relative_to(folder)) for file in find(folder)]
    assert found == ["1².png", "2.jpg", "10.jpg", "a/3.tif", "b/1.PNG", "IMG1.png", "img2.png", "img10.png",
                     "inside.jpg"]  # fmt: skip


def test_the_order_does_not_depend_on_the_file_system(tmp_path, monkeypatch):
    for name in ("a.png", "A.png", "b.png"):
        (tmp_path / name).touch()
    seen = [file.name for file in find(tmp_path)]
    plain = Path.rglob
    monkeypatch.setattr(Path, "rglob", lambda self, pattern: sorted(plain(self, pattern), reverse=True))
    assert [file.name for file in find(tmp_path)] == seen


@pytest.mark.parametrize("name", ["", "1", "a²", "²", "٣.png", "img007.png"])
def test_any_name_has_an_order(name):
    assert natural(name) <= natural(name)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("missing", "no such folder"),
        ("file.png", "is a file, a folder of pictures is needed"),
        ("empty", "no pictures"),
    ],
)
def test_folders_that_are_none(tmp_path, name, line):
    (tmp_path / "file.png").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as caught:
        find(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: {line}")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_level_goes_there_and_back(dtype):
    top = np.iinfo(dtype).max
    pixels = np.arange(top + 1).astype(dtype).reshape(16, -1, 1)
    values = to_tensor(pixels)
    assert values.shape == (1, 1, *pixels.shape[:2])
    assert values.dtype == torch.float32
    assert (values.min().item(), values.max().item()) == (-1, 1)
    assert np.array_equal(to_pixels(values, dtype), pixels)


def test_values_between_levels_are_rounded_and_beyond_clipped():
    steps = torch.tensor([0.0, 0.49, 0.51, 1.49, 127.5, 254.4, 254.6, 255.0, -40.0, 300.0])
    values = (steps / 127.5 - 1).reshape(1, 1, 1, -1)
    assert to_pixels(values, np.uint8).ravel().tolist() == [0, 0, 1, 1, 128, 254, 255, 255, 0, 255]


def test_channels_stay_where_they_are():
    pixels = levels(3, 4, 3)
    values = to_tensor(pixels)
    assert values[0, 2, 1, 3].item() == pytest.approx(pixels[1, 3, 2] / 127.5 - 1)
    assert np.array_equal(to_pixels(values, np.uint8), pixels)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_images_in_memory_keep_their_mode(mode):
    image = Image.fromarray(levels(5, 6, 1, np.uint16)[:, :, 0]) if mode == "I;16" else _random(mode)
    made = to_pil(from_pil(image))
    assert (made.mode, made.size) == (image.mode, image.size)
    assert np.array_equal(np.asarray(made), np.asarray(image))


def _random(mode: str) -> Image.Image:
    channels = len(mode)
    pixels = levels(5, 6, channels)
    return Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)


def test_images_in_memory():
    turned = from_pil(_with_orientation(levels(2, 3, 3), 6))
    assert turned.pixels.shape == (3, 2, 3)
    image = _random("RGB")
    image.info["icc_profile"] = b"profile"
    assert to_pil(from_pil(image)).info["icc_profile"] == b"profile"
    for mode in ("I", "F"):
        with pytest.raises(UserError, match=f"mode {mode} has no known range"):
            from_pil(Image.new(mode, (2, 2)))


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 2), (4, 5, 3), (4, 5, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_arrays_in_memory(shape, dtype):
    pixels = levels(*shape[:2], shape[2] if len(shape) == 3 else 1, dtype)
    made = from_array(pixels.reshape(shape))
    assert made.pixels.shape[2] == (3 if shape[2:] in ((3,), (4,)) else 1)
    assert (made.alpha is not None) == (shape[2:] in ((2,), (4,)))
    assert np.array_equal(joined(made), pixels)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), bool), np.zeros((4, 4, 5), np.uint8), np.zeros(4, np.uint8),
     np.zeros((0, 4, 3), np.uint8), np.zeros((1, 4, 4, 3), np.uint8), np.zeros((4, 4), np.int64)],
)  # fmt: skip
def test_arrays_that_are_no_pictures(pixels):
    with pytest.raises(UserError, match=r"must be \(H, W\) or \(H, W, C\) of uint8 .* got "):
        from_array(pixels)


def test_size_of_a_png_needs_its_heads_alone(tmp_path):
    path = tmp_path / "turned.png"
    image = Image.fromarray(levels(40, 60, 3))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    image.save(path, exif=exif)
    assert size(path) == (40, 60)
    data = path.read_bytes()
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    tail = data.index(b"IEND") - 4
    # the orientation behind the pixels, where the format allows it too
    path.write_bytes(data[:start] + data[end:tail] + data[start:end] + data[tail:])
    assert size(path) == (40, 60)
    assert read(path).pixels.shape == (60, 40, 3)
    # pixels that cannot be decoded are no matter for the size
    place = data.index(b"IDAT") + 10
    path.write_bytes(data[:place] + bytes(20) + data[place + 20 :])
    assert size(path) == (40, 60)
    with pytest.raises(UserError, match="damaged"):
        read(path)
