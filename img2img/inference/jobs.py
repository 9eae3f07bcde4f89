"""Which result belongs to which input, and where it goes."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from glob import escape
from pathlib import Path
from typing import NamedTuple

from img2img.data.masks import MASK, check_pattern, masks_of, proposal
from img2img.errors import UserError, nearest
from img2img.files import inside, is_there, stem
from img2img.images import READABLE, WRITABLE, find, is_video, video_advice
from img2img.images.folder import FORMATS
from img2img.inference import units
from img2img.inference.labels import check_sources, format_of_results
from img2img.inference.translator import Translator

# the folder below the results that before and after side by side are written to
COMPARISONS = "compare"


class Job(NamedTuple):
    """One result: of which picture, where it goes, the picture's mask, which of several results it is.

    ``renamed`` says that it could not have its picture's name, for another result has it.
    """

    source: Path
    result: Path
    mask: Path | None = None
    sample: int = 0
    renamed: bool = False


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


def goes_to_a_file(given: Path, output: Path, suffix: str | None) -> bool:
    """Whether ``output`` names a file, the result of the picture ``given``: by its ending, if it is no folder by now.

    Raises:
        UserError: a folder is given, the ending is of a kind that cannot be written, or ``suffix`` of another format.
    """
    ending = output.suffix.lower()
    if ending not in READABLE or os.path.isdir(output):
        return False
    if given.is_dir():
        raise UserError(f"--output {output}: names a file, but --input {given} is a folder; name a folder")
    if ending not in WRITABLE:
        raise UserError(f"--output {output}: cannot write this kind of file (use one of {', '.join(sorted(WRITABLE))})")
    if suffix is not None and FORMATS[suffix] != FORMATS[ending]:
        raise UserError(f"--format {suffix[1:]}: --output {output} says {FORMATS[ending]}; leave one of them out")
    return True


def list_jobs(
    translator: Translator,
    given: Path,
    output: Path,
    masks: Path | None,
    suffix: str | None,
    samples: int,
    match: str | None = None,
) -> list[Job]:
    """A job for every result asked for, in the order of `img2img.images.find`.

    ``match`` says what masks are called, ``{}`` being the picture's path without ending.

    Raises:
        UserError: no pictures, masks missing or not wanted, output that is a file or inside the input or the masks, a
            result that would replace a picture, several samples without dropout, and as `goes_to_a_file`.
    """
    _check_weights(translator, masks, samples, match)
    if not given.exists():
        raise UserError(f"--input {given}: no such file or folder")
    to_file = goes_to_a_file(given, output, suffix)
    suffix = format_of_results(translator.labels, suffix, output if to_file else None)
    if not to_file and output.exists() and not output.is_dir():
        raise UserError(f"--output {output}: is a file, a folder is needed")
    files, holes = _with_masks(_pictures(given), given, masks, match, wanted=translator.needs_mask)
    _check_folders(given, output, to_file)
    check_sources(translator.labels, files)
    units.check_forms(translator.forms, translator.shape.source, files, translator.labels)
    suffix = units.format_of_results(translator.forms.target, suffix, files, output if to_file else None)
    if to_file:
        results = {given: output}
    else:
        root = given if given.is_dir() else given.parent
        results = {file: output / name for file, name in output_names(files, root, suffix).items()}
    jobs: list[Job] = []
    for file in files:
        renamed = not to_file and results[file].stem != file.stem
        for sample in range(samples):
            result = results[file]
            if samples > 1:
                result = result.with_name(f"{result.stem}_{sample}{result.suffix}")
            jobs.append(Job(file, result, holes.get(file), sample, renamed))
    keep_apart({job.result: job.source for job in jobs}, given, masks, f"--output {output}")
    for job in jobs:
        if job.mask is not None and is_there(job.result) and job.result.samefile(job.mask):
            raise UserError(f"--output {output}: the result of {job.source} would replace its mask; name another")
    return jobs


def _pictures(given: Path) -> list[Path]:
    # a video among pictures fails with advice when its turn comes
    files = find(given, videos=True) if given.is_dir() else [given]
    if all(is_video(file) for file in files):
        raise UserError(f"--input {files[0]}: {video_advice(files[0])}")
    return files


def _check_weights(translator: Translator, masks: Path | None, samples: int, match: str | None) -> None:
    """Refuse what these weights cannot do."""
    if translator.flow.from_noise:
        raise UserError("these weights make pictures from noise, they translate none: ask for samples")
    if masks is not None and not translator.takes_mask:
        raise UserError("--masks: these weights do not fill holes")
    if match is not None and not translator.takes_mask:
        raise UserError("--match says what masks are called, and these weights do not fill holes; leave it out")
    check_pattern("--match ", match)
    if samples > 1 and not translator.inference.dropout:
        raise UserError("--samples: these weights make one result a picture (no dropout at inference)")


def _check_folders(given: Path, output: Path, to_file: bool) -> None:
    """Refuse a folder of results among the pictures."""
    if given.is_dir() and inside(output, given):
        raise UserError(f"--output {output}: lies inside the input {given}; name a folder outside it")
    if not given.is_dir() and not to_file and output.resolve() == given.parent.resolve():
        raise UserError(f"--output {output}: is the folder of the input; name another one")


def _with_masks(
    files: Sequence[Path], given: Path, masks: Path | None, match: str | None, *, wanted: bool
) -> tuple[list[Path], dict[Path, Path]]:
    """The pictures among ``files``, and the mask of each: called NAME or NAME_mask, in the same sub-folder.

    Masks lie in the folder ``masks``, or are the file ``masks`` of one picture. Where they are ``wanted`` and not given
    they are looked for beside the pictures, as NAME_mask.

    Raises:
        UserError: a picture has none; two are for one picture; one file for several pictures.
    """
    if masks is None and match is None and not wanted:
        return list(files), {}
    if masks is not None and masks.is_file():
        if given.is_dir():
            raise UserError(f"--masks {masks}: is one mask, but --input {given} is a folder; name a folder of masks")
        return list(files), dict.fromkeys(files, masks)
    root = given if given.is_dir() else given.parent
    folder = root if masks is None else masks
    beside = folder.resolve() == root.resolve()
    names = {file: stem(file.relative_to(root)) for file in files}
    # one picture is no reason to look through all of its folder
    alone = beside and not given.is_dir() and match is None
    near = list(given.parent.glob(f"{escape(given.stem)}{MASK}.*")) if alone else find(folder)
    found = masks_of(folder, near, set(names.values()), "--masks", beside=beside, pattern=match)
    pictures = [file for file in files if file not in found.values()]
    missing = [str(file) for file in pictures if names[file] not in found and not is_video(file)]
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        stems = [stem(mask.relative_to(folder).as_posix()) for mask in near]
        fitting = proposal([names[file] for file in pictures], stems, "--match=")
        what = "these weights fill holes: give --masks" if masks is None else f"--masks {masks}"
        raise UserError(
            f"{what}: no mask for {missing[0]}{more} (white = hole; a file or folder of masks called "
            f"{match or 'NAME or NAME_mask'}{', or NAME_mask beside the pictures' if masks is None else ''}){fitting}"
        )
    return pictures, {file: found[names[file]] for file in pictures if names[file] in found}


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
            raise UserError(f"{flag}: the result of {source} would replace it; name another --output")
