"""``img2img evaluate``."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from img2img.commands import Parser, parser, sets
from img2img.compute.distributed import join
from img2img.errors import UserError
from img2img.inference.tiles import parse_tile
from img2img.progress import say
from img2img.zoo import names

if TYPE_CHECKING:
    from img2img.evaluation.request import Request

EXAMPLES = """\
  img2img evaluate --target clean --results ours=dry theirs=other --source rainy --output result
  img2img evaluate --weights ours=runs/derain --data DIR --output result
  img2img evaluate --weights derain ours=runs/derain --data DIR      shipped weights (img2img list weights) beside own
  img2img evaluate --weights pan=runs/pan l2=runs/l2 --data DIR --protocol matlab_y --format latex --against l2
  img2img evaluate --weights pan=runs/seed0 pan=runs/seed1 --data DIR --spread std
  img2img evaluate --target clean --results ours=dry --metrics psnr,ssim,uqi,vif --explain
  img2img evaluate --target clean --results ours=dry --fit crop
  img2img evaluate --sets real=photos ours=made theirs=samples.npy
  img2img evaluate --target photos --results ours=filled --region hole --masks holes
  img2img evaluate --target pairs --source pairs --results ours=dry --direction BtoA
  img2img evaluate --target clean --results theirs=results/NAME --match 'test_latest/images/{}_fake_B'
With --weights the results are written first and the written files are what is scored. --output also gets every
picture's values, figures and report.html, a page to look at in a browser."""


def arguments() -> Parser:
    """What the command takes."""
    command = parser("evaluate", "Measure results against their targets.", EXAMPLES)
    _add_pictures(command)
    sets.add_sets(command)
    _add_measures(command)
    _add_table(command)
    _add_running(command)
    return command


def _add_pictures(command: Parser) -> None:
    command.add_argument("--target", type=Path, metavar="DIR", help="the targets of --results")
    command.add_argument(
        "--results", action="extend", nargs="+", default=[], metavar="NAME=DIR", help="results by method"
    )
    command.add_argument(
        "--source", type=Path, metavar="DIR", help="the untouched inputs of --results, for a row of theirs"
    )
    command.add_argument(
        "--match",
        action="extend",
        nargs="+",
        default=[],
        metavar="PATTERN",
        help="what files of results are called, {} being the target's path without ending, such as {}_fake_B or "
        "test_latest/images/{}_fake_B; NAME=PATTERN for one row (source=PATTERN for --source); other files are left "
        "aside",
    )
    command.add_argument(
        "--weights",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME=RUN",
        help="methods to run first; a name given several times has several seeds; a shipped name stands alone",
    )
    command.add_argument(
        "--strict",
        action="store_true",
        default=None,
        help="refuse weights that were trained on pictures they are measured on, or do not say what they were "
        "trained on (docs/metrics.md)",
    )
    command.add_argument("--data", metavar="DIR", help="pairs to run --weights on (default: what is built in)")


def _add_measures(command: Parser) -> None:
    command.add_argument(
        "--metrics",
        help="comma-separated: psnr, ssim, ssim_auto, uqi, vifp, vif, mae (default: psnr,ssim); of label maps: "
        "pixel_accuracy, class_accuracy, mean_iou; of sets: mmd, wasserstein, frechet, 1nn, kid, precision_recall, "
        "inception_score, mode_score, modes (default: all possible)",
    )
    command.add_argument(
        "--protocol",
        default="rgb",
        help="what the numbers are taken of: rgb (default), gray, y, y_uint8, y_full, derain_rgb, matlab_y, prenet_y, "
        "basicsr_y, rgb_256; with changes such as rgb,crop=4 or y,resize=256x256 (docs/metrics.md)",
    )
    command.add_argument(
        "--fit",
        choices=("crop", "center", "resize"),
        help="results of other size than their target: crop cuts the target to their size from the top left, center to "
        "its centre, resize resizes them to the target's (bicubic); default: sizes must be the same",
    )
    command.add_argument(
        "--region",
        choices=("picture", "hole"),
        help="in-painting: hole measures psnr, mae and ssim inside the holes alone (default: whole pictures)",
    )
    command.add_argument(
        "--masks",
        type=Path,
        metavar="DIR",
        help="with --region hole and --results: masks, white = hole, called NAME or NAME_mask of each target",
    )
    command.add_argument("--explain", action="store_true", help="also print the same results under every protocol")
    command.add_argument(
        "--against", metavar="NAME", help="compare every row with this one: paired Wilcoxon, effect size, Holm"
    )


