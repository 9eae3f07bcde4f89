"""The writer: whole files, with all that their format can hold."""

from __future__ import annotations

import os
import struct
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from odd_files import SRGB, camera, exif, icc_profile, noise, png, same_exif, seen
from PIL import Image

from conftest import picture
from img2img.errors import RunError, UserError
from img2img.images import WRITABLE, Picture, encode, from_array, joined, kept_format, read, size, to_8_bits, write
from img2img.images.exif import ORIENTATION

DEPTHS = (np.uint8, np.uint16)
SHAPES = ((1, 1), (3, 5), (4, 3), (7, 1), (2, 700))


def given(height: int, width: int, channels: int, dtype: type, **more: object) -> Picture:
    """A picture of noise, with alpha where there are 2 or 4 channels."""
    return replace(from_array(noise(channels, dtype, height, width)), **more)


@pytest.mark.parametrize("ending", [".png", ".tif", ".TIFF"])
@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", SHAPES)
def test_round_trip(tmp_path, ending, dtype, channels, shape):
    path = tmp_path / f"a{ending}"
    before = given(*shape, channels, dtype)
    assert write(path, before) == ()
    made = read(path)
    assert made.pixels.dtype == dtype
    assert np.array_equal(made.pixels, before.pixels)
    assert (made.alpha is None) == (before.alpha is None)
    assert made.alpha is None or np.array_equal(made.alpha, before.alpha)
    assert (made.icc, made.exif, made.dpi, made.notes) == (None, None, None, ())
    assert size(path) == (shape[1], shape[0])
    # what is written must not change under the writer's hands
    assert np.array_equal(joined(before), noise(channels, dtype, *shape))


@pytest.mark.parametrize(
    ("ending", "dtype", "channels"),
    [
        (ending, dtype, channels)
        for ending in (".png", ".tif", ".bmp", ".webp", ".ppm")
        for dtype in DEPTHS
        for channels in (1, 2, 3, 4)
        if not (ending in (".bmp", ".webp") and dtype == np.uint16) and not (ending == ".ppm" and channels in (2, 4))
    ],
)
@pytest.mark.parametrize("shape", SHAPES)
def test_other_libraries_read_what_is_written(tmp_path, ending, dtype, channels, shape):
    path = tmp_path / f"a{ending}"
    assert write(path, given(*shape, channels, dtype)) == ()
    wanted = noise(channels, dtype, *shape)
    found = seen(path).samples
    assert found.dtype == dtype
    if found.shape[2] > channels:
        # OpenCV gives grey with alpha as four channels, and WebP and BMP have no grey of their own
        assert (found[:, :, :1] == found[:, :, :3]).all()
        found = found[:, :, [0, 3] if channels == 2 else [0]]
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bits_are_written_in_bands(tmp_path, channels, monkeypatch):
    # the filter of a row looks at the row above, which may be in another band
    monkeypatch.setattr("img2img.images.writing.BAND", 300)
    smooth = np.cumsum(np.cumsum(noise(channels, np.uint16, 40, 30) % 60, 0), 1).astype(np.uint16)
    for ending in (".png", ".tif"):
        write(tmp_path / f"a{ending}", from_array(smooth))
        found = seen(tmp_path / f"a{ending}").samples
        assert np.array_equal(found[:, :, [0, 3]] if found.shape[2] > channels else found, smooth)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages[0].dataoffsets) > 3


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


@pytest.mark.parametrize("ending", sorted({".jpg", ".png", ".tif", ".webp", ".avif"} & WRITABLE))
@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_metadata_survive(tmp_path, ending, dtype, channels):
    profile = SRGB if channels > 2 else grey_profile()
    # as it stands in a picture that has been read: without the thumbnail
    before = given(16, 24, channels, dtype, icc=profile, exif=camera().tobytes(), dpi=(300.0, 300.0))
    write(tmp_path / f"a{ending}", before)
    for name in ("a", "b"):
        found = seen(tmp_path / f"{name}{ending}")
        assert found.profile == profile
        assert same_exif(found.exif)
        # WebP and AVIF have a place for it in EXIF alone
        assert found.dpi == (None if ending in (".webp", ".avif") else pytest.approx(300, abs=0.1))
        again = read(tmp_path / f"{name}{ending}")
        assert again.notes == ()
        write(tmp_path / f"b{ending}", again)


def grey_profile() -> bytes:
    """A profile of grey: a white point and a curve, made by hand after ICC.1:2001-04."""
    white = b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in (0.9642, 1.0, 0.8249)))
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, 563)
    return icc_profile(b"mntr", b"GRAY", b"XYZ ", [(b"wtpt", white), (b"kTRC", curve)])


def test_a_photo_becomes_any_format_with_its_metadata(tmp_path):
    image = Image.fromarray(picture(0))
    image.save(tmp_path / "a.jpg", exif=exif(6), icc_profile=SRGB, dpi=(300, 300))
    before = read(tmp_path / "a.jpg")
    for ending in (".jpg", ".png", ".tif", ".webp"):
        write(tmp_path / f"b{ending}", before)
        found = seen(tmp_path / f"b{ending}")
        assert found.samples.shape[:2] == (64, 48)
        assert found.exif[ORIENTATION] == 1
        assert found.profile == SRGB
        assert same_exif(found.exif)


