"""Opening files of pictures: which kinds, under which rules, and what is said of those that cannot be opened."""

from __future__ import annotations

import ctypes
import logging
import re
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, UnidentifiedImageError, _imaging
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from img2img.errors import UserError
from img2img.images.folder import is_video, video_advice

# what a picture may be: not all that Pillow opens, some of which it hands to other programs
KINDS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "JPEG2000") + (
    ("AVIF",) if find_spec("PIL.AvifImagePlugin") else ()
)
NO_PICTURE = "not a picture (or of an unknown kind)"
QUIET = re.compile(r"PIL\.")

# what is wrong with a file is told by an error alone: loggers without handlers write to stderr, and so does libtiff
for library in ("PIL", "tifffile"):
    logging.getLogger(library).addHandler(logging.NullHandler())
with suppress(AttributeError, OSError):
    ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


class Rules:
    """Within, in any thread, Pillow neither warns nor refuses sizes, which `read` judges by the header itself."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.readers = 0
        self.limit: int | None = None

    def __enter__(self) -> None:
        with self.lock:
            self.readers += 1
            if self.readers == 1:
                self.limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
                # not catch_warnings: it would bring back whatever other threads have changed in between
                warnings.filterwarnings("ignore", module=QUIET.pattern)

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.readers -= 1
            if self.readers == 0:
                Image.MAX_IMAGE_PIXELS = self.limit
                with suppress(ValueError):
                    warnings.filters.remove(("ignore", None, Warning, QUIET, 0))  # type: ignore[attr-defined]


rules = Rules()


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What is raised within (anything, by decoders of damaged files) as a `UserError` that names the file."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except UnidentifiedImageError as error:
        with path.open("rb") as file:
            head = file.read(4)
        tiff = head[:2] in (b"II", b"MM") and head[2:] in (b"*\0", b"\0*")
        what = "a TIFF that is damaged, truncated or of an unsupported kind" if tiff else NO_PICTURE
        raise UserError(f"{path}: {what if head else 'empty file'}") from error
    except MemoryError as error:
        raise UserError(f"{path}: not enough memory to read it") from error
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise UserError(f"{path}: cannot be read: {error.strerror}") from error
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise UserError(f"{path}: damaged or truncated: {reason}") from error


class GreyAlpha(TiffImageFile):
    """Grey with alpha of 16 bits, unknown to Pillow: shown to it as RGBA of 8 bits, whose bytes are the same."""

    def _setup(self) -> None:
        tags = self.tag_v2
        two_of_16 = tags.get(277) == 2 and set(tags.get(258, ())) == {16}
        if not two_of_16 or tags.get(262) not in (0, 1) or set(tags.get(339, (1,))) != {1}:
            raise SyntaxError("not grey with alpha of 16 bits")
        self.white_is_zero = tags[262] == 0
        self.premultiplied = tags.get(338) == (1,)
        for tag, value in ((258, (8,) * 4), (262, 2), (277, 4), (338, (2,)), (339, (1,) * 4)):
            tags[tag] = value
        super()._setup()


def open_image(path: Path) -> ImageFile:
    """Read the header of a file, under `rules`.

    Raises:
        UserError: no regular file, or a video; what Pillow raises for others is translated by `told`.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise UserError("is not a file")
    if is_video(path):
        raise UserError(video_advice(path))
    image: ImageFile
    try:
        image = Image.open(path, formats=KINDS)
    except UnidentifiedImageError as error:
        try:
            image = GreyAlpha(path)
        except SyntaxError:
            raise error from None
    # without a name Pillow does not map the file into memory, where it gets the sides of turned TIFFs wrong
    image.filename = ""
    return image
