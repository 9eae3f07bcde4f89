"""``img2img train``."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from img2img.commands import Parser, count, parser
from img2img.compute.distributed import join
from img2img.config import config_files, dump_yaml
from img2img.errors import UserError
from img2img.progress import say
from img2img.recipes.describe import keys_help
from img2img.recipes.settings import resolve

EXAMPLES = """\
  img2img train --task derain                       the built-in photographs, some three minutes
  img2img train --task derain --data DIR --method pan --output runs/pan train.minutes=60
  img2img train --task derain --print-config        show the complete configuration and stop
  img2img train --config runs/pan/config.yaml --output runs/pan2
  img2img train --task derain --data MINE --from runs/pan --output runs/mine
  torchrun --nproc-per-node 2 tools/train.py --task derain --data DIR --output runs/two
Run the same command again and it goes on where it stopped."""


def arguments() -> Parser:
    """What the command takes."""
    made = parser("train", "Train a model on pairs of pictures.", f"{EXAMPLES}\n\n{keys_help()}")
    made.add_argument("--task", help=f"what is learnt: {', '.join(config_files('tasks'))}, or a YAML file")
    made.add_argument("--method", help=f"how: {', '.join(config_files('methods'))}, or a YAML file")
    made.add_argument("--data", metavar="DIR", help="the data set (default: what is built in)")
    made.add_argument("--output", metavar="RUN", help="run directory (default: runs/TASK-METHOD)")
    made.add_argument("--config", type=Path, metavar="FILE", help="a YAML of keys, such as a run's config.yaml")
    made.add_argument("--from", dest="begin", metavar="RUN|FILE", help="begin a new run from these weights")
    made.add_argument(
        "--from-optimizer", action="store_true", help="with --from RUN: its optimisers' moments are taken too"
    )
    made.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N; untested: mps, xpu")
    made.add_argument("--threads", type=count, help="CPU threads (default: all cores)")
    made.add_argument("--print-config", action="store_true", help="show the configuration and stop")
    made.add_argument("overrides", nargs="*", metavar="key=value", help="such as train.steps=500 data.crop=128")
    return made


def run(words: Sequence[str]) -> int:
    """Train; 0 when finished or stopped by SIGTERM with everything saved."""
    given = arguments().parse_intermixed_args(list(words))
    if given.from_optimizer and given.begin is None:
        raise UserError("--from-optimizer: needs --from RUN, whose moments it takes")
    begin = None if given.begin is None else {"weights": given.begin, "optimizer": given.from_optimizer}
    settings = resolve(given.task, given.method, given.data, given.config, given.overrides, begin)
    if given.print_config:
        print(dump_yaml(settings.tree), end="")
        return 0
    from img2img.training.train import default_output, train

    began = time.monotonic()
    world = join(given.device)
    output = Path(given.output or default_output(settings))
    try:
        outcome = train(settings, world, output, command=[*sys.argv], threads=given.threads)
    finally:
        world.close()
    progress = outcome.progress
    if world.is_main and progress.step == outcome.total and time.monotonic() - began > 1:
        best = f"; best {settings.task.selection} {progress.best:.4f}" if progress.best is not None else ""
        say(f"done: {progress.step} steps{best}; weights in {output / 'weights'}")
    return 130 if outcome.signal == signal.SIGINT and progress.step < outcome.total else 0