def _add_table(command: Parser) -> None:
    command.add_argument(
        "--spread",
        choices=("none", "std", "interval"),
        default="none",
        help="what stands beside the means in md and latex",
    )
    command.add_argument(
        "--scenes",
        type=Path,
        metavar="FILE",
        help="CSV (file, scene): intervals and tests go over scenes, not pictures",
    )
    command.add_argument(
        "--published",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME",
        help="quoted rows: a shipped name or a YAML",
    )
    command.add_argument("--columns", default="", help="comma-separated, of --weights: params, flops, time")
    command.add_argument("--column-size", default="256x256", metavar="WxH", help="the size that flops and time are of")
    command.add_argument("--format", default="md", help="comma-separated: md, latex, csv, json")
    command.add_argument(
        "--output", type=Path, metavar="DIR", help="write tables, per_image.csv, figures and a page here"
    )


def _add_running(command: Parser) -> None:
    command.add_argument(
        "--part",
        choices=("test", "validation"),
        help="of --data; test (default): its test part, else val, else all of it; validation: what training held out",
    )
    command.add_argument(
        "--load", metavar="PX", help="short side of the pictures measured; none: as they are (default: as validated)"
    )
    command.add_argument("--crop", metavar="PX", help="measure their centre; none: all of it (default: as validated)")
    command.add_argument(
        "--direction",
        choices=("AtoB", "BtoA"),
        help="the way back of weights that hold it (default: as trained); of --target and --results that are pairs "
        "side by side: AtoB takes the right half, BtoA the left",
    )
    command.add_argument("--tile", help="auto (default), off, or a side in px")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N; untested: mps, xpu")
    command.add_argument("--require-gain", type=float, metavar="DB", help="exit 1 if no method gains this much PSNR")


def run(words: Sequence[str]) -> int:
    """Measure; 0 done, 1 the gain asked for with --require-gain was not reached."""
    command = arguments()
    given = command.parse_args(list(words))
    if given.sets:
        return _run_sets(given, command, named(given.sets, "--sets"))
    if given.weights and not given.results:
        weights = named(given.weights, "--weights")
        if _make_samples(weights):
            return _run_sets(given, command, weights)
    _check_together(given)
    from img2img.evaluation import report
    from img2img.evaluation.compare import of_folders, of_weights

    formats = _listed(given.format)
    report.check_formats(formats)
    request = _request(given)
    tile = parse_tile(given.tile or "auto")
    rows = named(given.weights or given.results, "--weights" if given.weights else "--results")
    world = join(given.device)
    if given.weights:
        evaluation = of_weights(
            rows, given.data, given.part or "test", request, given.output, world, tile, given.direction
        )
    else:
        evaluation = of_folders(given.target, _once(rows), given.source, request, given.output, world)
    world.close()
    if not world.is_main:
        return 0
    for warning in evaluation.warnings:
        say(f"note: {warning}")
    if given.output is None:
        print("\n\n".join(report.render(evaluation, form) for form in formats))
    else:
        for line in report.write_report(evaluation, given.output, formats):
            say(line)
        print(report.render(evaluation, "md"))
    if given.explain:
        print(f"\n{evaluation.explanation()}")
    return 0 if given.require_gain is None else _status(evaluation.gain(), given.require_gain)


def _make_samples(weights: Sequence[tuple[str, str]]) -> bool:
    from img2img.evaluation.set_weights import makes_samples

    return makes_samples(weights)


def _run_sets(given: Namespace, command: Parser, named: Sequence[tuple[str, str]]) -> int:
    sets.refuse_others(given, command)
    if given.sets and given.weights:
        raise UserError("give either --sets or --weights; samples of weights are sets once infer has written them")
    formats = _listed(given.format)
    sets.check_formats(formats)
    sets.check_output(given)
    table = sets.of_sets(given, named) if given.sets else sets.of_noise_weights(given, named)
    sets.show(given, table, formats)
    return 0


