"""``img2img infer``."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from img2img.commands import Parser, count, parser
from img2img.compute.distributed import World, join
from img2img.compute.memory import keep_memory_small
from img2img.errors import UserError
from img2img.files import check_folder, inside, is_there, listed
from img2img.inference.budget import parse_amount
from img2img.inference.tiles import parse_tile
from img2img.progress import Reporter, duration, say

if TYPE_CHECKING:
    from img2img.images import Picture
    from img2img.inference import Job, Summary, Translator

# flags of weights that start from noise
FROM_NOISE = ("grid", "seed", "npy", "class", "between", "steps", "along")
EXAMPLES = """\
  img2img infer --weights derain --input photos --output dry         shipped weights
  img2img infer --weights runs/derain --input photos --output dry
  img2img infer --weights runs/derain photos dry    the same
  img2img infer --weights runs/derain/weights/last.safetensors --input one.jpg --output dry --tile 512
  img2img infer --weights runs/derain --input one.jpg --output one_dry.png
  img2img infer --weights runs/derain --input photos --output dry --compare --memory 3G
  img2img infer --weights runs/fill --input one.jpg --masks hole.png --output filled.jpg
  img2img infer --weights runs/fill photos filled --masks holes --match '{}_hole'
  img2img infer --weights runs/horses --direction BtoA --input zebras --output horses
  img2img infer --weights runs/horses --input horses --output zebras --cycle
  img2img infer --weights runs/gan --samples 16 --output made
  img2img infer --weights runs/gan --samples 64 --grid 8x8 --seed 3 --output made
  img2img infer --weights runs/digits --class 7 --samples 16 --output sevens
  img2img infer --weights runs/gan --between 3 17 --steps 9 --along spherical --output made
