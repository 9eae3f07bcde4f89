"""A folder of odd pictures: the modes, depths and traps of real files, each with what is true of it.

``python tests/odd_files.py FOLDER`` makes it. ``python tests/odd_files.py --table FOLDER`` makes it, takes every file
through reading, an identity and writing, and prints as a Markdown table what came back by a second library's reading.
Nothing here is made by the code that is tested.
"""

from __future__ import annotations

import io
import os
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from PIL import ExifTags, Image, ImageCms

Pixels = np.ndarray[Any, Any]
HEIGHT, WIDTH = 18, 22
# out of the folder, round in circles, to nothing, to itself
LINKS = {
    "names/out.png": "/etc/hostname",
    "names/loop": "..",
    "names/nowhere.png": "gone.png",
    "names/itself.png": "itself.png",
}
ORIENTATION = 0x0112
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
DPI = 300
CAMERA = "Kamera für Öl"


@dataclass(frozen=True)
class Odd:
    """A file: where it lies, what it is, and what is true of it.

    ``samples``: (H, W, C) uint8 or uint16 as displayed, alpha last; ``near``: how far decoders may differ, in levels.
    ``says``: parts of what reading it notes; ``refused``: a part of the reason why it cannot be read.
    ``keeps``: metadata it has. ``format``: what it is inside, where its ending says something else.
    """

    name: str
    what: str
    make: Callable[[Path], object]
    samples: Pixels | None = None
    near: int = 0
    says: tuple[str, ...] = ()
    refused: str = ""
    keeps: frozenset[str] = frozenset()
    format: str = ""


def noise(channels: int, dtype: type = np.uint8, height: int = HEIGHT, width: int = WIDTH) -> Pixels:
    """(H, W, C) over the whole range of a type."""
    rng = np.random.default_rng(channels + np.iinfo(dtype).max)
    return rng.integers(0, np.iinfo(dtype).max + 1, (height, width, channels)).astype(dtype)


def smooth(channels: int) -> Pixels:
    """(H, W, C) uint8 that lossy formats keep nearly."""
    down, across = np.mgrid[:HEIGHT, :WIDTH]
    waves = [np.sin(across / (5 + n) + n) + np.cos(down / (4 + n)) for n in range(channels)]
    return np.stack([(wave * 50 + 128).astype(np.uint8) for wave in waves], 2)


def image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def saved(picture: Image.Image, format: str, **extra: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **extra)
    return buffer.getvalue()


def by_pillow(pixels: Pixels | Image.Image, format: str, **extra: Any) -> Callable[[Path], object]:
    given = pixels if isinstance(pixels, Image.Image) else image(pixels)
    return lambda path: path.write_bytes(saved(given, format, **extra))


def raw(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def bgr(pixels: Pixels) -> Pixels:
    return pixels[:, :, {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.shape[2]]]


def by_opencv(pixels: Pixels, *options: int) -> Callable[[Path], object]:
    return lambda path: cv2.imwrite(str(path), bgr(pixels), options)


def by_tifffile(pixels: Pixels, planar: bool = False, **extra: Any) -> Callable[[Path], object]:
    channels = pixels.shape[2]
    settings: dict[str, Any] = {
        "photometric": "rgb" if channels > 2 else "minisblack",
        "metadata": None,
        "software": False,
    }
    if channels in (2, 4):
        settings["extrasamples"] = ["unassalpha"]
    if channels > 1:
        settings["planarconfig"] = "separate" if planar else "contig"
    data = pixels[:, :, 0] if channels == 1 else np.moveaxis(pixels, 2, 0) if planar else pixels
    return lambda path: tifffile.imwrite(path, data, **(settings | extra))


# PNG by hand: kinds that no library here writes


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    pixels: Pixels, kind: int, *before: bytes, depth: int = 0, after: bytes = b"", interlaced: bool = False
) -> bytes:
    """A PNG of a colour type: samples of 1, 2 or 4 bits are packed, of 16 big-endian; no filters."""
    height, width, _ = pixels.shape
    depth = depth or 8 * pixels.itemsize
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    lines = b""
    for top, left, down, across in passes:
        part = pixels[top::down, left::across]
        for row in part if part.size else []:
            if depth < 8:
                bits = (row.ravel()[:, None] >> np.arange(depth)[::-1]) & 1
                lines += b"\0" + np.packbits(bits.astype(np.uint8)).tobytes()
            else:
                lines += b"\0" + row.astype(">u2" if depth == 16 else np.uint8).tobytes()
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    body = [chunk(b"IHDR", head), *before, chunk(b"IDAT", zlib.compress(lines)), after, chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def clear(*levels: int) -> bytes:
    """The chunk that makes one colour transparent."""
    return chunk(b"tRNS", struct.pack(f">{len(levels)}H", *levels))


def cleared(samples: Pixels, *levels: int, of: Pixels | None = None) -> Pixels:
    """Samples with alpha, nought where they (or ``of``) have a colour."""
    hit = ((samples if of is None else of) == np.array(levels)).all(2)
    return np.dstack([samples, np.where(hit, 0, np.iinfo(samples.dtype).max).astype(samples.dtype)])


# metadata


def camera(orientation: int = 1, name: str = CAMERA) -> Image.Exif:
    """EXIF of a camera: its name, an exposure, its own note, a place."""
    block = Image.Exif()
    block[ORIENTATION] = orientation
    block[0x010F] = name.encode("latin-1")
    block.get_ifd(0x8769).update({0x829A: 0.008, 0x927C: b"maker\0note", 0x9003: "2024:05:01 10:00:00"})
    block.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.5)})
    return block


