"""``img2img reproduce``."""

from __future__ import annotations

import argparse
import math
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from img2img.commands import Parser, count, parser
from img2img.compute.distributed import join
from img2img.config import config_files
from img2img.errors import UserError

if TYPE_CHECKING:
    from img2img.experiments.table import ArmTable

EXAMPLES = """\
  img2img reproduce table3 --data DIR --output result --minutes 30 --seeds 3
  img2img reproduce table3 --data DIR --output result --steps 2000 --arms L2 PAN
  img2img reproduce table5 --data edges2shoes=DIR edges2handbags=DIR --output result --as-published
  img2img reproduce toy --output result --quick
  img2img reproduce table3 generator.width=16 data.crop=64 --data DIR --output result --steps 200
A plan is printed first and kept in the output. Run the same command again and it goes on where it stopped.
key=value is for all arms; SET.key=value for all arms on one data set. docs/reproduce.md has the rest."""


def arguments() -> Parser:
    """What the command takes."""
    command = parser("reproduce", "Train and measure all arms of a published table under one clock.", EXAMPLES)
    command.add_argument("table", help=f"{', '.join(config_files('tables'))}, or a YAML file")
    command.add_argument(
        "--data",
        action="extend",
        nargs="+",
        default=[],
        metavar="[NAME=]DIR",
        help="the data set, by name where the table has several; those not named are left out",
    )
    command.add_argument("--output", type=Path, required=True, metavar="DIR", help="plan, runs, tables and figures")
    length = command.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=_minutes, help="of training steps for each run; validations come on top")
    length.add_argument("--steps", type=count, help="of each run")
    length.add_argument("--as-published", action="store_true", help="as long as each method's YAML says")
    length.add_argument("--quick", action="store_true", help="the table's short form: its fewest steps and seeds")
    command.add_argument("--seeds", type=count, metavar="K", help="runs of each arm, seeds 0 to K - 1 (default: 1)")
    command.add_argument("--arms", action="extend", nargs="+", default=[], metavar="NAME", help="some rows alone")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N; untested: mps, xpu")
    command.add_argument("--threads", type=count, help="CPU threads (default: all cores)")
    command.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="for all arms, such as generator.width=32; for one: ARM.key=value",
    )
    return command


def _minutes(text: str) -> float:
    value = float(text)
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return value


def _extent(given: argparse.Namespace, table: ArmTable) -> tuple[str, int]:
    """Length and seeds: what the command says, else what the table does.

    Raises:
        UserError: neither says how long, or there is no short form.
    """
    if given.quick and table.quick is None:
        raise UserError(f"--quick: {given.table} has no short form; give --minutes or --steps")
    short = table.quick if given.quick else None
    seeds = given.seeds or (short or table).seeds
    if given.as_published:
        return "as published", seeds
    said = given if given.steps or given.minutes else short or table
    if said.steps:
        return f"steps={said.steps}", seeds
    if said.minutes:
        return f"minutes={said.minutes:g}", seeds
    raise UserError("how long? give --minutes, --steps or --as-published")


def run(words: Sequence[str]) -> int:
    """Make the table; 0 done, or stopped by SIGTERM with everything saved."""
    from img2img.experiments.job import Reproduction
    from img2img.experiments.plan import Asked
    from img2img.experiments.reproduce import reproduce
    from img2img.experiments.table import load

    given = arguments().parse_intermixed_args(list(words))
    table = load(given.table)
    table.check_overrides(given.overrides)
    places = table.places(given.data)
    length, seeds = _extent(given, table)
    arms = table.chosen_arms(given.arms)
    world = join(given.device)
    asked = Asked(
        table=given.table,
        sets=tuple(places),
        arms=arms,
        seeds=seeds,
        length=length,
        overrides=(*(table.quick.overrides if given.quick and table.quick else ()), *given.overrides),
        device=world.device.type,
    )
    job = Reproduction(table, asked, places, given.output, world)
    try:
        stopped = reproduce(job, threads=given.threads, command=[*sys.argv])
    finally:
        world.close()
    if world.is_main and stopped is None:
        print((given.output / "table.md").read_text(encoding="utf-8", errors="surrogateescape"), end="")
    return 130 if stopped == signal.SIGINT else 0
