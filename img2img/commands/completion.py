"""``img2img completion``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module

from img2img.commands import COMMANDS, Parser, parser
from img2img.commands.shells import SHELLS, Command, Option

EXAMPLES = """\
  source <(img2img completion bash)                                       in ~/.bashrc
  source <(img2img completion zsh)                                        in ~/.zshrc, after compinit
  img2img completion fish > ~/.config/fish/completions/img2img.fish
What is completed is what this version has: write files anew after an update."""

# the kind of the catalogue that an option of this name takes
KINDS = {
    "task": "tasks",
    "method": "methods",
    "weights": "weights",
    "begin": "weights",
    "protocol": "protocols",
    "metrics": "metrics",
}
WORDS = {"device": ("auto", "cpu", "cuda"), "tile": ("auto", "off")}


def arguments() -> Parser:
    """What the command takes."""
    command = parser("completion", "Print what a shell needs to complete commands, flags and names.", EXAMPLES)
    command.add_argument("shell", choices=tuple(SHELLS), help="for which shell")
    return command


def run(words: Sequence[str]) -> int:
    """Print; always 0."""
    given = arguments().parse_args(list(words))
    print(SHELLS[given.shell](described()), end="")
    return 0


def described() -> dict[str, Command]:
    """Every command as its own parser describes it."""
    from img2img.recipes.catalogue import CATALOGUE, choices

    names = {kind: tuple(dict.fromkeys(choice.name for choice in choices(kind))) for kind in CATALOGUE}
    known = WORDS | {dest: names[kind] for dest, kind in KINDS.items()}
    commands = {}
    for name, meaning in COMMANDS.items():
        actions = import_module(f"img2img.commands.{name}").arguments()._actions
        options = [_option(action, known) for action in actions if action.option_strings]
        words = tuple(word for action in actions if not action.option_strings for word in _words(action))
        commands[name] = Command(meaning, options, words)
    commands["list"] = Command(COMMANDS["list"], commands["list"].options, tuple(names), names)
    return commands


def _option(action: argparse.Action, known: dict[str, tuple[str, ...]]) -> Option:
    values = tuple(map(str, action.choices or known.get(action.dest, ())))
    meaning = " ".join((action.help or "").split()).partition(";")[0][:60]
    return Option(tuple(action.option_strings), meaning, action.nargs != 0, values, action.choices is not None)


def _words(action: argparse.Action) -> tuple[str, ...]:
    """What an argument without a flag may be."""
    from img2img.config import config_files
    from img2img.data import DataConfig
    from img2img.recipes.describe import rows
    from img2img.recipes.train_config import TrainConfig

    if action.dest == "overrides":
        return tuple(f"{row.key}=" for row in (*rows(DataConfig, "data."), *rows(TrainConfig, "train.")))
    if action.dest == "table":
        return tuple(config_files("tables"))
    return tuple(map(str, action.choices or ()))