def exif(orientation: int = 1) -> bytes:
    """It as a block, with a thumbnail in a second directory."""
    data = bytearray(camera(orientation).tobytes())
    start = 6 + 8
    (count,) = struct.unpack_from(">H", data, start)
    struct.pack_into(">I", data, start + 2 + 12 * count, len(data) - 6)
    thumbnail = saved(image(smooth(3)), "JPEG")
    where = len(data) - 6 + 2 + 3 * 12 + 4
    data += struct.pack(">H", 3)
    for tag, value in ((0x0103, 6), (0x0201, where), (0x0202, len(thumbnail))):
        data += struct.pack(">HHII", tag, 4, 1, value)
    return bytes(data + bytes(4) + thumbnail)


def chunk_of_exif(orientation: int = 1) -> bytes:
    return chunk(b"eXIf", exif(orientation).removeprefix(b"Exif\0\0"))


def chunk_of_profile() -> bytes:
    return chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(SRGB))


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """How pixels stand in a file whose orientation makes them ``pixels`` as displayed."""
    back = {1: lambda p: p, 2: np.fliplr, 3: lambda p: np.rot90(p, 2), 4: np.flipud, 5: lambda p: p.swapaxes(0, 1),
            6: lambda p: np.rot90(p, 1), 7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
            8: lambda p: np.rot90(p, -1)}  # fmt: skip
    return np.ascontiguousarray(back[orientation](pixels))


ALL = frozenset({"profile", "exif", "dpi"})


# CMYK


INKS = np.array([10.0, 20.0, 25.0, 45.0])  # how much of the lightness cyan, magenta, yellow and black take


def press() -> bytes:
    """A profile of a press that prints greys alone, by the corners of its CMYK cube."""
    lightness = [
        100 - 10 * c - 20 * m - 25 * y - 45 * k for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)
    ]
    ramp = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0])
    table += struct.pack(">9i", *(65536 * (n in (0, 4, 8)) for n in range(9)))
    table += ramp * 4 + b"".join(bytes([round(level * 2.55), 128, 128]) for level in lightness) + ramp * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in (0.9642, 1.0, 0.8249)))
    return icc_profile(b"prtr", b"CMYK", b"Lab ", [(b"wtpt", white), (b"A2B0", table)])


def icc_profile(device: bytes, space: bytes, connection: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    """A colour profile, made by hand after ICC.1:2001-04."""
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"made\0" + bytes(78)
    tags = [(b"desc", text), (b"cprt", b"text" + bytes(4) + b"none\0"), *tags]
    start = 128 + 4 + 12 * len(tags)
    entries, body = struct.pack(">I", len(tags)), b""
    for name, data in tags:
        padded = data + bytes(-len(data) % 4)
        entries += name + struct.pack(">II", start + len(body), len(data))
        body += padded
    head = struct.pack(">I4xI4s4s4s12x4s", start + len(body), 0x02400000, device, space, connection, b"acsp")
    head = head.ljust(68, b"\0") + struct.pack(">3i", *(round(v * 65536) for v in (0.9642, 1.0, 0.8249)))
    return head.ljust(128, b"\0") + entries + body


def inks() -> tuple[Pixels, Pixels]:
    """(CMYK of full or no ink, what `press` makes of it as RGB)."""
    cmyk = np.random.default_rng(4).integers(0, 2, (HEIGHT, WIDTH, 4)).astype(np.uint8)
    lightness = 100 - cmyk @ INKS
    luminance = np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3)
    grey = np.where(luminance > 0.0031308, 1.055 * luminance ** (1 / 2.4) - 0.055, 12.92 * luminance)
    return cmyk * 255, np.repeat(np.round(grey * 255).astype(np.uint8)[:, :, None], 3, 2)


def plain_rgb(cmyk: Pixels) -> Pixels:
    """CMYK as RGB without a profile."""
    return ((255 - cmyk[:, :, :3].astype(int)) * (255 - cmyk[:, :, 3:].astype(int)) / 255).round().astype(np.uint8)


# the files