def test_metadata_that_a_format_cannot_hold(tmp_path):
    block = camera()
    block[0x9C9C] = bytes(70_000)
    long = given(4, 5, 3, np.uint8, icc=SRGB, exif=block.tobytes())
    assert write(tmp_path / "a.jpg", long) == ("JPEG cannot hold its EXIF",)
    assert read(tmp_path / "a.jpg").icc == SRGB
    assert write(tmp_path / "a.bmp", long) == ("BMP cannot hold its EXIF", "BMP has no colour profile")
    assert write(tmp_path / "a.png", long) == ()
    # not a block at all
    notes = write(tmp_path / "a.tif", replace(long, exif=b"Exif\0\0nonsense"))
    assert notes == ("EXIF, profile or dpi could not be written",)
    assert np.array_equal(read(tmp_path / "a.tif").pixels, long.pixels)
    # other programs warn of it and leave it aside
    for channels, profile in ((1, SRGB), (2, SRGB), (3, grey_profile())):
        notes = write(tmp_path / "b.png", given(4, 5, channels, np.uint16, icc=profile))
        assert notes == ("PNG holds a profile of grey for grey alone, and of colours for colours alone",)
        assert read(tmp_path / "b.png").icc is None


def test_what_a_format_cannot_hold_is_said(tmp_path):
    deep = given(4, 5, 4, np.uint16)
    assert write(tmp_path / "a.jpg", deep) == ("JPEG has no alpha", "JPEG has 8 bits, not 16")
    assert write(tmp_path / "a.webp", deep) == ("WEBP has 8 bits, not 16",)
    assert write(tmp_path / "a.ppm", deep) == ("PPM has no alpha",)
    assert np.array_equal(read(tmp_path / "a.webp").pixels, to_8_bits(deep.pixels))


@pytest.mark.parametrize(("ending", "shape"), [(".webp", (1, 16384)), (".jpg", (65536, 1))])
def test_pictures_that_a_format_cannot_hold(tmp_path, ending, shape):
    with pytest.raises(UserError, match=f"a{ending}: {shape[1]}x{shape[0]} px cannot be written as "):
        write(tmp_path / f"a{ending}", Picture(np.zeros((*shape, 1), np.uint8), icc=SRGB))
    assert list(tmp_path.iterdir()) == []


def test_webp_is_lossless_where_nothing_was_lost_before(tmp_path):
    pixels = picture(0)
    image = Image.fromarray(pixels)
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "lossless.webp", lossless=True)
    image.save(tmp_path / "lossy.webp", quality=80)
    image.save(tmp_path / "moving.webp", lossless=True, save_all=True, append_images=[image.rotate(180)])
    image.save(tmp_path / "a.jpg")
    exactly = {"a.png": True, "lossless.webp": True, "moving.webp": True, "lossy.webp": False, "a.jpg": False}
    for name, exact in exactly.items():
        before = read(tmp_path / name)
        assert before.lossless == exact, name
        write(tmp_path / "b.webp", before)
        made = (tmp_path / "b.webp").read_bytes()
        assert (b"VP8L" in made[:40]) == exact
        assert np.array_equal(read(tmp_path / "b.webp").pixels, before.pixels) == exact
    assert b"VP8L" not in encode(replace(before, lossless=False), "WEBP")[0]


def test_a_file_whose_ending_lies_is_written_back_as_it_came(tmp_path):
    deep = noise(4, np.uint16)
    (tmp_path / "a.jpg").write_bytes(png(deep, 6))
    before = read(tmp_path / "a.jpg")
    assert kept_format(before) == "PNG"
    write(tmp_path / "b.jpg", before, format=kept_format(before))
    assert np.array_equal(seen(tmp_path / "b.jpg").samples, deep)
    # asked by its ending it is a JPEG
    write(tmp_path / "c.jpg", before)
    assert (tmp_path / "c.jpg").read_bytes()[:2] == b"\xff\xd8"


@pytest.mark.parametrize(("came", "goes"), [("JPEG", "JPEG"), ("GIF", "PNG"), ("JPEG2000", "PNG"), ("PPM", "PPM")])
def test_formats_that_cannot_be_written_become_png(came, goes):
    assert kept_format(Picture(noise(1), format=came)) == goes


def test_the_layout_of_a_tiff_is_no_property_of_its_picture(tmp_path):
    write(tmp_path / "a.tif", Picture(picture(0)))
    for ending in (".jpg", ".png", ".tif"):
        write(tmp_path / f"b{ending}", replace(read(tmp_path / "a.tif"), pixels=picture(1)[:20, :30, :1]))
        with Image.open(tmp_path / f"b{ending}") as made:
            assert made.size == (30, 20)
            assert ending == ".tif" or not {256, 257, 273, 278, 279} & set(made.getexif())


def test_endings_that_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match=r"a\.gif: cannot write this kind of file \(use one of \.(avif|bmp), "):
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
