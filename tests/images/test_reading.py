"""The reader: any file ends as a picture or as one line."""

from __future__ import annotations

import os
import struct
import threading
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
from odd_files import LOSSY, SRGB, by_tifffile, camera, chunk, chunk_of_exif, exif, noise, odd_files, png, saved, turned
from PIL import ExifTags, Image

from conftest import picture
from img2img.errors import UserError
from img2img.images import WRITABLE, Picture, joined, read, size, write
from img2img.images.exif import ORIENTATION, upright

READABLE = [odd for odd in odd_files() if odd.samples is not None]


# eight blocks of one colour survive JPEG
BLOCKS = np.kron(np.array([[0, 60, 120, 90], [180, 240, 30, 210]], np.uint8), np.ones((8, 8), np.uint8))[:, :, None]
CHANNELS = {"grey": 1, "grey alpha": 2, "rgb": 3, "rgba": 4}
KINDS = [
    (ending, deep, colours)
    for ending, depths, all_colours in (
        ("jpg", (False,), ("grey", "rgb")),
        ("png", (False, True), CHANNELS),
        ("tif", (False, True), CHANNELS),
        ("webp", (False,), ("rgb", "rgba")),
        ("avif", (False,), ("grey", "rgb", "rgba")),
    )
    for deep in depths
    for colours in all_colours
    if f".{ending}" in WRITABLE
]


def store(path: Path, samples: np.ndarray, orientation: int) -> None:
    """Write samples with an orientation, by libraries."""
    if path.suffix == ".tif":
        by_tifffile(samples, extratags=[(ORIENTATION, "H", 1, orientation, True)])(path)
    elif path.suffix == ".png":
        kind = {1: 0, 2: 4, 3: 2, 4: 6}[samples.shape[2]]
        path.write_bytes(png(samples, kind, chunk_of_exif(orientation)))
    else:
        image = Image.fromarray(samples[:, :, 0] if samples.shape[2] == 1 else samples)
        format, extra = {
            ".jpg": ("JPEG", {"quality": 97, "subsampling": 0}),
            ".webp": ("WEBP", {"lossless": True, "exact": True}),
            ".avif": ("AVIF", {"quality": 100, "subsampling": "4:4:4" if samples.shape[2] > 2 else "4:0:0"}),
        }[path.suffix]
        path.write_bytes(saved(image, format, exif=camera(orientation).tobytes(), **extra))


