"""Which files are pictures, and in what order."""

from __future__ import annotations

import os
import re
import shlex
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from img2img.errors import UserError

# endings and the formats they stand for; AVIF came into Pillow with 11.3 and is left out of some builds
FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".gif": "GIF",
    ".jp2": "JPEG2000",
    ".avif": "AVIF",
    ".npy": "NPY",
    ".npz": "NPZ",
    ".mat": "MAT",
}
# files of numbers, which are pictures where a folder holds no other
ARRAYS = frozenset((".npy", ".npz", ".mat"))
HAS_AVIF = find_spec("PIL._avif") is not None
READABLE = frozenset(FORMATS)
WRITABLE = READABLE - {".gif", ".jp2"} - (set() if HAS_AVIF else {".avif"})
VIDEOS = frozenset(
    (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".wmv", ".flv", ".mpg", ".mpeg", ".3gp", ".ogv", ".mts", ".m2ts")
)

# folders that archives and storage systems put beside the pictures, with thumbnails or halves of files in them
SYSTEM = frozenset(("__MACOSX", "@eaDir", "$RECYCLE.BIN", "lost+found"))


def hidden(name: str) -> bool:
    """Whether a file or folder is left aside without a word, by its name."""
    return name.startswith(".") or name in SYSTEM


def find(folder: Path, *, videos: bool = False, links: bool = False) -> list[Path]:
    """All pictures below ``folder`` by their endings, in natural order (2.jpg before 10.jpg).

    Hidden files and folders are left aside. Linked folders are not entered, so that nothing goes in circles; linked
    files count where they lead to a file in ``folder`` itself. With ``links`` both are followed wherever they lead, but
    for a folder that the link itself lies in: for pictures that are only read. With ``videos``, files that `read`
    refuses with advice are among them.

    Raises:
        UserError: no such folder, a file, a folder below it that cannot be looked into, or no picture in it.
    """
    if not folder.exists():
        raise UserError(f"{folder}: no such folder")
    if not folder.is_dir():
        raise UserError(f"{folder}: is a file, a folder of pictures is needed")
    root = folder.resolve()
    files: list[Path] = []
    clips: list[Path] = []
    outside = 0
    walk = partial(os.walk, followlinks=True) if links else os.walk
    for place, below, names in walk(folder, onerror=_refuse):
        below[:] = [name for name in below if not hidden(name) and not _circles(Path(place, name))]
        for path in (Path(place, name) for name in names if not hidden(name)):
            ending = path.suffix.lower()
            if ending not in READABLE | VIDEOS or not path.is_file():
                continue
            if not links and path.is_symlink() and not path.resolve().is_relative_to(root):
                outside += 1
            else:
                (clips if ending in VIDEOS else files).append(path)
    # beside pictures lie arrays of another purpose
    files = [path for path in files if path.suffix.lower() not in ARRAYS] or files
    if videos:
        files += clips
    if not files:
        hints = [f"looked for {', '.join(sorted(READABLE))}"]
        if outside:
            hints.append(f"{outside} links lead out of it and were left aside")
        if dead := dead_links(folder):
            hints.append(f"{len(dead)} links lead nowhere or in circles, such as {dead[0].name}")
        if clips:
            hints.append(video_advice(min(clips)))
        raise UserError(f"{folder}: no pictures in it ({'; '.join(hints)})")
    # names that differ in case alone count the same: the second key keeps their order the same on every machine
    return sorted(files, key=lambda path: (natural(str(path.relative_to(folder))), str(path)))


def _circles(folder: Path) -> bool:
    """Whether a folder is a link to one that it lies in."""
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())


def dead_links(folder: Path) -> list[Path]:
    """Links below ``folder`` that `find` cannot follow: to nothing, or to a folder that they lie in."""
    found = []
    for place, below, names in os.walk(folder, followlinks=True):
        circles = [name for name in below if not hidden(name) and _circles(Path(place, name))]
        below[:] = [name for name in below if not hidden(name) and name not in circles]
        paths = [Path(place, name) for name in names if not hidden(name)]
        found += [Path(place, name) for name in circles]
        found += [path for path in paths if path.is_symlink() and not path.exists()]
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise UserError(f"{error.filename}: cannot be looked into: {error.strerror}") from error


def left_aside(folder: Path) -> dict[str, int]:
    """How many files below ``folder`` `find` takes for no pictures, by their endings; hidden ones are not counted."""
    counts: dict[str, int] = {}
    for _, below, names in os.walk(folder):
        below[:] = [name for name in below if not hidden(name)]
        for name in names:
            ending = Path(name).suffix.lower()
            if not hidden(name) and ending not in READABLE | VIDEOS:
                counts[ending] = counts.get(ending, 0) + 1
    return dict(sorted(counts.items()))


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sort key that counts: ``img2`` before ``img10``."""
    parts = [part for part in re.split(r"(\d+)", name) if part]
    # not isdigit: it takes a superscript 2 for a number, which int does not
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.lower()) for part in parts]


def is_video(path: Path) -> bool:
    """Whether a file is a video, by its ending."""
    return path.suffix.lower() in VIDEOS


def video_advice(path: Path) -> str:
    """One sentence on how a video is split into pictures and joined again with its sound."""
    clip = shlex.quote(str(path))
    return (
        f"a video: split it (mkdir frames; ffmpeg -i {clip} frames/%06d.png), translate the folder frames into "
        f"results, and join them with its sound (ffmpeg -framerate 25 -i results/%06d.png -i {clip} -map 0:v "
        f"-map '1:a?' -pix_fmt yuv420p joined.mp4), where 25 is to be the video's own frame rate"
    )