def pngs() -> list[Odd]:
    grey, both, rgb, rgba = (noise(n) for n in (1, 2, 3, 4))
    deep = {n: noise(n, np.uint16) for n in (1, 2, 3, 4)}
    bit, two, four = noise(1) % 2, noise(1) % 4, noise(1) % 16
    palette = Image.fromarray(noise(1)[:, :, 0] % 5, "L")
    palette.putpalette([*noise(3)[0, :5].ravel()])
    colour = np.asarray(palette.convert("RGB"))
    index = np.asarray(palette)[:, :, None]
    shares = bytes([0, 60, 120, 200, 255])
    greys = palette.copy()
    greys.putpalette([level for level in (0, 200, 50, 90, 255) for _ in range(3)])
    plain = "palette became"
    full = (chunk_of_profile(), chunk(b"pHYs", struct.pack(">IIB", 11811, 11811, 1)), chunk_of_exif())
    first, *_ = frames = [image(smooth(3)), image(255 - smooth(3))]
    corner = [int(level) for level in deep[3][3, 4]]
    return [
        Odd("png/1 bit.png", "1 bit", raw(png(bit, 0, depth=1)), bit * 255, says=("1 bit",)),
        Odd("png/1 bit clear.png", "1 bit, white transparent", raw(png(bit, 0, clear(1), depth=1)),
            cleared(bit * 255, 255), says=("1 bit",)),
        Odd("png/2 bits.png", "2-bit grey", raw(png(two, 0, depth=2)), two * 85),
        Odd("png/2 bits clear.png", "2-bit grey, one level transparent", raw(png(two, 0, clear(2), depth=2)),
            cleared(two * 85, 170)),
        Odd("png/4 bits clear.png", "4-bit grey, one level transparent", raw(png(four, 0, clear(3), depth=4)),
            cleared(four * 17, 51)),
        Odd("png/grey.png", "8-bit grey", by_opencv(grey), grey),
        Odd("png/grey clear.png", "8-bit grey, one level transparent", raw(png(grey, 0, clear(int(grey[2, 2, 0])))),
            cleared(grey, grey[2, 2, 0])),
        Odd("png/grey alpha.png", "8-bit grey + alpha", raw(png(both, 4)), both),
        Odd("png/palette.png", "palette", by_pillow(palette, "PNG"), colour, says=(plain,)),
        Odd("png/palette one clear.png", "palette, one entry transparent", by_pillow(palette, "PNG", transparency=3),
            cleared(colour, 3, of=index), says=(plain,)),
        Odd("png/palette alpha.png", "palette, each entry with its alpha", by_pillow(palette, "PNG",
            transparency=shares),
            np.dstack([colour, np.frombuffer(shares, np.uint8)[index]]), says=(plain,)),
        Odd("png/palette of greys.png", "palette of greys", by_pillow(greys, "PNG"),
            np.asarray(greys.convert("L"))[:, :, None], says=(plain,)),
        Odd("png/rgb.png", "8-bit RGB", by_opencv(rgb), rgb),
        Odd("png/rgb clear.png", "8-bit RGB, one colour transparent",
            raw(png(rgb, 2, clear(*(int(v) for v in rgb[1, 1])))), cleared(rgb, *rgb[1, 1])),
        Odd("png/rgba.png", "8-bit RGBA", by_opencv(rgba), rgba),
        Odd("png/interlaced.png", "8-bit RGB, interlaced", raw(png(rgb, 2, interlaced=True)), rgb),
        Odd("png/16/grey.png", "16-bit grey", by_opencv(deep[1]), deep[1]),
        Odd("png/16/grey clear.png", "16-bit grey, one level transparent",
            raw(png(deep[1], 0, clear(int(deep[1][0, 0, 0])))), cleared(deep[1], deep[1][0, 0, 0])),
        Odd("png/16/grey alpha.png", "16-bit grey + alpha", raw(png(deep[2], 4)), deep[2]),
        Odd("png/16/rgb.png", "16-bit RGB", by_opencv(deep[3]), deep[3]),
        Odd("png/16/rgb clear.png", "16-bit RGB, one colour transparent", raw(png(deep[3], 2, clear(*corner))),
            cleared(deep[3], *corner)),
        Odd("png/16/rgba.png", "16-bit RGBA", by_opencv(deep[4]), deep[4]),
        Odd("png/16/interlaced.png", "16-bit RGBA, interlaced", raw(png(deep[4], 6, interlaced=True)), deep[4]),
        Odd("png/16/metadata.png", "16-bit RGB with profile, EXIF and dpi", raw(png(deep[3], 2, *full)), deep[3],
            keeps=ALL),
        Odd("png/16/metadata of grey alpha.png", "16-bit grey + alpha with EXIF and dpi", raw(png(deep[2], 4,
            *full[1:])),
            deep[2], keeps=ALL - {"profile"}),
        Odd("png/metadata.png", "8-bit RGB with profile, EXIF and dpi", raw(png(rgb, 2, *full)), rgb, keeps=ALL),
        Odd("png/turned late.png", "orientation 6 told behind the pixels",
            raw(png(turned(rgb, 6), 2, after=chunk_of_exif(6))), rgb, keeps=frozenset({"exif"})),
        Odd("png/16/turned.png", "16-bit RGB, orientation 8", raw(png(turned(deep[3], 8), 2, chunk_of_exif(8))),
            deep[3],
            keeps=frozenset({"exif"})),
        Odd("png/turned by XMP.png", "orientation 3 told by XMP alone",
            raw(png(turned(rgb, 3), 2, chunk(b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="3"/>'))), rgb),
        Odd("png/moving.png", "animated PNG", by_pillow(first, "PNG", save_all=True, append_images=frames[1:]),
            smooth(3),
            says=("several",)),
    ]  # fmt: skip


def jpegs() -> list[Odd]:
    grey, rgb = smooth(1), smooth(3)
    kron = np.kron(np.array([[0, 60, 120], [180, 240, 30]], np.uint8), np.ones((8, 8), np.uint8))
    blocks = np.stack([kron, kron[::-1], 255 - kron], 2)
    cmyk, printed = inks()
    cmyk = np.kron(cmyk[:4, :4], np.ones((8, 8, 1), np.uint8))
    printed = np.kron(printed[:4, :4], np.ones((8, 8, 1), np.uint8))
    inked = Image.fromarray(cmyk, "CMYK")
    everything = {"exif": exif(), "icc_profile": SRGB, "dpi": (DPI, DPI)}
    fine: dict[str, Any] = {"quality": 97, "subsampling": 0}
    found = [
        Odd("jpeg/grey.jpg", "grey", by_pillow(grey, "JPEG", quality=97), grey, 3),
        Odd("jpeg/rgb.jpg", "RGB, 4:2:0", by_pillow(rgb, "JPEG", quality=97), rgb, 20),
        Odd("jpeg/progressive.jpg", "RGB, progressive", by_pillow(rgb, "JPEG", progressive=True, **fine), rgb, 5),
        Odd("jpeg/cmyk.jpg", "CMYK without a profile", by_pillow(inked, "JPEG", **fine), plain_rgb(cmyk), 12,
            says=("CMYK became RGB without",)),
        Odd("jpeg/cmyk press.jpg", "CMYK with a press's profile", by_pillow(inked, "JPEG", icc_profile=press(), **fine),
            printed, 8, says=("CMYK became sRGB through its profile",)),
        Odd("jpeg/cmyk lost.jpg", "CMYK with a damaged profile",
            by_pillow(inked, "JPEG", icc_profile=press()[:300], **fine), plain_rgb(cmyk), 12,
            says=("without a usable profile",)),
        Odd("jpeg/metadata.jpg", "RGB with profile, EXIF, thumbnail and dpi", by_pillow(rgb, "JPEG", **fine,
            **everything),
            rgb, 5, keeps=ALL),
        Odd("jpeg/pair.jpg", "two pictures in one (MPO)",
            lambda path: image(rgb).save(path, "MPO", save_all=True, append_images=[image(255 - rgb)], **fine), rgb, 5,
            says=("several",), format="JPEG"),
        Odd("jpeg/damaged exif.jpg", "EXIF cut off", by_pillow(rgb, "JPEG", exif=b"Exif\0\0MM\0*\0\0\1\0", **fine),
            rgb, 5,
            says=("EXIF is damaged",)),
        Odd("jpeg/lies.png", "a JPEG named .png", by_pillow(rgb, "JPEG", **fine), rgb, 5,
            says=("named .png but JPEG inside",), format="JPEG"),
        Odd("jpeg/UPPER.JPG", "upper-case ending", by_pillow(rgb, "JPEG", **fine), rgb, 5),
    ]  # fmt: skip
    return found + [
        Odd(f"jpeg/turned {way}.jpg", f"orientation {way}",
            by_pillow(turned(blocks, way), "JPEG", exif=exif(way), **fine), blocks, 8, keeps=frozenset({"exif"}))
        for way in range(1, 9)
    ]  # fmt: skip


def tiffs() -> list[Odd]:
    bit, grey, both, rgb, rgba = noise(1) % 2, noise(1), noise(2), noise(3), noise(4)
    deep = {n: noise(n, np.uint16) for n in (1, 2, 3, 4)}
    cmyk, printed = inks()
    palette = Image.fromarray(noise(1)[:, :, 0] % 5, "L")
    palette.putpalette([*noise(3)[0, :5].ravel()])
    rows = {"rowsperstrip": 5}
    tags: dict[str, Any] = {"resolution": (DPI, DPI), "resolutionunit": "INCH", "iccprofile": SRGB,
                            "extratags": [(0x010F, "s", 0, CAMERA.encode("latin-1"), True)]}  # fmt: skip
    share = np.linspace(20000, 65535, HEIGHT * WIDTH).astype(np.uint16).reshape(HEIGHT, WIDTH, 1)
    flat = np.concatenate([np.full((HEIGHT, WIDTH, 3), 40000, np.uint16), share], 2)
    taken_in = flat.copy()
    taken_in[:, :, :3] = np.round(flat[:, :, :3] * (share / 65535)).astype(np.uint16)
    # 12 bits: two samples in three bytes
    twelve = deep[1] >> 4
    pairs = twelve.reshape(-1, 2).astype(np.uint32)
    packed = (pairs[:, 0] << 12 | pairs[:, 1]).astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    lab = Image.merge("LAB", [Image.fromarray(smooth(1)[:, :, 0]), *[Image.new("L", (WIDTH, HEIGHT), 128)] * 2])
    lightness = smooth(1).astype(float) / 2.55
    luminance = np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3)
    shown = np.where(luminance > 0.0031308, 1.055 * luminance ** (1 / 2.4) - 0.055, 12.92 * luminance)

    def turned_deep(path: Path) -> None:
        by_tifffile(turned(deep[3], 5), extratags=[(ORIENTATION, "H", 1, 5, True)])(path)

    def pages(path: Path) -> None:
        with tifffile.TiffWriter(path) as file:
            for page in (deep[3], deep[3][:7, :9]):
                file.write(page, photometric="rgb", metadata=None, software=False)

    def in_12_bits(path: Path) -> None:
        entries = [(256, WIDTH), (257, HEIGHT), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, HEIGHT),
                   (279, len(packed))]  # fmt: skip
        at = 8 + len(packed) + len(packed) % 2
        body = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", t, 4, 1, v) for t, v in entries)
        path.write_bytes((b"II*\0" + struct.pack("<I", at) + packed).ljust(at, b"\0") + body + bytes(4))

    return [
        Odd("tiff/1 bit.tif", "1 bit, fax compression",
            by_pillow(Image.fromarray(bit[:, :, 0] * 255).convert("1"), "TIFF", compression="group4"), bit * 255,
            says=("1 bit",)),
        Odd("tiff/grey.tif", "8-bit grey", by_tifffile(grey, **rows), grey),
        Odd("tiff/grey alpha.tif", "8-bit grey + alpha", by_tifffile(both, **rows), both),
        Odd("tiff/palette.tif", "palette", by_pillow(palette, "TIFF"), np.asarray(palette.convert("RGB")),
            says=("palette became",)),
        Odd("tiff/rgb lzw.tiff", "8-bit RGB, LZW", by_opencv(rgb, cv2.IMWRITE_TIFF_COMPRESSION, 5), rgb),
        Odd("tiff/rgba.tif", "8-bit RGBA", by_tifffile(rgba, **rows), rgba),
        Odd("tiff/rgb planes.tif", "8-bit RGB, channel by channel", by_tifffile(rgb, True, compression="deflate"), rgb),
        Odd("tiff/cmyk.tif", "8-bit CMYK with a press's profile",
            by_pillow(Image.fromarray(cmyk, "CMYK"), "TIFF", icc_profile=press()), printed, 2,
            says=("CMYK became sRGB",)),
        Odd("tiff/16/cmyk.tif", "16-bit CMYK",
            by_tifffile(cmyk.astype(np.uint16) * 257, photometric="separated", extrasamples=[]), plain_rgb(cmyk), 1,
            says=("CMYK became RGB without", "more than 8 bits became 8")),
        Odd("tiff/lab.tif", "Lab", by_pillow(lab, "TIFF"), np.repeat(np.round(shown * 255).astype(np.uint8), 3, 2), 2,
            says=("Lab became sRGB",)),
        Odd("tiff/jpeg inside.tif", "RGB, compressed by JPEG",
            by_pillow(smooth(3), "TIFF", compression="jpeg", quality=97), smooth(3), 20),
        Odd("tiff/12/grey.tif", "12-bit grey", in_12_bits, twelve << 4 | twelve >> 8, says=("12 bits became 16",)),
        Odd("tiff/16/grey.tif", "16-bit grey", by_tifffile(deep[1], **rows), deep[1]),
        Odd("tiff/16/white is zero.tif", "16-bit grey, white is zero", by_tifffile(deep[1], photometric="miniswhite"),
            65535 - deep[1]),
        Odd("tiff/16/grey lzw.tif", "16-bit grey, LZW", by_opencv(deep[1], cv2.IMWRITE_TIFF_COMPRESSION, 5), deep[1]),
        Odd("tiff/16/grey alpha.tif", "16-bit grey + alpha", by_tifffile(deep[2], **rows), deep[2]),
        Odd("tiff/16/grey alpha big-endian.tif", "16-bit grey + alpha, big-endian, deflate",
            by_tifffile(deep[2], byteorder=">", compression="deflate", predictor=True, **rows), deep[2]),
        Odd("tiff/16/rgb.tif", "16-bit RGB", by_tifffile(deep[3], **rows), deep[3]),
        Odd("tiff/16/rgb lzw.tif", "16-bit RGB, LZW with predictor",
            by_opencv(deep[3], cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_PREDICTOR, 2), deep[3]),
        Odd("tiff/16/rgb big-endian tiles.tif", "16-bit RGB, big-endian, deflate, tiles",
            by_tifffile(deep[3], byteorder=">", compression="deflate", tile=(16, 16)), deep[3]),
        Odd("tiff/16/rgb planes.tif", "16-bit RGB, channel by channel", by_tifffile(deep[3], True, **rows), deep[3]),
        Odd("tiff/16/rgb big.tif", "16-bit RGB, BigTIFF", by_tifffile(deep[3], bigtiff=True), deep[3]),
        Odd("tiff/16/rgba.tif", "16-bit RGBA", by_tifffile(deep[4], **rows), deep[4]),
        Odd("tiff/16/rgba planes.tif", "16-bit RGBA, channel by channel, deflate",
            by_tifffile(deep[4], True, compression="deflate", predictor=True), deep[4]),
        Odd("tiff/16/premultiplied.tif", "16-bit RGBA, alpha multiplied in", by_tifffile(taken_in,
            extrasamples=["assocalpha"]),
            flat, 3, says=("alpha multiplied",)),
        Odd("tiff/16/turned.tif", "16-bit RGB, orientation 5", turned_deep, deep[3]),
        Odd("tiff/16/metadata.tif", "16-bit RGB with profile, EXIF and dpi", by_tifffile(deep[3], **tags), deep[3],
            keeps=ALL),
        Odd("tiff/metadata.tif", "8-bit RGB with profile, EXIF and dpi",
            by_pillow(rgb, "TIFF", exif=camera(), icc_profile=SRGB, dpi=(DPI, DPI)), rgb, keeps=ALL),
        Odd("tiff/16/pages.tif", "two pages", pages, deep[3], says=("several",)),
    ]  # fmt: skip


def others() -> list[Odd]:
    rgb, rgba, grey = noise(3), noise(4), noise(1)
    deep1, deep3 = noise(1, np.uint16), noise(3, np.uint16)
    soft, clear_soft = smooth(3), np.dstack([smooth(3), noise(1)])
    everything = {"exif": exif(), "icc_profile": SRGB}
    keeps = frozenset({"profile", "exif"})
    palette = Image.fromarray(noise(1)[:, :, 0] % 5, "L")
    palette.putpalette([*noise(3)[0, :5].ravel()])
    colour = np.asarray(palette.convert("RGB"))
    index = np.asarray(palette)[:, :, None]
    alpha32 = np.ascontiguousarray(bgr(rgba)[::-1]).tobytes()
    bmp32 = b"BM" + struct.pack("<IHHI", 138 + len(alpha32), 0, 0, 138) + struct.pack(
        "<IiiHHIIiiII4I4s", 124, WIDTH, HEIGHT, 1, 32, 3, len(alpha32), 11811, 11811, 0, 0,
        0xFF0000, 0xFF00, 0xFF, 0xFF000000, b"BGRs").ljust(124, b"\0") + alpha32  # fmt: skip
    big = {"P5": deep1, "P6": deep3}
    netpbm = {kind: b"%s\n%d %d\n65535\n" % (kind.encode(), WIDTH, HEIGHT) + pixels.astype(">u2").tobytes()
              for kind, pixels in big.items()}  # fmt: skip
    found = [
        Odd("webp/lossless.webp", "lossless RGB", by_pillow(rgb, "WEBP", lossless=True), rgb),
        Odd("webp/lossless alpha.webp", "lossless RGBA, colours under clear parts too",
            by_pillow(rgba, "WEBP", lossless=True, exact=True), rgba),
        Odd("webp/lossy.webp", "lossy RGB", by_pillow(soft, "WEBP", quality=97), soft, 20),
        Odd("webp/lossy alpha.webp", "lossy RGBA", by_pillow(clear_soft, "WEBP", quality=97, exact=True), clear_soft,
            20),
        Odd("webp/moving.webp", "animated, lossless",
            by_pillow(image(rgb), "WEBP", save_all=True, append_images=[image(255 - rgb)], lossless=True), rgb,
            says=("several",)),
        Odd("webp/metadata.webp", "lossless with profile and EXIF", by_pillow(rgb, "WEBP", lossless=True,
            **everything), rgb,
            keeps=keeps),
        Odd("webp/turned.webp", "lossless, orientation 7",
            by_pillow(turned(rgb, 7), "WEBP", lossless=True, exif=exif(7)), rgb, keeps=frozenset({"exif"})),
        Odd("bmp/1 bit.bmp", "1 bit", by_pillow(Image.fromarray(grey[:, :, 0] % 2 * 255).convert("1"), "BMP"),
            grey % 2 * 255, says=("1 bit",), keeps=frozenset({"dpi"})),
        Odd("bmp/palette.bmp", "palette", by_pillow(palette, "BMP"), colour, says=("palette became",),
            keeps=frozenset({"dpi"})),
        Odd("bmp/rgb.bmp", "24 bits", by_opencv(rgb), rgb),
        Odd("bmp/rgba.bmp", "32 bits with alpha", raw(bmp32), rgba, keeps=frozenset({"dpi"})),
        Odd("gif/palette.gif", "GIF", by_pillow(palette, "GIF"), colour, says=("palette became",)),
        Odd("gif/clear.gif", "GIF, one entry transparent", by_pillow(palette, "GIF", transparency=2),
            cleared(colour, 2, of=index), says=("palette became",)),
        Odd("gif/moving.gif", "animated GIF",
            by_pillow(palette, "GIF", save_all=True, append_images=[image(255 - rgb)]), colour,
            says=("palette became", "several")),
        Odd("ppm/grey.pgm", "8-bit grey", by_opencv(grey), grey),
        Odd("ppm/rgb.ppm", "8-bit RGB", by_opencv(rgb), rgb),
        Odd("ppm/16/grey.pgm", "16-bit grey", raw(netpbm["P5"]), deep1),
        Odd("ppm/16/rgb.ppm", "16-bit RGB", raw(netpbm["P6"]), deep3),
        Odd("jpeg 2000/rgba.jp2", "JPEG 2000, RGBA", by_pillow(rgba, "JPEG2000"), rgba),
        Odd("jpeg 2000/grey.jp2", "JPEG 2000, 16-bit grey", by_pillow(Image.fromarray(deep1[:, :, 0]), "JPEG2000"),
            deep1),
        Odd("names/-dash.png", "a name that looks like an option", by_opencv(rgb), rgb),
        Odd("names/two  spaces .png", "spaces in a name", by_pillow(rgb, "PNG"), rgb),
        Odd("names/Ünïcode 雨 🌧.png", "a name of other scripts", by_pillow(rgb, "PNG"), rgb),
        Odd("names/UPPER.PNG", "upper-case ending", by_pillow(rgb, "PNG"), rgb),
        Odd("names/same.png", "beside same.jpg", by_pillow(rgb, "PNG"), rgb),
        Odd("names/same.jpg", "beside same.png", by_pillow(soft, "JPEG", quality=97, subsampling=0), soft, 5),
        Odd("names/a png.jpg", "a 16-bit PNG named .jpg", raw(png(deep3, 2)), deep3,
            says=("named .jpg but PNG inside",),
            format="PNG"),
        Odd("names/1.2.3.png", "dots in a name", by_pillow(rgb, "PNG"), rgb),
        Odd("sizes/1 x 1.png", "one pixel", by_pillow(rgb[:1, :1], "PNG"), rgb[:1, :1]),
        Odd("sizes/wide.tif", "one row of 16 bits", by_tifffile(deep3[:1]), deep3[:1]),
    ]  # fmt: skip
    Image.init()
    if "AVIF" in Image.SAVE:
        fine: dict[str, Any] = {"quality": 97, "subsampling": "4:4:4"}
        found += [
            Odd("avif/rgb.avif", "AVIF", by_pillow(soft, "AVIF", **fine), soft, 8),
            Odd("avif/rgba.avif", "AVIF with alpha", by_pillow(clear_soft, "AVIF", quality=100, subsampling="4:4:4"),
                clear_soft, 8),
            Odd("avif/metadata.avif", "AVIF with profile and EXIF", by_pillow(soft, "AVIF", **fine, icc_profile=SRGB,
                exif=camera()), soft, 8,
                keeps=keeps),
            Odd("avif/turned.avif", "AVIF, orientation 6", by_pillow(turned(soft, 6), "AVIF", exif=camera(6,
                "camera"), **fine), soft, 8,
                keeps=frozenset({"exif"})),
        ]  # fmt: skip
    return found


def unreadable() -> list[Odd]:
    rgb, deep = noise(3), noise(3, np.uint16)
    huge = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    much = zlib.compress(bytes(80_000_000), 9)
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    tail = chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")

    def cut(data: bytes) -> Callable[[Path], object]:
        return raw(data[: len(data) * 6 // 10])

    def tiff_of(pixels: Pixels, **extra: Any) -> bytes:
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack", **extra)
        return buffer.getvalue()

    large = bytearray(tiff_of(deep))
    for tag in (b"\x00\x01", b"\x01\x01"):
        place = (
            large.index(tag + b"\x04\0\1\0\0\0")
            if tag + b"\x04\0\1\0\0\0" in large
            else large.index(tag + b"\x03\0\1\0\0\0")
        )
        large[place : place + 12] = tag + struct.pack("<HII", 4, 1, 60000)
    damaged = bytearray(png(deep, 2))
    damaged[len(damaged) // 2] ^= 0xFF
    return [
        Odd("broken/empty.png", "an empty file", raw(b""), refused="empty file"),
        Odd("broken/text.jpg", "text", raw(b"this is no picture"), refused="not a picture"),
        Odd("broken/head.png", "a PNG's first bytes", raw(b"\x89PNG\r\n\x1a\n"), refused="not a picture"),
        Odd("broken/cut.png", "a PNG cut off", cut(saved(image(rgb), "PNG")), refused="truncated"),
        Odd("broken/cut 16.png", "a 16-bit PNG cut off", cut(png(deep, 2)), refused="truncated"),
        Odd("broken/cut.jpg", "a JPEG cut off", cut(saved(image(rgb), "JPEG")), refused="truncated"),
        Odd("broken/cut.webp", "a WebP cut off", cut(saved(image(rgb), "WEBP")), refused="truncated"),
        Odd("broken/cut.tif", "a TIFF cut off", cut(saved(image(rgb), "TIFF", compression="tiff_lzw")),
            refused="truncated"),
        Odd("broken/damaged 16.png", "a 16-bit PNG with a flipped byte", raw(bytes(damaged)), refused="damaged"),
        Odd("broken/float.tif", "32-bit float", raw(tiff_of(deep[:, :, 0].astype(np.float32))),
            refused="no known range"),
        Odd("broken/signed.tif", "signed 16-bit", raw(tiff_of(deep[:, :, 0].astype(np.int16))),
            refused="no known range"),
        Odd("broken/bomb.png", "a PNG of 3.6 gigapixels", raw(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", huge) + tail),
            refused="60000x60000 px are more than"),
        Odd("broken/bomb.tif", "a 16-bit TIFF of 3.6 gigapixels", raw(bytes(large)), refused="are more than"),
        Odd("broken/text bomb.png", "text that unpacks to 80 MB", raw(head + chunk(b"zTXt", b"a\0\0" + much) + tail),
            refused="too large"),
        Odd("broken/profile bomb.png", "a profile that unpacks to 80 MB", raw(head + chunk(b"iCCP",
            b"a\0\0" + much) + tail),
            refused="too large"),
        Odd("broken/clip.mp4", "a video", raw(b"\0\0\0 ftypisom"), refused="ffmpeg"),
    ]  # fmt: skip


def odd_files() -> list[Odd]:
    """All of them, those that cannot be read last."""
    return [*pngs(), *jpegs(), *tiffs(), *others(), *unreadable()]


def make(folder: Path) -> list[Odd]:
    """Write them below ``folder``, and beside them what is no picture or leads out of it."""
    files = odd_files()
    for odd in files:
        path = folder / odd.name
        path.parent.mkdir(parents=True, exist_ok=True)
        odd.make(path)
    (folder / "notes.txt").write_text("not a picture by its name")
    for name in (".hidden.png", ".cache/thumbnail.png", "names/._UPPER.PNG"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"not to be looked at")
    for name, target in LINKS.items():
        (folder / name).unlink(missing_ok=True)
        os.symlink(target, folder / name)
    return files


# what came back, read by a library that did not write it


@dataclass(frozen=True)
class Seen:
    """A file as a second library sees it: (H, W, C) samples as they stand, profile, EXIF block or tags, dpi."""

    samples: Pixels
    profile: bytes | None
    exif: dict[int, Any]
    dpi: float | None
    thumbnail: bool = False


def seen(path: Path) -> Seen:
    """OpenCV's reading of a file, or tifffile's of a TIFF; dpi from the bytes themselves."""
    data = path.read_bytes()
    if data[:2] in (b"II", b"MM"):
        return _seen_tiff(path)
    pixels, kinds, blocks = cv2.imreadWithMetadata(str(path), flags=cv2.IMREAD_UNCHANGED)
    assert pixels is not None, f"OpenCV cannot read {path}"
    found = {kind: block.tobytes() for kind, block in zip(np.ravel(kinds).tolist(), blocks, strict=True)}
    block = Image.Exif()
    block.load(found.get(cv2.IMAGE_METADATA_EXIF, b""))
    tags = dict(block)
    for below in (0x8769, 0x8825):
        if below in tags:
            tags[below] = block.get_ifd(below)
    profile = found.get(cv2.IMAGE_METADATA_ICCP)
    if data[8:12] == b"avif" or data[4:12] == b"ftypavif":
        # OpenCV does not give it
        with Image.open(path) as opened:
            profile = opened.info.get("icc_profile")
    return Seen(bgr(np.atleast_3d(pixels)), profile, tags, _dpi_of(data), bool(block.get_ifd(ExifTags.IFD.IFD1)))


def _seen_tiff(path: Path) -> Seen:
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        pixels = np.atleast_3d(page.asarray())
        tags = {tag.code: tag.value for tag in page.tags}
    names = {0x829A: "ExposureTime", 0x927C: "MakerNote"}
    if 0x8769 in tags:
        tags[0x8769] = {code: tags[0x8769].get(name) for code, name in names.items()}
    dpi = None
    if tags.get(296) == 2 and 282 in tags:
        dpi = tags[282][0] / tags[282][1]
    return Seen(pixels, tags.get(34675), {tag: tags[tag] for tag in tags if tag not in TIFF_ONLY}, dpi)


TIFF_ONLY = {256, 257, 258, 259, 262, 273, 277, 278, 279, 282, 283, 284, 296, 317, 338, 34675}


def _dpi_of(data: bytes) -> float | None:
    """What the bytes of a PNG, JPEG or BMP say."""
    if data[:4] == b"\x89PNG" and b"pHYs" in data:
        return float(struct.unpack_from(">I", data, data.index(b"pHYs") + 4)[0] * 0.0254)
    if data[6:10] == b"JFIF" and data[13] == 1:
        return float(struct.unpack_from(">H", data, 14)[0])
    if data[:2] == b"BM":
        return float(struct.unpack_from("<i", data, 38)[0] * 0.0254) or None
    return None


def translated(path: Path, output: Path) -> tuple[Path, tuple[str, ...]]:
    """A file through reading, an identity and writing as it came, into a folder: (where it lies, what was noted)."""
    from img2img.images import WRITABLE, kept_format, read, to_pixels, to_tensor, write

    picture = read(path)
    picture = replace(picture, pixels=to_pixels(to_tensor(picture.pixels), picture.pixels.dtype))
    place = output / path.name
    if place.suffix.lower() not in WRITABLE:
        place = place.with_suffix(".png")
    return place, picture.notes + write(place, picture, format=kept_format(picture))


LOSSY = 14  # levels that writing by a lossy format may cost more than reading it


@dataclass(frozen=True)
class Back:
    """What of a file came back: the largest difference of its levels, of its alpha, and which metadata."""

    place: Path
    differ: int
    alpha: int | None
    keeps: frozenset[str]
    depth: int
    notes: tuple[str, ...]


def came_back(odd: Odd, folder: Path, output: Path) -> Back:
    """Translate one file by an identity and compare what a second library reads with what is true of it."""
    place, notes = translated(folder / odd.name, output)
    found, wanted = seen(place), odd.samples
    assert wanted is not None
    samples = found.samples
    assert samples.shape[:2] == wanted.shape[:2], "the size, or the orientation"
    channels = wanted.shape[2]
    # OpenCV gives grey with alpha as four channels
    if samples.shape[2] == 4 and channels == 2:
        assert (samples[:, :, :1] == samples[:, :, :3]).all(), "grey must stay grey"
        samples = samples[:, :, [0, 3]]
    has_alpha = channels in (2, 4) and samples.shape[2] == channels
    colours = channels - (channels in (2, 4))
    assert samples.shape[2] == channels or (samples.shape[2] == colours and place.suffix == ".bmp"), "the channels"
    difference = np.abs(samples.astype(int) - wanted[:, :, : samples.shape[2]].astype(int))
    assert samples.dtype == wanted.dtype, "the depth"
    assert found.exif.get(ORIENTATION, 1) == 1, "it would be turned again"
    assert not found.thumbnail, "of the picture as it was"
    keeps = {"profile"} if found.profile == SRGB else set()
    keeps |= {"exif"} if same_exif(found.exif) else set()
    keeps |= {"dpi"} if found.dpi is not None and abs(found.dpi - (seen(folder / odd.name).dpi or 0)) < 0.1 else set()
    return Back(place, int(difference[:, :, :colours].max()), int(difference[:, :, -1].max()) if has_alpha else None,
                frozenset(keeps), 8 * samples.itemsize, notes)  # fmt: skip


def same_exif(tags: dict[int, Any]) -> bool:
    """Whether the camera is there, and the exposure and the maker's note where the file had a directory of them."""
    camera = tags.get(0x010F)
    if isinstance(camera, bytes):
        camera = camera.decode("latin-1")
    below = tags.get(0x8769)
    exposure = (below or {}).get(0x829A)
    exposure = exposure[0] / exposure[1] if isinstance(exposure, tuple) else exposure
    whole = below is None or (abs(float(exposure) - 0.008) < 1e-6 and below[0x927C] == b"maker\0note")
    return camera in (CAMERA, "camera") and whole


def table(folder: Path) -> list[str]:
    """Lines of Markdown: what of each file comes back."""
    from img2img.errors import UserError

    lines = ["| file | what it is | pixels | alpha | profile | EXIF | dpi | said |", "|-|-|-|-|-|-|-|-|"]
    with tempfile.TemporaryDirectory() as output:
        for odd in make(folder):
            if odd.samples is None:
                try:
                    translated(folder / odd.name, Path(output))
                    reason = "READ"
                except UserError as error:
                    reason = str(error).replace(f"{folder}/", "").removeprefix(f"{odd.name}: ")
                lines.append(f"| {odd.name} | {odd.what} | refused | | | | | {reason} |")
                continue
            (Path(output) / odd.name).parent.mkdir(parents=True, exist_ok=True)
            back = came_back(odd, folder, (Path(output) / odd.name).parent)
            pixels = f"{back.depth} bits, " + ("exact" if back.differ == 0 else f"within {back.differ}")
            alpha = (
                ""
                if odd.samples.shape[2] in (1, 3)
                else "lost"
                if back.alpha is None
                else "exact"
                if back.alpha == 0
                else f"within {back.alpha}"
            )
            kept = [
                "" if name not in odd.keeps else "kept" if name in back.keeps else "lost"
                for name in ("profile", "exif", "dpi")
            ]
            lines.append(
                f"| {odd.name} | {odd.what} | {pixels} | {alpha} | {' | '.join(kept)} | {'; '.join(back.notes)} |"
            )
    return lines


if __name__ == "__main__":
    if sys.argv[1:2] == ["--table"]:
        print("\n".join(table(Path(sys.argv[2]))))
    else:
        print(f"{len(make(Path(sys.argv[1])))} files in {sys.argv[1]}")
