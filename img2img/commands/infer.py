"""``img2img infer``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from img2img.commands import Parser, count, parser
from img2img.engine.distributed import World, join
from img2img.engine.progress import Reporter, duration, say
from img2img.errors import UserError
from img2img.files import check_folder
from img2img.tiles import parse_tile

EXAMPLES = """\
  img2img infer --weights runs/derain --input photos --output dry
  img2img infer --weights runs/derain/weights/last.safetensors --input one.jpg --output dry --tile 512
  img2img infer --weights runs/gan --samples 16 --output made
Existing outputs are kept unless --overwrite; sub-folders and names stay as they are."""


def arguments() -> Parser:
    """What the command takes."""
    made = parser("infer", "Translate a picture or a folder of pictures.", EXAMPLES)
    made.add_argument("--weights", required=True, metavar="RUN|FILE", help="a run directory or a .safetensors file")
    made.add_argument("--input", type=Path, metavar="FILE|DIR", help="what to translate")
    made.add_argument("--output", type=Path, required=True, metavar="DIR", help="where results go")
    made.add_argument("--masks", type=Path, metavar="DIR", help="in-painting: a mask for each picture, white = hole")
    made.add_argument("--tile", default="auto", help="auto, off, or a side in px")
    made.add_argument("--precision", default="fp32", choices=("fp32", "bf16", "fp16"))
    made.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    made.add_argument("--samples", type=count, default=1, help="results a picture (dropout), or pictures from noise")
    made.add_argument("--format", help="write all results as png, jpg, tif or webp (default: as they came)")
    made.add_argument("--overwrite", action="store_true", help="replace existing outputs")
    return made


def run(words: Sequence[str]) -> int:
    """Translate; 0 all done or skipped, 1 some files failed (named on stderr)."""
    given = arguments().parse_args(list(words))
    from img2img import inference

    suffix = inference.ending(given.format)
    world = join(given.device)
    translator = inference.load(given.weights, str(world.device), given.precision, parse_tile(given.tile))
    check_folder(given.output, "--output")
    if translator.flow.fresh:
        for flag in ("input", "masks", "format"):
            if getattr(given, flag) is not None:
                raise UserError(f"--{flag}: these weights make pictures from noise; leave it out")
        return _from_noise(translator, given.output, given.samples, given.overwrite, world)
    if given.input is None:
        raise UserError("--input is needed: a picture or a folder of pictures")
    jobs = inference.plan(translator, given.input, given.output, given.masks, suffix, given.samples)
    share = jobs[world.rank :: world.size]
    with Reporter(len(share), "picture", shown=world.chief) as reporter:
        summary = inference.translate_folder(
            translator, share, overwrite=given.overwrite, on_done=lambda done, _: reporter.advance(done)
        )
        took = reporter.elapsed()
    parts = world.gather(summary)
    done, skipped = sum(p.done for p in parts), sum(p.skipped for p in parts)
    failed = {name: reason for p in parts for name, reason in p.failed.items()}
    world.close()
    if world.chief:
        for name, reason in failed.items():
            say(f"failed: {reason if name in reason else f'{name}: {reason}'}")
        differing = sum(p.differing for p in parts)
        if differing:
            say(
                f"{differing} large pictures were taken in tiles; this network looks at the whole picture, so that "
                f"their results differ somewhat from those of the whole (--tile off avoids it, and needs more memory)"
            )
        kept = f", {skipped} already there (--overwrite makes them again)" if skipped else ""
        say(f"{done} pictures written to {given.output} in {duration(took)}{kept}, {len(failed)} failed")
    return 1 if failed else 0


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
    parts = world.gather(written)
    world.close()
    if world.chief:
        done, skipped = (sum(counts) for counts in zip(*parts, strict=True))
        say(f"{done} written to {output}{f', {skipped} already there' if skipped else ''}")
    return 0
