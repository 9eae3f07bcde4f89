"""Completion scripts for bash, zsh and fish: words alone, so that pressing a key starts no Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Option:
    """A flag of a command.

    Args:
        flags: ``--task``, or ``-h`` and ``--help``.
        meaning: what its help says, one line.
        takes: whether a value follows.
        values: what may follow.
        only: whether nothing else may follow; otherwise it may be a file too.
    """

    flags: tuple[str, ...]
    meaning: str
    takes: bool
    values: tuple[str, ...] = ()
    only: bool = False


@dataclass(frozen=True)
class Command:
    """A command as a shell sees it.

    Args:
        words: what may stand without a flag, beside files; those that end in ``=`` are gone on with.
        after: what may follow certain words that are no flags.
    """

    meaning: str
    options: Sequence[Option]
    words: tuple[str, ...] = ()
    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def followers(self) -> list[tuple[str, Option]]:
        """Each flag that takes a value, and each word that has followers, with what may follow."""
        flags = [(flag, option) for option in self.options if option.takes for flag in option.flags]
        return flags + [(word, Option((word,), "", True, values, True)) for word, values in self.after.items()]


def _flags(command: Command) -> str:
    return " ".join(flag for option in command.options for flag in option.flags)


def bash(commands: Mapping[str, Command]) -> str:
    """For bash 3.2 and newer; an empty answer lets it complete files."""
    return "\n".join(
        [
            "_img2img() {",
            '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" words=""',
            "  COMPREPLY=()",
            '  if [ "$COMP_CWORD" -eq 1 ]; then',
            f'    words="{" ".join(commands)} --help --version"',
            "  else",
            '    case "${COMP_WORDS[1]} $previous" in',
            *(
                f'    "{name} {word}") words="{" ".join(option.values)}" ;;'
                for name, command in commands.items()
                for word, option in command.followers()
            ),
            '    *" =") ;;',
            '    *) case "${COMP_WORDS[1]} $current" in',
            *(f'      "{name} -"*) words="{_flags(command)}" ;;' for name, command in commands.items()),
            *(f'      "{name} "*) words="{" ".join(command.words)}" ;;' for name, command in commands.items()),
            "      esac ;;",
            "    esac",
            "  fi",
            '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
            '  case "${COMPREPLY[0]}" in *=) compopt -o nospace 2>/dev/null ;; esac',
            "}",
            "complete -o default -F _img2img img2img",
            "",
        ]
    )


def _quoted(text: str) -> str:
    """For fish between single quotes."""
    return "'" + text.replace("\\", "").replace("'", "") + "'"


def zsh(commands: Mapping[str, Command]) -> str:
    """To be sourced after compinit, or a file ``_img2img`` in ``fpath``."""
    return "\n".join(
        [
            "#compdef img2img",
            "_img2img() {",
            '  local previous="${words[CURRENT-1]}"',
            f"  if (( CURRENT == 2 )); then compadd -- {' '.join(commands)} --help --version; return; fi",
            '  case "${words[2]} $previous" in',
            *(
                f'    "{name} {word}") compadd -- {" ".join(option.values)}; {"_files; " * (not option.only)}return ;;'
                for name, command in commands.items()
                for word, option in command.followers()
            ),
            "  esac",
            '  if [[ "${words[CURRENT]}" == -* ]]; then',
            '    case "${words[2]}" in',
            *(f"      {name}) compadd -- {_flags(command)} ;;" for name, command in commands.items()),
            "    esac",
            "    return",
            "  fi",
            '  case "${words[2]}" in',
            *(
                f"    {name}) compadd -S '' -- {' '.join(command.words)} ;;"
                for name, command in commands.items()
                if command.words
            ),
            "  esac",
            "  _files",
            "}",
            'if [ "${funcstack[1]}" = "_img2img" ]; then _img2img "$@"; else compdef _img2img img2img; fi',
            "",
        ]
    )


def fish(commands: Mapping[str, Command]) -> str:
    """For ``~/.config/fish/completions/img2img.fish``."""
    begin = "complete -c img2img"
    lines = [f"{begin} -n __fish_use_subcommand -f -l help -l version"]
    for name, command in commands.items():
        within = f"{begin} -n '__fish_seen_subcommand_from {name}'"
        lines.append(f"{begin} -n __fish_use_subcommand -f -a {name} -d {_quoted(command.meaning)}")
        for option in command.options:
            flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
            value = " -r" * option.takes + " -f" * option.only
            value += f" -a {_quoted(' '.join(option.values))}" if option.values else ""
            lines.append(f"{within} {flags}{value} -d {_quoted(option.meaning)}")
        if command.words:
            lines.append(f"{within} -a {_quoted(' '.join(command.words))}")
        for word, values in command.after.items():
            followed = f"'__fish_seen_subcommand_from {name}; and __fish_prev_arg_in {word}'"
            lines.append(f"{begin} -n {followed} -f -a {_quoted(' '.join(values))}")
    return "\n".join([*lines, ""])


SHELLS: dict[str, Callable[[Mapping[str, Command]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
