"""``img2img demo``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from img2img.commands import Parser, parser
from img2img.errors import UserError
from img2img.progress import say

EXAMPLES = """\
  img2img demo
  img2img demo --weights derain-fast --weights runs/mine --open
  img2img demo --server
  img2img demo --export public
The page is reached from this machine alone, asks no other machine for anything, and photos stay where they are: the
browser computes, and what it cannot (many pixels, kinds of files it does not read) this machine does.
docs/demo.md says what is allowed and checked. Exit status: 0 ended by Ctrl-C, or written; 2 cannot be done as asked."""
HOST, PORT = "127.0.0.1", 8765


def port(text: str) -> int:
    """An argument that is a port: 0 to 65535."""
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{value} is not within 0 to 65535")
    return value


def arguments() -> Parser:
    """What the command takes."""
    command = parser("demo", "A page in the browser for photos, drawings, holes and noise.", EXAMPLES)
    command.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="NAME|RUN|FILE",
        help="a model to choose from: a name that `img2img list weights` shows, a run directory or a .safetensors "
        "file; may be given again (default: all that come with the package)",
    )
    command.add_argument("--host", default=HOST, help=f"address to listen on (default {HOST}: this machine alone)")
    command.add_argument(
        "--port", type=port, default=PORT, metavar="N", help=f"port to listen on (default {PORT}; 0: any free one)"
    )
    command.add_argument(
        "--server", action="store_true", help="translate everything here instead of in the browser; needs no extra"
    )
    command.add_argument(
        "--export", type=Path, metavar="DIR", help="write the page as files that any web server can hand out, and end"
    )
    command.add_argument("--open", action="store_true", help="open the page in the default browser")
    return command


def run(words: Sequence[str]) -> int:
    """Serve the page until interrupted, or write it; 0."""
    given = arguments().parse_args(list(words))
    if given.export is not None and given.server:
        raise UserError("--export writes a page without a server, --server needs one: give one of them")
    from img2img.demo import DemoServer, Limits, Uploads, page_files, prepare, serve, write_site

    models = prepare(given.weights, in_browser=not given.server)
    if given.export is not None:
        for model in models:
            if model.onnx is None:
                raise UserError(f"--weights {model.weights}: no browser runs this model, and --export writes no server")
        count = write_site(page_files(models, server=False), given.export)
        say(f"{given.export}: {count} files; any web server can hand them out, browsers open none of them as file://")
        return 0
    limits = Limits()
    files = page_files(models, server=True, upload_pixels=limits.pixels)
    server = DemoServer(given.host, given.port, files, Uploads(models, limits))
    say(f"open {server.address} in a browser; Ctrl-C ends the demo")
    if not server.loopback:
        say("others can reach this address: whoever does can have pictures translated here")
    if given.open:
        import webbrowser

        if not webbrowser.open(server.address):
            say("no browser was found: open the address by hand")
    if not serve(server):
        # no interpreter ends well while torch computes in a thread of it
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(0)
    return 0
