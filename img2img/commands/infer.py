"""``img2img infer``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from img2img.commands import Parser, count, parser
from img2img.compute.distributed import World, join
from img2img.compute.memory import keep_memory_small
from img2img.errors import UserError
from img2img.files import check_folder, inside, listed
from img2img.inference.tiles import parse_amount, parse_tile
from img2img.progress import Reporter, duration, say

if TYPE_CHECKING:
    from img2img.images import Picture
    from img2img.inference import Job, Summary

EXAMPLES = """\
  img2img infer --weights runs/derain --input photos --output dry
  img2img infer --weights runs/derain/weights/last.safetensors --input one.jpg --output dry --tile 512
  img2img infer --weights runs/derain --input photos --output dry --compare --memory 3G
  img2img infer --weights runs/gan --samples 16 --output made
Existing outputs are kept unless --overwrite; sub-folders and names stay as they are.
Exit status: 0 all is there, 1 some failed (named at the end), 2 cannot be done as asked, 130 interrupted."""


def arguments() -> Parser:
    """What the command takes."""
    made = parser("infer", "Translate a picture or a folder of pictures.", EXAMPLES)
    made.add_argument("--weights", required=True, metavar="RUN|FILE", help="a run directory or a .safetensors file")
    made.add_argument("--input", type=Path, metavar="FILE|DIR", help="what to translate")
    made.add_argument("--output", type=Path, required=True, metavar="DIR", help="where results go")
    made.add_argument("--masks", type=Path, metavar="DIR", help="in-painting: a mask for each picture, white = hole")
    made.add_argument("--tile", default="auto", help="auto (by --memory), off, or a side in px")
    made.add_argument("--memory", metavar="SIZE", help="what the process may take: 800M, 2G (default 1.5G)")
    made.add_argument("--batch", type=count, default=1, metavar="N", help="take N pictures of one size together")
    made.add_argument("--max-pixels", metavar="N", help="refuse larger pictures undecoded: 50M (default 200M)")
    made.add_argument("--precision", default="fp32", choices=("fp32", "bf16", "fp16"))
    made.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    made.add_argument("--samples", type=count, default=1, help="results a picture (dropout), or pictures from noise")
    made.add_argument("--format", help="write all results as png, jpg, tif or webp (default: as they came)")
    made.add_argument("--compare", action="store_true", help="also write before and after side by side, to compare/")
    made.add_argument("--overwrite", action="store_true", help="replace existing outputs")
    return made


def run(words: Sequence[str]) -> int:
    """Translate; 0 all done or skipped, 1 some files failed (named on stderr)."""
    given = arguments().parse_args(list(words))
    from img2img import inference
    from img2img.images import MAX_PIXELS, left_aside, read

    suffix = inference.ending(given.format)
    max_pixels = MAX_PIXELS if given.max_pixels is None else parse_amount("--max-pixels", given.max_pixels)
    # one process may have the larger pictures: the others wait for days if need be
    world = join(given.device, timeout_s=7 * 24 * 3600)
    keep_memory_small()
    translator = inference.load(given.weights, str(world.device), given.precision, parse_tile(given.tile), given.memory)
    check_folder(given.output, "--output")
    if translator.flow.from_noise:
        for flag in ("input", "masks", "format"):
            if getattr(given, flag) is not None:
                raise UserError(f"--{flag}: these weights make pictures from noise; leave it out")
        if given.compare:
            raise UserError("--compare: these weights make pictures from noise; there is nothing before them")
        return _from_noise(translator, given.output, given.samples, given.overwrite, world)
    if given.input is None:
        raise UserError("--input is needed: a picture or a folder of pictures")
    jobs = inference.plan(translator, given.input, given.output, given.masks, suffix, given.samples)
    compared = comparisons(jobs, given.input, given.masks, given.output) if given.compare else {}
    share = jobs[world.rank :: world.size]
    there = 0 if given.overwrite else sum(inference.is_there(job.result) for job in share)
    with Reporter(len(share), "picture", done=there, shown=world.is_main) as reporter:
        translator.on_tile = lambda done, of: reporter.within("tile", done, of)
        summary = inference.translate_folder(
            translator,
            share,
            overwrite=given.overwrite,
            batch=given.batch,
            max_pixels=max_pixels,
            keep_format=suffix is None,
            on_done=lambda done, _: reporter.advance(done),
            on_made=(lambda job, before, after: compare(compared[job.result], before, after)) if compared else None,
        )
        took = reporter.elapsed()
    for job in share:
        # those of results that were there before
        place = compared.get(job.result)
        if place is not None and inference.is_there(job.result) and not inference.is_there(place):
            try:
                compare(place, read(job.source, max_pixels), read(job.result, max_pixels))
            except UserError as error:
                summary.failed[str(job.source)] = inference.reason(error)
    total = inference.summed(world.all_gather(summary))
    world.close()
    if world.is_main:
        if given.input.is_dir() and (others := left_aside(given.input)):
            kinds = ", ".join(f"{number} {ending or 'without an ending'}" for ending, number in others.items())
            say(f"left aside as no pictures, or of a kind that cannot be read: {kinds}")
        for line in told(total, given.output, took):
            say(line)
    return 1 if total.failed else 0


def told(summary: Summary, output: Path, took: float) -> list[str]:
    """What a person is told at the end: what failed and why, what to know of the results, how many there are."""
    lines = [f"failed: {reason if name in reason else f'{name}: {reason}'}" for name, reason in summary.failed.items()]
    lines += [f"note: {note}: {listed(files, 3)}" for note, files in summary.notes.items()]
    if summary.tiled:
        same = "equal to those of the whole pictures"
        differ = (
            f"{summary.differing} of them by a network that looks at the whole picture, so that they differ somewhat "
            f"from results of the whole (a larger --memory makes larger tiles, --tile off none)"
        )
        lines.append(f"{counted(summary.tiled)} taken in tiles, {differ if summary.differing else same}")
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
    for place in results:
        if inside(place, folder):
            raise UserError(f"--compare: would write among the results in {folder}; name another --output")
    compared = {place: folder / name for place, name in output_names(results, output, ".png").items()}
    keep_apart({compared[job.result]: job.source for job in jobs}, given, masks, "--compare")
    return compared


def compare(place: Path, before: Picture, after: Picture) -> None:
    """Write both side by side, large ones made smaller."""
    from img2img.images import as_rgb8
    from img2img.reports.figures import grid, save_png

    save_png(place, grid([[as_rgb8(before), as_rgb8(after)]], ["before", "after"], cell=1024))


def _from_noise(translator: object, output: Path, count: int, overwrite: bool, world: World) -> int:
    from img2img import inference

    written = inference.write_samples(
        translator,  # type: ignore[arg-type]
        output,
        count,
        overwrite,
        rank=world.rank,
        world=world.size,
    )
    parts = world.all_gather(written)
    world.close()
    if world.is_main:
        done, skipped = (sum(counts) for counts in zip(*parts, strict=True))
        say(f"{done} written to {output}{f', {skipped} already there' if skipped else ''}")
    return 0