@pytest.mark.parametrize(("ending", "deep", "colours"), KINDS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(tmp_path, ending, deep, colours, orientation):
    path = tmp_path / f"a.{ending}"
    channels = CHANNELS[colours]
    wanted = np.concatenate([BLOCKS, 255 - BLOCKS, BLOCKS // 2, BLOCKS // 3 + 100], 2)[:, :, :channels]
    wanted = wanted.astype(np.uint16) * 257 if deep else wanted
    store(path, turned(wanted, orientation), orientation)
    near = {"jpg": 4, "avif": 3}.get(ending, 0) * (257 if deep else 1)

    def right(made: Picture) -> bool:
        samples = joined(made)
        return samples.shape == wanted.shape and np.abs(samples.astype(int) - wanted.astype(int)).max() <= near

    made = read(path)
    assert made.pixels.dtype == wanted.dtype
    assert right(made)
    assert size(path) == (wanted.shape[1], wanted.shape[0])
    # written again it must not be turned a second time
    write(tmp_path / f"again.{ending}", made)
    near = near and LOSSY
    assert right(read(tmp_path / f"again.{ending}"))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_means_nothing(tmp_path, orientation):
    store(tmp_path / "a.png", noise(3), orientation)
    assert np.array_equal(read(tmp_path / "a.png").pixels, noise(3))
    assert size(tmp_path / "a.png") == (22, 18)


def test_exif_stays_where_it_is_but_for_orientation_and_thumbnail():
    before, after = exif(6), upright(exif(6))
    changed = [place for place in range(len(before)) if before[place] != after[place]]
    # two bytes at most of the orientation, four of where the thumbnail's directory is
    assert len(before) == len(after)
    assert 2 <= len(changed) <= 6
    block = Image.Exif()
    block.load(after)
    assert block[ORIENTATION] == 1
    assert block.get_ifd(0x8769)[0x927C] == b"maker\0note"
    assert block.get_ifd(ExifTags.IFD.IFD1) == {}
    block.load(before)
    assert block.get_ifd(ExifTags.IFD.IFD1)
    # both orders of bytes
    little = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, ORIENTATION, 3, 1, 6, 0, 0)
    assert upright(little) == b"Exif\0\0" + little.replace(b"\x06\0\0\0", b"\x01\0\0\0")


def test_dpi_are_what_the_file_says_and_nothing_else(tmp_path):
    image = Image.fromarray(noise(3))
    path = tmp_path / "a.jpg"
    image.save(path, exif=exif())
    assert read(path).dpi is None  # Pillow says 72
    image.save(path, dpi=(72, 72))
    assert read(path).dpi == (72, 72)
    by_tifffile(noise(3))(tmp_path / "a.tif")
    assert read(tmp_path / "a.tif").dpi is None
    by_tifffile(noise(3), resolution=(100, 50), resolutionunit="CENTIMETER")(tmp_path / "a.tif")
    assert read(tmp_path / "a.tif").dpi == pytest.approx((254, 127))
    by_tifffile(noise(3), resolution=((301, 1), (302, 1)), resolutionunit="INCH")(tmp_path / "a.tif")
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data.replace(struct.pack("<II", 302, 1), bytes(8)))
    assert read(tmp_path / "a.tif").dpi is None
    # a ratio of sides without a unit
    (tmp_path / "a.png").write_bytes(png(noise(3), 2, chunk(b"pHYs", struct.pack(">IIB", 2, 1, 0))))
    assert read(tmp_path / "a.png").dpi is None


def test_more_than_8_bits_that_become_8_are_noted(tmp_path):
    deep = noise(3, np.uint16, 64, 64)
    cv2.imwrite(str(tmp_path / "a.jp2"), deep)
    assert read(tmp_path / "a.jp2").notes == ("more than 8 bits became 8",)
    Image.fromarray(noise(3)).save(tmp_path / "b.jp2")
    assert read(tmp_path / "b.jp2").notes == ()
    if ".avif" in WRITABLE and cv2.imwrite(str(tmp_path / "a.avif"), deep >> 6, [cv2.IMWRITE_AVIF_DEPTH, 10]):
        assert read(tmp_path / "a.avif").notes == ("more than 8 bits became 8",)


def test_a_fourth_channel_without_a_meaning_is_noted(tmp_path):
    for samples in (noise(4), noise(4, np.uint16)):
        by_tifffile(samples, extrasamples=["unspecified"])(tmp_path / "a.tif")
        made = read(tmp_path / "a.tif")
        assert made.notes == ("a fourth channel without a meaning was left out",)
        assert np.array_equal(made.pixels, samples[:, :, :3])


@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize("planar", [False, True])
def test_premultiplied_grey_of_16_bits(tmp_path, white_is_zero, planar):
    alpha = np.linspace(30000, 65535, 18 * 22).astype(np.uint16).reshape(18, 22, 1)
    samples = np.concatenate([(alpha * 0.5).astype(np.uint16), alpha], 2)
    stored = samples.copy()
    if white_is_zero:
        stored[:, :, 0] = 65535 - stored[:, :, 0]
    kind = "miniswhite" if white_is_zero else "minisblack"
    by_tifffile(stored, planar, extrasamples=["assocalpha"], photometric=kind)(tmp_path / "a.tif")
    made = read(tmp_path / "a.tif")
    assert np.array_equal(made.alpha, alpha[:, :, 0])
    assert np.abs(made.pixels[:, :, 0].astype(int) - 32767).max() <= 2
    assert made.notes == ("alpha multiplied into the colours was taken out of them",)


@pytest.mark.parametrize("odd", READABLE, ids=lambda odd: odd.name)
def test_pillows_own_limit_and_warnings_are_not_asked(tmp_path, odd, monkeypatch):
    path = tmp_path / Path(odd.name).name
    odd.make(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        read(path, odd.samples.shape[0] * odd.samples.shape[1])
        size(path)
        assert warnings.filters == before
    assert Image.MAX_IMAGE_PIXELS == 1
    with pytest.raises(UserError, match="px are more than 0 pixels"):
        read(path, 0)


def test_many_readers_at_once_leave_pillow_as_it_was(tmp_path, monkeypatch):
    limit, filters = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    for odd in READABLE[:40]:
        (tmp_path / odd.name).parent.mkdir(parents=True, exist_ok=True)
        odd.make(tmp_path / odd.name)
    wrong = []

    def work() -> None:
        for odd in READABLE[:40]:
            made = joined(read(tmp_path / odd.name))
            wrong.extend([odd.name] if made.shape != odd.samples.shape else [])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert limit == Image.MAX_IMAGE_PIXELS
    assert warnings.filters == filters


def test_tiles_larger_than_the_picture_are_refused_before_decoding(tmp_path):
    path = tmp_path / "a.tif"
    by_tifffile(noise(3, np.uint16), tile=(32, 32), compression="deflate")(path)
    data = path.read_bytes()
    for tag in (b"\x42\x01", b"\x43\x01"):
        place = data.index(tag + b"\x04\0\x01\0\0\0")
        data = data[:place] + tag + struct.pack("<HII", 4, 1, 65520) + data[place + 12 :]
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"a\.tif: its tiles of 4292870400 pixels are more than 200000000 pixels"):
        read(path)


def test_channels_one_after_the_other_that_cannot_be_unpacked(tmp_path):
    path = tmp_path / "a.tif"
    by_tifffile(noise(3, np.uint16), True)(path)
    whole = path.read_bytes()
    place = whole.index(b"\x03\x01\x03\0\x01\0\0\0")
    path.write_bytes(whole[: place + 8] + b"\x05\0" + whole[place + 10 :])
    with pytest.raises(UserError, match="channels of 16 bits one after the other, in LZW: store them pixel by pixel"):
        read(path)
    path.write_bytes(whole[: len(whole) * 6 // 10])
    with pytest.raises(UserError, match="damaged or truncated"):
        read(path)


def test_files_that_are_none(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    for name in ("pipe.png", "folder.png"):
        for ask in (read, size):
            with pytest.raises(UserError, match=f"{name}: is not a file"):
                ask(tmp_path / name)


def test_kinds_that_other_programs_would_be_called_for_are_no_pictures(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    with pytest.raises(UserError, match="not a picture"):
        read(tmp_path / "a.png")


def test_profiles_are_kept_as_they_are(tmp_path):
    for name, made in {"a.jpg": "JPEG", "a.png": "PNG", "a.tif": "TIFF", "a.webp": "WEBP"}.items():
        Image.fromarray(noise(3)).save(tmp_path / name, made, icc_profile=SRGB)
        assert read(tmp_path / name).icc == SRGB


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
    pixels = noise(3, np.uint16 if kind.startswith("deep") else np.uint8, 64, 64)
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


def test_size_of_a_png_needs_its_heads_alone(tmp_path):
    path = tmp_path / "turned.png"
    image = Image.fromarray(noise(3, np.uint8, 40, 60))
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
