"""``img2img show``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from img2img.commands import Parser, parser

EXAMPLES = """\
  img2img show runs/derain-quick           also while it is being trained
  img2img show runs/derain-quick --json    the same for programs"""


def arguments() -> Parser:
    """What the command takes."""
    command = parser("show", "Say what a run is, and how far it is.", EXAMPLES)
    command.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    command.add_argument("--json", action="store_true", help="as JSON")
    return command


def run(words: Sequence[str]) -> int:
    """Print; always 0."""
    given = arguments().parse_args(list(words))
    from img2img.training.run_summary import summarize

    said = summarize(given.run)
    if given.json:
        print(json.dumps(said, indent=1, ensure_ascii=False))
    else:
        print("\n".join(f"{key + ':':<13}{text}" for key, text in said.items()))
    return 0