def _check_together(given: Namespace) -> None:
    if bool(given.results) == bool(given.weights):
        raise UserError("give either --target with --results, or --weights with --data, or --sets")
    for flag in ("features", "samples"):
        if getattr(given, flag) is not None:
            raise UserError(f"--{flag} is of sets of samples (--sets, or weights that start from noise); leave it out")
    if given.results and given.target is None:
        raise UserError("--target is needed: the folder the results are compared with")
    of_weights = ("data", "part", "load", "crop", "tile", "require_gain", "strict")
    other = of_weights if given.results else ("target", "source", "fit", "match", "masks")
    for flag in other:
        if getattr(given, flag) not in (None, []):
            kind = "--results" if given.results else "--weights"
            raise UserError(f"--{flag.replace('_', '-')} has no meaning beside {kind}; leave it out")


def _request(given: Namespace) -> Request:
    from img2img.evaluation.request import Request
    from img2img.metrics import read_protocol
    from img2img.reports import published

    protocol = read_protocol(given.protocol)
    request = Request(
        metrics=tuple(_listed(given.metrics or "psnr,ssim")),
        protocol=protocol if given.region is None else replace(protocol, region=given.region),
        masks=given.masks,
        explain=given.explain,
        against=given.against,
        spread=given.spread,
        scenes=given.scenes,
        published=tuple(published.load(name) for name in given.published),
        columns=tuple(_listed(given.columns)),
        column_size=_size(given.column_size),
        cut={name: _side(f"--{name}", value) for name in ("load", "crop") if (value := getattr(given, name))},
        fit=given.fit,
        match=_patterns(given.match),
        direction=given.direction if given.results else None,
        strict=bool(given.strict),
    )
    if given.require_gain is not None and "psnr" not in request.metrics:
        raise UserError("--require-gain is in dB of PSNR: add psnr to --metrics")
    return request


def _status(gain: float, required: float) -> int:
    reached = gain >= required
    verdict = "at least" if reached else "less than"
    say(f"gain over the untouched input: {gain:+.2f} dB PSNR ({verdict} {required:g})")
    return 0 if reached else 1


def _listed(text: str) -> list[str]:
    """Comma-separated names, each once."""
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _patterns(words: Sequence[str]) -> dict[str, str]:
    """Patterns of ``--match`` by row, under an empty name that of all rows of results."""
    from img2img.evaluation.entries import INPUT

    patterns: dict[str, str] = {}
    for word in words:
        name, equals, pattern = word.partition("=") if "{}" not in word.partition("=")[0] else ("", "=", word)
        row = INPUT if name == "source" else name
        if not equals or not pattern or row in patterns:
            raise UserError(f"--match {word}: must be PATTERN or NAME=PATTERN, once for each row, such as {{}}_fake_B")
        patterns[row] = pattern
    return patterns


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.split("x"))
    except ValueError as error:
        raise UserError(f"--column-size {text}: must be WIDTHxHEIGHT, such as 256x256") from error
    if min(width, height) < 1:
        raise UserError(f"--column-size {text}: must be at least 1x1")
    return width, height


def _side(flag: str, text: str) -> int | None:
    if text == "none":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"{flag} {text}: must be a side in px of at least 1, or none")
    return int(text)


def named(pairs: Sequence[str], flag: str) -> list[tuple[str, str]]:
    """(name, place) of each NAME=PLACE; with ``--weights`` a shipped name is its own place."""
    result = []
    for pair in pairs:
        # what is shipped has a name already
        name, equals, value = (pair, "=", pair) if flag == "--weights" and pair in names() else pair.partition("=")
        if not equals or not name or not value:
            raise UserError(f"{flag} {pair}: must be NAME=PLACE, such as {flag} ours=runs/derain")
        if "/" in name or name.startswith("."):
            raise UserError(f"{flag} {pair}: the name {name!r} cannot be a folder's name")
        result.append((name, value))
    return result


def _once(named: Sequence[tuple[str, str]]) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for name, folder in named:
        if name in folders:
            raise UserError(f"--results: the name {name!r} is given twice")
        folders[name] = Path(folder)
    return folders
