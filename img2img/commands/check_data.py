"""``img2img check_data``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from img2img.commands import Parser, count, parser
from img2img.config import config_files
from img2img.errors import UserError
from img2img.files import check_folder, inside
from img2img.progress import Reporter, say
from img2img.recipes.settings import resolve

EXAMPLES = """\
  img2img check_data --task derain --data DIR
  img2img check_data --task derain --data DIR --against TESTSET --report checked
  img2img check_data --task edges --data DIR --scenes scenes.csv data.direction=AtoB
  img2img check_data --task derain --data DIR --quick --json
Exit status: 0 nothing but notes, 1 training would fail or its results would be wrong, 2 cannot look."""


def arguments() -> Parser:
    """What the command takes."""
    made = parser("check_data", "Say what is wrong with a data set, before training on it.", EXAMPLES)
    made.add_argument(
        "--task", required=True, help=f"what it is for: {', '.join(config_files('tasks'))}, or a YAML file"
    )
    made.add_argument("--method", help="take the data settings of this method too (default: the task's)")
    made.add_argument("--data", metavar="DIR", help="the data set")
    made.add_argument("--against", type=Path, metavar="DIR", help="a further set, such as a test set, to compare with")
    made.add_argument("--quick", action="store_true", help="names, sizes, counts, direction and levels alone")
    made.add_argument("--crop", type=count, metavar="N", help="the same as data.crop=N")
    made.add_argument("--report", type=Path, metavar="DIR", help="write a page with pictures here")
    made.add_argument("--json", action="store_true", help="print JSON in place of text")
    made.add_argument("--scenes", type=Path, metavar="FILE", help="write file,scene for data.scenes to split by")
    made.add_argument("overrides", nargs="*", metavar="key=value", help="such as data.direction=AtoB")
    return made


def run(words: Sequence[str]) -> int:
    """Look and tell; 0 nothing but notes, 1 training would fail or its results would be wrong."""
    given = arguments().parse_intermixed_args(list(words))
    crop = [f"data.crop={given.crop}"] if given.crop else []
    config = resolve(given.task, given.method, given.data, None, [*given.overrides, *crop]).data
    for flag in ("against", "scenes"):
        if given.quick and getattr(given, flag) is not None:
            raise UserError(f"--{flag} needs every picture: leave --quick out")
    if given.report is not None:
        check_folder(given.report, "--report")
        if config.path is not None and inside(given.report, Path(config.path)):
            raise UserError(f"--report {given.report}: lies inside the data; name a folder outside them")
    from img2img.doctor import as_json, as_text, check_scenes_file, examine, write_scenes

    if given.scenes is not None:
        check_scenes_file(given.scenes)
    with ExitStack() as stack:
        diagnosis = examine(config, given.task, quick=given.quick, against=given.against, progress=_progress(stack))
    try:
        if given.report is not None:
            from img2img.reports.pages.doctor import write_page

            say(f"page: {write_page(diagnosis, given.report)}")
        if given.scenes is not None:
            say(write_scenes(diagnosis, given.scenes))
    finally:
        # what was found is told even where it cannot be written
        print(as_json(diagnosis) if given.json else as_text(diagnosis))
    return diagnosis.status


def _progress(stack: ExitStack) -> Callable[[int, int], None]:
    """What the doctor reports to; the bar begins when the number of pictures is known."""
    bars: list[Reporter] = []

    def tell(done: int, total: int) -> None:
        if not bars:
            bars.append(stack.enter_context(Reporter(total, "picture")))
        bars[0].advance(done)

    return tell
