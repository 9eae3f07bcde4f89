"""``img2img evaluate --sets``: sets of samples without pairs."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from img2img.commands import Parser, count
from img2img.errors import UserError, unknown
from img2img.files import atomic, check_folder
from img2img.progress import say

if TYPE_CHECKING:
    from img2img.evaluation.sets import SetTable

TAKEN = ("sets", "weights", "data", "part", "features", "samples", "metrics", "format", "output", "device")


def add_sets(command: Parser) -> None:
    """The flags of sets."""
    command.add_argument(
        "--sets",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME=PLACE",
        help="sets of samples without pairs, the real one first: REAL=DIR MADE=DIR ...; folders of pictures, files of "
        "arrays, or 8gaussians, 25gaussians, ring (docs/gan.md)",
    )
    command.add_argument(
        "--features",
        metavar="SPACE",
        help="of sets: the space of --metrics that name none (frechet_on_mnist does): pixels (default), mnist, "
        "cifar10, efficientnet_lite0, inception, inception_torchvision (docs/gan.md)",
    )
    command.add_argument(
        "--samples", type=count, metavar="N", help="of sets: so many of each (default: the smallest, at most 2000)"
    )


def refuse_others(given: Namespace, command: Parser) -> None:
    """Refuse flags that say nothing of sets.

    Raises:
        UserError: naming the first of them.
    """
    for flag, value in vars(given).items():
        if flag not in TAKEN and value != command.get_default(flag):
            raise UserError(f"--{flag.replace('_', '-')} has no meaning for sets of samples; leave it out")


def of_sets(given: Namespace, named: Sequence[tuple[str, str]]) -> SetTable:
    """The table of ``--sets``, the first of ``named`` being the real one."""
    from img2img.compute.distributed import pick_device
    from img2img.evaluation.set_sources import source_of
    from img2img.evaluation.sets import compare_sets

    if len(named) < 2:
        raise UserError("--sets: two are needed, the real one first: --sets REAL=DIR MADE=DIR")
    names = [name for name, _ in named]
    if len(set(names)) < len(names):
        raise UserError("--sets: two sets have one name; give each its own")
    real, *made = [source_of("--sets", name, place) for name, place in named]
    return compare_sets(real, made, _names(given), given.features or "pixels", given.samples, pick_device(given.device))


def of_noise_weights(given: Namespace, named: Sequence[tuple[str, str]]) -> SetTable:
    """The table of weights that make samples from noise, against their data or ``--data``."""
    from img2img.compute.distributed import pick_device
    from img2img.evaluation.set_weights import compare_weights

    device = pick_device(given.device)
    return compare_weights(
        named, given.data, given.part, _names(given), given.features or "pixels", given.samples, device
    )


def _names(given: Namespace) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in (given.metrics or "").split(",") if name.strip()))


def check_formats(formats: Sequence[str]) -> None:
    """Refuse formats that tables of sets do not have."""
    from img2img.evaluation.sets import SET_FORMATS

    for name in formats:
        if name not in SET_FORMATS:
            raise unknown("format of sets", name, SET_FORMATS, "--format")


def show(given: Namespace, table: SetTable, formats: Sequence[str]) -> None:
    """Print the table, or write sets.md, sets.json, ... to ``--output`` and print it in Markdown."""
    from img2img.evaluation.sets import SET_FORMATS

    if given.output is None:
        print("\n\n".join(SET_FORMATS[form](table) for form in formats))
        return
    given.output.mkdir(parents=True, exist_ok=True)
    for form in formats:
        path = given.output / f"sets.{form}"
        with atomic(path) as temporary:
            temporary.write_text(SET_FORMATS[form](table) + "\n", encoding="utf-8", errors="surrogateescape")
        say(f"table: {path}")
    print(SET_FORMATS["md"](table))


def check_output(given: Namespace) -> None:
    """Refuse an ``--output`` that cannot be written, before any work."""
    if given.output is not None:
        check_folder(given.output, "--output")
