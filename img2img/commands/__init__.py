"""The ``img2img`` command: arguments to calls, errors to one line and an exit status."""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from img2img import __version__
from img2img.errors import UserError, nearest

COMMANDS = {
    "train": "train a model",
    "infer": "translate a folder of pictures",
    "export": "write weights as an ONNX file, for onnxruntime",
    "evaluate": "measure results against their targets",
    "verify": "compute a report's figures again, and say what of it holds",
    "demo": "a page in the browser that translates your photos",
    "reproduce": "train and measure the arms of a published table",
    "check_data": "say what is wrong with a data set, before training on it",
    "list": "what there is: tasks, methods, networks, losses, ..., shipped weights",
    "show": "what a run is, and how far it is",
    "completion": "print what bash, zsh or fish need to complete all this",
}


class Parser(argparse.ArgumentParser):
    """argparse whose complaints are a `UserError`: one line, exit status 2."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise UserError(f"{self.prog.removeprefix('img2img ')}: {message}; see {self.prog} --help")


def parser(name: str, description: str, examples: str) -> Parser:
    """A command's parser: help with working examples, no abbreviations."""
    return Parser(
        prog=f"img2img {name}",
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def count(text: str) -> int:
    """An argument that counts something: at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is less than 1")
    return value


def usage() -> str:
    """What ``img2img --help`` shows."""
    lines = "\n".join(f"  {name:<12}{text}" for name, text in COMMANDS.items())
    return f"usage: img2img COMMAND ...\n\n{lines}\n\nimg2img COMMAND --help shows each one's options and examples.\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status: 0 done, 1 failed on the way, 2 cannot be done as asked, 130 interrupted."""
    # `list` is a module of this package once its command has run
    words = [*(sys.argv[1:] if arguments is None else arguments)]
    debug = "--debug" in words
    # names may have bytes that are no UTF-8 (PEP 383): no print may fail of them
    for stream, errors in ((sys.stdout, "surrogateescape"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    words = [word for word in words if word != "--debug"]
    try:
        if not words or words[0] in ("-h", "--help"):
            print(usage(), end="")
            return 0
        if words[0] in ("-V", "--version"):
            print(f"img2img {__version__}")
            return 0
        if words[0] not in COMMANDS:
            raise UserError(f"unknown command {words[0]!r}{nearest(words[0], COMMANDS)}")
        command = import_module(f"img2img.commands.{words[0]}")
        return int(command.run(words[1:]))
    except UserError as error:
        if debug:
            traceback.print_exc()
        print(f"img2img: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("img2img: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader of the output has gone; nothing more can be told to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if debug:
            raise
        known = _known(error)
        detail = (
            known or f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:300]} (--debug shows where)"
        )
        print(f"img2img: {detail}", file=sys.stderr)
        # a name that no file can have was asked for; all else failed on the way
        return 2 if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG else 1


def _known(error: Exception) -> str | None:
    from img2img.compute.memory import is_out_of_memory

    if is_out_of_memory(error):
        return "not enough memory: use a smaller train.batch, data.crop, --memory, --tile or --column-size"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'file system'}: {error.strerror}"
    return None
