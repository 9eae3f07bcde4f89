"""Which result belongs to which input, and where it goes."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from img2img.errors import UserError, nearest
from img2img.files import inside
from img2img.images import (
    WRITABLE,
    find,
    is_video,
    video_advice,
)
from img2img.inference.translator import Translator

# the folder below the results that before and after side by side are written to
COMPARISONS = "compare"


class Job(NamedTuple):
    """One result: of which picture, where it goes, the picture's mask, and which of several results it is."""

    source: Path
    result: Path
    mask: Path | None = None
    sample: int = 0


def output_names(files: Sequence[Path], root: Path, suffix: str | None) -> dict[Path, Path]:
    """Each input's place below the output folder: sub-folders and names are kept, and no two share a place.

    Formats that cannot be written as they came (unknown ending) become PNG. Where two inputs would meet (``a.jpg`` and
    ``a.png`` both written as PNG) the one whose name need not change has it, and the other's ending stays in its name.
    """

    def key(name: Path) -> str:
        # file systems differ in which names are one: none may be
        return unicodedata.normalize("NFC", str(name)).casefold()

    plain: dict[Path, Path] = {}
    for file in files:
        ending = suffix or (file.suffix if file.suffix.lower() in WRITABLE else ".png")
        plain[file] = file.relative_to(root).with_suffix(ending)
    names: dict[Path, Path] = {}
    # a sub-folder may be called as a result would be
    taken = {key(parent) for name in plain.values() for parent in name.parents}
    for file in sorted(files, key=lambda file: plain[file].name != file.name):
        name, again = plain[file], 1
        while key(name) in taken:
            count = f"_{again}" if again > 1 else ""
            name = plain[file].with_name(f"{file.stem}_{file.suffix.lstrip('.')}{count}{plain[file].suffix}")
            again += 1
        taken.add(key(name))
        names[file] = name
    return names


def ending(form: str | None) -> str | None:
    """The ending of a format to write, by its name (``png``) or ending (``.PNG``); None for "as they came".

    Raises:
        UserError: it cannot be written.
    """
    if form is None:
        return None
    suffix = f".{form.lower().lstrip('.')}"
    if suffix not in WRITABLE:
        raise UserError(f"--format {form}: cannot be written{nearest(suffix, WRITABLE)}")
    return suffix


def plan(
    translator: Translator, given: Path, output: Path, masks: Path | None, suffix: str | None, samples: int
) -> list[Job]:
    """A job for every result asked for.

    Raises:
        UserError: no pictures, masks missing or not wanted, output that is a file or inside the input or the masks, a
            result that would replace a picture, several samples without dropout.
    """
    if output.exists() and not output.is_dir():
        raise UserError(f"--output {output}: is a file, a folder is needed")
    if translator.flow.from_noise:
        raise UserError("these weights make pictures from noise, they translate none: ask for samples")
    if not given.exists():
        raise UserError(f"--input {given}: no such file or folder")
    root = given if given.is_dir() else given.parent
    # a video among pictures fails with advice when its turn comes
    files = find(given, videos=True) if given.is_dir() else [given]
    if all(is_video(file) for file in files):
        raise UserError(f"--input {files[0]}: {video_advice(files[0])}")
    if given.is_dir() and inside(output, given):
        raise UserError(f"--output {output}: lies inside the input {given}; name a folder outside it")
    if not given.is_dir() and output.resolve() == root.resolve():
        raise UserError(f"--output {output}: is the folder of the input; name another one")
    if translator.needs_mask and masks is None:
        raise UserError("these weights fill holes: give --masks, a folder with a mask (white = hole) for each picture")
    if masks is not None and not translator.takes_mask:
        raise UserError("--masks: these weights do not fill holes")
    if samples > 1 and not translator.inference.dropout:
        raise UserError("--samples: these weights make one result a picture (no dropout at inference)")
    places = output_names(files, root, suffix)
    holes = _masks(masks) if masks else {}
    jobs: list[Job] = []
    still = [file for file in files if not is_video(file)]
    missing = [str(file) for file in still if masks and str(file.relative_to(root).with_suffix("")) not in holes]
    if missing:
        raise UserError(
            f"--masks {masks}: no mask for {missing[0]}{f' and {len(missing) - 1} more' if missing[1:] else ''}"
        )
    for file in files:
        mask = holes.get(str(file.relative_to(root).with_suffix(""))) if masks else None
        for sample in range(samples):
            place = output / places[file]
            if samples > 1:
                place = place.with_name(f"{place.stem}_{sample}{place.suffix}")
            jobs.append(Job(file, place, mask, sample))
    keep_apart({job.result: job.source for job in jobs}, given, masks, f"--output {output}")
    return jobs


def is_there(place: Path) -> bool:
    """Whether a result is there; one whose name is longer than names can be is not."""
    try:
        return place.is_file()
    except OSError:
        return False


def _masks(folder: Path) -> dict[str, Path]:
    """Each mask by its path below the folder, without ending.

    Raises:
        UserError: two for one picture.
    """
    found: dict[str, Path] = {}
    for mask in find(folder):
        other = found.setdefault(str(mask.relative_to(folder).with_suffix("")), mask)
        if other != mask:
            raise UserError(f"--masks {folder}: {other} and {mask} are for the same picture; keep one")
    return found


def keep_apart(places: Mapping[Path, Path], given: Path, masks: Path | None, flag: str) -> None:
    """Refuse to write where pictures or masks lie: ``places`` are files to be written, with what each is made of.

    Raises:
        UserError: one would lie inside the input or the masks, or replace the file that it is made of.
    """
    roots = [(root, name) for root, name in ((given, "input"), (masks, "masks")) if root is not None and root.is_dir()]
    folders = {place.parent for place in places}
    for root, name in roots:
        for folder in folders:
            if inside(folder, root):
                file = next(source for place, source in places.items() if place.parent == folder)
                raise UserError(f"{flag}: the result of {file} would lie inside the {name}; name another folder")
    for place, source in places.items():
        if is_there(place) and place.samefile(source):
            raise UserError(f"{flag}: the result of {source} would replace it; name another folder")
