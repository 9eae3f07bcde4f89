"""``img2img infer`` with weights that start from noise."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from img2img.errors import UserError
from img2img.files import check_folder

if TYPE_CHECKING:
    from img2img.inference import Interpolation, Translator

# more pictures in a grid are no picture any more
MOST = 10_000


def refuse_pictures(given: Namespace) -> None:
    """Refuse what only translating takes, and an output that is no folder.

    Raises:
        UserError: naming the flag.
    """
    from img2img.images import READABLE

    for flag in ("input", "masks", "match", "format", "direction"):
        if getattr(given, flag) is not None:
            raise UserError(f"--{flag}: these weights make pictures from noise; leave it out")
    if given.compare or given.cycle:
        flag = "--cycle" if given.cycle else "--compare"
        raise UserError(f"{flag}: these weights make pictures from noise; there is nothing before them")
    check_folder(given.output, "--output")
    if given.output.suffix.lower() in READABLE and not given.output.exists():
        raise UserError(f"--output {given.output}: names a file; results from noise go to a folder")


def write_all(translator: Translator, given: Namespace, rank: int, world: int) -> tuple[int, int]:
    """Samples, their grid, their array and the strip that are asked for; (written, skipped) by this process.

    Raises:
        UserError: flags that do not fit the weights or each other.
        RunError: the network gave values that are no numbers; a file cannot be written.
    """
    from img2img import inference

    pictures = translator.shape.size is not None
    if given.grid and not pictures:
        raise UserError("--grid: these weights make vectors, no pictures; leave it out")
    translator.label = getattr(given, "class")
    labelled = bool(translator.classes_of([0]))
    classes = translator.shape.classes if translator.label is None else ()
    rows, columns = _grid(given.grid, classes)
    count = given.samples or rows * columns
    way = _way(translator, given, count)
    done = [inference.write_samples(translator, given.output, count, given.overwrite, rank=rank, world=world)]
    if rank == 0:
        folder, over = given.output, given.overwrite
        if pictures and classes:
            done.append(inference.write_class_grid(translator, folder / "grid.png", columns, over))
        elif pictures:
            shown = min(count, rows * columns)
            done.append(inference.write_grid(translator, folder / "grid.png", shown, min(columns, shown), over))
        if given.npy or translator.array is not None:
            done.append(inference.write_array(translator, folder / "samples.npy", count, over))
            if labelled:
                done.append(inference.write_labels(translator, folder / "labels.npy", count, over))
        if way is not None:
            name = f"between-{way.first}-{way.last}{'.png' if pictures else '.csv'}"
            done.append(inference.write_between(translator, folder / name, way, over))
    written, skipped = (sum(numbers) for numbers in zip(*done, strict=True))
    return written, skipped


def _grid(text: str | None, classes: Sequence[int]) -> tuple[int, int]:
    """(rows, columns): a row for each of ``classes``, where there are any.

    Raises:
        UserError: as `parse_grid`; another number of rows than classes.
    """
    if not classes:
        return parse_grid(text or "4x4")
    rows, columns = parse_grid(text or f"{len(classes)}x8")
    if rows != len(classes):
        raise UserError(
            f"--grid {text}: each of the {len(classes)} classes has a row: --grid {len(classes)}x{columns}; "
            f"--class N shows one class"
        )
    return rows, columns


def parse_grid(text: str) -> tuple[int, int]:
    """(rows, columns) of ``8x8``.

    Raises:
        UserError: something else, or more than can be looked at.
    """
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() and part.isascii() and 0 < int(part) <= MOST for part in parts):
        raise UserError(f"--grid {text}: rows x columns are needed, such as 4x4")
    rows, columns = int(parts[0]), int(parts[1])
    if rows * columns > MOST:
        raise UserError(f"--grid {text}: {rows * columns} pictures in one; at most {MOST} are taken")
    return rows, columns


def _way(translator: Translator, given: Namespace, count: int) -> Interpolation | None:
    """The strip that is asked for; without ``--samples`` its ends may be any numbers.

    Raises:
        UserError: ends past the samples, flags of a strip without its ends.
    """
    from img2img import inference

    if given.between is None:
        for flag in ("steps", "along"):
            if getattr(given, flag) is not None:
                raise UserError(f"--{flag}: belongs to --between I J; leave it out")
        return None
    normal = getattr(translator.flow, "distribution", "uniform") == "normal"
    way = inference.Interpolation(
        first=given.between[0],
        last=given.between[1],
        steps=9 if given.steps is None else given.steps,
        along=given.along or ("spherical" if normal else "linear"),
    )
    inference.check_way(way, count if given.samples else max(count, *given.between, 0) + 1)
    return way