Existing outputs are kept unless --overwrite; sub-folders and names stay as they are.
Exit status: 0 all is there, 1 some failed (named at the end), 2 cannot be done as asked, 130 interrupted."""


def arguments() -> Parser:
    """What the command takes."""
    command = parser("infer", "Translate a picture or a folder of pictures.", EXAMPLES)
    command.add_argument(
        "--weights",
        required=True,
        metavar="NAME|RUN|FILE",
        help="shipped weights by name (img2img list weights), a run directory or a .safetensors file",
    )
    command.add_argument("--input", type=Path, metavar="FILE|DIR", help="what to translate")
    command.add_argument("--output", type=Path, metavar="DIR|FILE", help="where results go")
    command.add_argument("places", nargs="*", type=Path, metavar="IN OUT", help="the same without flags")
    command.add_argument(
        "--masks",
        type=Path,
        metavar="FILE|DIR",
        help="in-painting: the mask (white = hole) of a picture, or a folder of masks called NAME or NAME_mask "
        "(default: NAME_mask beside the pictures)",
    )
    command.add_argument(
        "--match",
        metavar="PATTERN",
        help="what masks are called, {} being the picture's path without ending, such as {}_hole",
    )
    command.add_argument(
        "--direction", choices=("AtoB", "BtoA"), help="the way back of weights that hold it (default: as trained)"
    )
    command.add_argument("--tile", default="auto", help="auto (by --memory), off, or a side in px")
    command.add_argument("--memory", metavar="SIZE", help="what the process may take: 800M, 2G (default 1.5G)")
    command.add_argument("--batch", type=count, default=1, metavar="N", help="take N pictures of one size together")
    command.add_argument("--max-pixels", metavar="N", help="refuse larger pictures undecoded: 50M (default 200M)")
    command.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "fp32", "bf16", "fp16"),
        help="auto: bf16 where the processor has it and the weights' card says that it costs under 0.05 dB, else fp32",
    )
    command.add_argument(
        "--ensemble",
        type=int,
        default=1,
        metavar="N",
        help="results are the mean over N views of each picture: 2 mirrored, 4 upside down too, 8 turned too",
    )
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N; untested: mps, xpu")
    command.add_argument(
        "--samples",
        type=count,
        metavar="N",
        help="results a picture (dropout; default 1), or results from noise (default: as many as the grid has)",
    )
    from_noise_arguments(command)
    command.add_argument("--format", help="write all results as png, jpg, tif or webp (default: as they came)")
    command.add_argument("--compare", action="store_true", help="also write before and after side by side, to compare/")
    command.add_argument(
        "--cycle", action="store_true", help="as --compare, with the result translated back as a third picture"
    )
    command.add_argument("--overwrite", action="store_true", help="replace existing outputs")
    return command


def from_noise_arguments(command: Parser) -> None:
    """What only weights that start from noise take."""
    noise = command.add_argument_group("from noise")
    noise.add_argument("--grid", metavar="RxC", help="rows x columns of grid.png (default 4x4)")
    noise.add_argument(
        "--seed", type=int, metavar="N", help="z of each sample is a function of it (default: the run's)"
    )
    noise.add_argument("--npy", action="store_true", help="also write samples.npy (always, after training on an array)")
    noise.add_argument(
        "--class", type=int, metavar="N", help="samples of the class with this label alone (data.classes; default: all)"
    )
    noise.add_argument("--between", type=int, nargs=2, metavar=("I", "J"), help="a strip from sample I to sample J")
    noise.add_argument("--steps", type=int, metavar="N", help="pictures of the strip, both ends included (default 9)")
    noise.add_argument(
        "--along",
        choices=("linear", "spherical"),
        help="the strip's way (default: spherical for normal z, else linear)",
    )


def run(words: Sequence[str]) -> int:
    """Translate; 0 all done or skipped, 1 some files failed (named on stderr)."""
    given = arguments().parse_intermixed_args(list(words))
    _take_places(given)
    from img2img import inference

    given.suffix = inference.ending(given.format)
    if given.max_pixels is not None:
        given.max_pixels = parse_amount("--max-pixels", given.max_pixels)
    # one process may have the larger pictures: the others wait for days if need be
    world = join(given.device, timeout_s=7 * 24 * 3600)
    keep_memory_small()

    def opened(direction: str | None) -> Translator:
        tile = parse_tile(given.tile)
        return inference.load(
            given.weights, str(world.device), given.precision, tile, given.memory, direction, given.ensemble
        )

    translator = opened(given.direction)
    if translator.flow.from_noise:
        return _from_noise(translator, given, world)
    for flag in FROM_NOISE:
        value = getattr(given, flag)
        # 0 was given too, and equals False
        if value is not None and value is not False:
            raise UserError(f"--{flag}: these weights translate pictures; it is for those that start from noise")
    if given.input is None:
        raise UserError("--input is needed: a picture or a folder of pictures")
    back = opened(inference.other_direction(given.weights, given.direction)) if given.cycle else None
    return _from_pictures(translator, back, given, world)


def _take_places(given: Namespace) -> None:
    """``IN OUT`` as ``--input`` and ``--output``; IN alone beside ``--output``.

    Raises:
        UserError: both forms, more than two, or no output at all.
    """
    for flag, place in zip(("input", "output"), given.places, strict=False):
        if getattr(given, flag) is not None:
            raise UserError(f"{place} beside --{flag} {getattr(given, flag)}: give one of them")
        setattr(given, flag, place)
    if given.places[2:]:
        raise UserError(f"{given.places[2]}: one input and one output are taken; name a folder for several pictures")
    if given.output is None:
        raise UserError("infer: --output is needed: the folder or file that results go to; see img2img infer --help")


def _from_pictures(translator: Translator, back: Translator | None, given: Namespace, world: World) -> int:
    from img2img import inference
    from img2img.images import MAX_PIXELS, left_aside

    to_file = inference.goes_to_a_file(given.input, given.output, given.suffix)
    max_pixels = given.max_pixels or MAX_PIXELS
    folder = given.output.parent if to_file else given.output
    check_folder(folder, "--output")
    jobs = inference.list_jobs(
        translator, given.input, given.output, given.masks, given.suffix, given.samples or 1, given.match
    )
    compared = comparisons(jobs, given.input, given.masks, folder) if given.compare or back else {}
    share = jobs[world.rank :: world.size]
    there = 0 if given.overwrite else sum(is_there(job.result) for job in share)
    with Reporter(len(share), "picture", done=there, shown=world.is_main) as reporter:
        translator.on_tile = lambda done, of: reporter.within("tile", done, of)
        summary = inference.translate_folder(
            translator,
            share,
            overwrite=given.overwrite,
            batch=given.batch,
            max_pixels=max_pixels,
            keep_format=given.suffix is None and not to_file,
            on_done=lambda done, _: reporter.advance(done),
            on_result=(lambda job, before, after: compare(compared[job.result], before, after, back))
            if compared
            else None,
        )
        took = reporter.elapsed()
    if compared:
        summary.failed |= compare_what_is_there(translator, share, compared, max_pixels, back)
    total = inference.summed(world.all_gather(summary))
    world.close()
    if world.is_main:
        if given.input.is_dir() and (others := left_aside(given.input)):
            kinds = ", ".join(f"{number} {ending or 'without an ending'}" for ending, number in others.items())
            say(f"left aside as no pictures, or of a kind that cannot be read: {kinds}")
        target = listed([str(job.result) for job in jobs]) if to_file else str(given.output)
        for line in told(total, target, took):
            say(line)
    return 1 if total.failed else 0


def told(summary: Summary, output: str, took: float) -> list[str]:
    """What a person is told at the end: what failed and why, what to know of the results, how many there are where."""
    lines = [f"failed: {reason if name in reason else f'{name}: {reason}'}" for name, reason in summary.failed.items()]
    lines += [f"note: {note}: {listed(files, 3)}" for note, files in summary.notes.items()]
    if summary.tiled:
        same = "equal to those of the whole pictures"
        differ = (
            f"{summary.differing} of them by a network that looks at the whole picture, so that they differ somewhat "
            f"from results of the whole (a larger --memory makes larger tiles, --tile off none)"
        )
        lines.append(f"{counted(summary.tiled)} taken in tiles, {differ if summary.differing else same}")
    if summary.done and summary.unchanged == summary.done:
        results = (
            "the result equals its input" if summary.done == 1 else f"all {summary.done} results equal their inputs"
        )
        lines.append(f"{results} in every pixel: these weights change nothing (an untrained network, or an identity)")
    kept = f", {summary.skipped} already there (--overwrite makes them again)" if summary.skipped else ""
    lines.append(f"{counted(summary.done)} written to {output} in {duration(took)}{kept}, {len(summary.failed)} failed")
    return lines


def counted(pictures: int) -> str:
    """``1 picture``, ``2 pictures``."""
    return f"{pictures} picture{'' if pictures == 1 else 's'}"


def comparisons(jobs: Sequence[Job], given: Path, masks: Path | None, output: Path) -> dict[Path, Path]:
    """Where the comparison of each result goes: below ``compare``, its name with ``.png``.

    Raises:
        UserError: a result, the input or the masks would be there.
    """
    from img2img.inference import keep_apart, output_names
    from img2img.inference.jobs import COMPARISONS

    folder = output / COMPARISONS
    results = [job.result for job in jobs]
    if any(inside(result, folder) for result in results):
        raise UserError(f"--compare: would write among the results in {folder}; name another --output")
    compared = {result: folder / name for result, name in output_names(results, output, ".png").items()}
    keep_apart({compared[job.result]: job.source for job in jobs}, given, masks, "--compare")
    return compared


def compare(comparison: Path, before: Picture, after: Picture, back: Translator | None = None) -> None:
    """Write both side by side, large ones made smaller; and what ``back`` makes of the second, if it is given."""
    from img2img.images import as_rgb8
    from img2img.reports.figures import grid, save_png

    shown = {"before": before, "after": after}
    if back is not None:
        shown["and back"] = back.picture(after)
    save_png(comparison, grid([[as_rgb8(picture) for picture in shown.values()]], list(shown), cell=1024))


def compare_what_is_there(
    translator: Translator,
    jobs: Sequence[Job],
    compared: Mapping[Path, Path],
    max_pixels: int,
    back: Translator | None = None,
) -> dict[str, str]:
    """Write the comparisons that are missing of results that were there before; failures by file, with a reason."""
    from img2img.images import read
    from img2img.inference import reason
    from img2img.inference.unlike import on_ground

    failed: dict[str, str] = {}
    for job in jobs:
        comparison = compared[job.result]
        if is_there(job.result) and not is_there(comparison):
            try:
                before = on_ground(read(job.source, max_pixels), translator.statistics)
                compare(comparison, before, read(job.result, max_pixels), back)
            except UserError as error:
                failed[str(job.source)] = reason(error)
    return failed


def _from_noise(translator: Translator, given: Namespace, world: World) -> int:
    from img2img.commands.sampling import refuse_pictures, write_all

    refuse_pictures(given)
    if given.seed is not None:
        translator.seed = given.seed
    parts = world.all_gather(write_all(translator, given, world.rank, world.size))
    world.close()
    if world.is_main:
        done, skipped = (sum(counts) for counts in zip(*parts, strict=True))
        say(f"{done} written to {given.output}{f', {skipped} already there' if skipped else ''}")
    return 0
