"""``img2img show``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from img2img.commands import Parser, count, parser
from img2img.errors import UserError

EXAMPLES = """\
  img2img show runs/derain-quick           also while it is being trained
  img2img show runs/derain-quick --json    the same for programs
  img2img show runs/digits --film digits.webp    and what it made, look after look, as WebP or GIF"""


def arguments() -> Parser:
    """What the command takes."""
    command = parser("show", "Say what a run is, and how far it is.", EXAMPLES)
    command.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    command.add_argument("--json", action="store_true", help="as JSON")
    command.add_argument("--film", type=Path, metavar="FILE", help="its samples over the steps, to a .webp or .gif")
    command.add_argument("--frames", type=count, metavar="N", help="of the film at most (default: 100)")
    return command


def run(words: Sequence[str]) -> int:
    """Print; always 0."""
    given = arguments().parse_args(list(words))
    from img2img.training.run_summary import summarize

    if given.frames and not given.film:
        raise UserError("--frames: belongs to --film FILE; leave it out")
    said = summarize(given.run)
    if given.film:
        _write_film(given.run, given.film, given.frames)
    if given.json:
        print(json.dumps(said, indent=1, ensure_ascii=False))
    else:
        print("\n".join(f"{key + ':':<13}{text}" for key, text in said.items()))
    return 0


def _write_film(folder: Path, path: Path, frames: int | None) -> None:
    from img2img.progress import say
    from img2img.reports.animation import check_animation, save_animation
    from img2img.reports.writing import counted
    from img2img.training.history import MOST, history

    check_animation(path)
    film = history(folder, frames or MOST)
    save_animation(path, film)
    say(f"film of {counted(len(film), 'look')}: {path}")
