"""``img2img evaluate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from img2img.commands import parser
from img2img.engine.distributed import join
from img2img.engine.progress import say
from img2img.errors import UserError

EXAMPLES = """\
  img2img evaluate --target clean --results ours=dry --results input=photos
  img2img evaluate --weights ours=runs/derain --data DIR --output result
  img2img evaluate --weights pan=runs/pan --weights l2=runs/l2 --data DIR --format latex
With --weights the results are written first and the written files are what is scored."""


def run(words: Sequence[str]) -> int:
    """Measure; 0 done, 1 the gain asked for with --require-gain was not reached."""
    arguments = parser("evaluate", "Measure results against their targets.", EXAMPLES)
    arguments.add_argument("--target", type=Path, metavar="DIR", help="the targets of --results")
    arguments.add_argument("--results", action="append", default=[], metavar="NAME=DIR", help="results by one method")
    arguments.add_argument("--weights", action="append", default=[], metavar="NAME=RUN", help="a method to run first")
    arguments.add_argument("--data", metavar="DIR", help="pairs to run --weights on (default: what is built in)")
    arguments.add_argument("--metrics", default="psnr,ssim", help="comma-separated: psnr, ssim, mae")
    arguments.add_argument("--format", default="md", help="comma-separated: md, latex, csv, json")
    arguments.add_argument("--output", type=Path, metavar="DIR", help="write table, per_image.csv and figures here")
    arguments.add_argument("--part", choices=("test", "validation"), default="test", help="of --data: see the README")
    arguments.add_argument("--tile", default="auto", help="auto, off, or a side in px")
    arguments.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    arguments.add_argument("--require-gain", type=float, metavar="DB", help="exit 1 if no method gains this much PSNR")
    given = arguments.parse_args(list(words))
    if bool(given.results) == bool(given.weights):
        raise UserError("give either --target with --results, or --weights with --data")
    from img2img import evaluation

    metrics = [name.strip() for name in given.metrics.split(",") if name.strip()]
    formats = [name.strip() for name in given.format.split(",") if name.strip()]
    evaluation.check_names(metrics, formats)
    world = join(given.device)
    if given.weights:
        table = evaluation.of_weights(
            _named(given.weights, "--weights"), given.data, given.part, metrics, given.output, world, given.tile
        )
    else:
        if given.target is None:
            raise UserError("--target is needed: the folder the results are compared with")
        folders = {name: Path(folder) for name, folder in _named(given.results, "--results").items()}
        table = evaluation.of_folders(given.target, folders, metrics, world)
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
