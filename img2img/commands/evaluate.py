"""``img2img evaluate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from img2img.commands import Parser, parser
from img2img.engine.distributed import join
from img2img.engine.progress import say
from img2img.errors import UserError
from img2img.tiles import parse_tile

EXAMPLES = """\
  img2img evaluate --target clean --results ours=dry input=photos
  img2img evaluate --weights ours=runs/derain --data DIR --output result
  img2img evaluate --weights pan=runs/pan l2=runs/l2 --data DIR --format latex
With --weights the results are written first and the written files are what is scored."""


def arguments() -> Parser:
    """What the command takes."""
    made = parser("evaluate", "Measure results against their targets.", EXAMPLES)
    made.add_argument("--target", type=Path, metavar="DIR", help="the targets of --results")
    made.add_argument("--results", action="extend", nargs="+", default=[], metavar="NAME=DIR", help="results by method")
    made.add_argument(
        "--weights", action="extend", nargs="+", default=[], metavar="NAME=RUN", help="methods to run first"
    )
    made.add_argument("--data", metavar="DIR", help="pairs to run --weights on (default: what is built in)")
    made.add_argument("--metrics", default="psnr,ssim", help="comma-separated: psnr, ssim, mae")
    made.add_argument("--format", default="md", help="comma-separated: md, latex, csv, json")
    made.add_argument("--output", type=Path, metavar="DIR", help="write table, per_image.csv and figures here")
    made.add_argument(
        "--part",
        choices=("test", "validation"),
        help="of --data; test (default): its test part, else val, else all of it; validation: what training held out",
    )
    made.add_argument("--tile", help="auto (default), off, or a side in px")
    made.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    made.add_argument("--require-gain", type=float, metavar="DB", help="exit 1 if no method gains this much PSNR")
    return made


def run(words: Sequence[str]) -> int:
    """Measure; 0 done, 1 the gain asked for with --require-gain was not reached."""
    given = arguments().parse_args(list(words))
    if bool(given.results) == bool(given.weights):
        raise UserError("give either --target with --results, or --weights with --data")
    if given.results and given.target is None:
        raise UserError("--target is needed: the folder the results are compared with")
    other = ("data", "part", "tile", "require_gain") if given.results else ("target",)
    for flag in other:
        if getattr(given, flag) is not None:
            kind = "--results" if given.results else "--weights"
            raise UserError(f"--{flag.replace('_', '-')} has no meaning beside {kind}; leave it out")
    from img2img import evaluation

    metrics, formats = _listed(given.metrics), _listed(given.format)
    evaluation.check_names(metrics, formats)
    if given.require_gain is not None and "psnr" not in metrics:
        raise UserError("--require-gain is in dB of PSNR: add psnr to --metrics")
    tile = parse_tile(given.tile or "auto")
    named = _named(given.weights or given.results, "--weights" if given.weights else "--results")
    world = join(given.device)
    if given.weights:
        part = given.part or "test"
        table = evaluation.of_weights(named, given.data, part, metrics, given.output, world, tile)
    else:
        folders = {name: Path(folder) for name, folder in named.items()}
        table = evaluation.of_folders(given.target, folders, metrics, given.output, world)
    world.close()
    if not world.chief:
        return 0
    if given.output is None:
        print("\n\n".join(evaluation.render(table, form) for form in formats))
    else:
        for line in evaluation.write_report(table, given.output, formats):
            say(line)
        print(evaluation.render(table, "md"))
    if given.require_gain is None:
        return 0
    gain = evaluation.gain(table)
    reached = gain >= given.require_gain
    verdict = "at least" if reached else "less than"
    say(f"gain over the untouched input: {gain:+.2f} dB PSNR ({verdict} {given.require_gain:g})")
    return 0 if reached else 1


def _listed(text: str) -> list[str]:
    """Comma-separated names, each once."""
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _named(pairs: Sequence[str], flag: str) -> dict[str, str]:
    result: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name or not value:
            raise UserError(f"{flag} {pair}: must be NAME=PLACE, such as {flag} ours=runs/derain")
        if name in result:
            raise UserError(f"{flag}: the name {name!r} is given twice")
        if "/" in name or name.startswith("."):
            raise UserError(f"{flag} {pair}: the name {name!r} cannot be a folder's name")
        result[name] = value
    return result
