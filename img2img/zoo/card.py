"""Model cards: docs/models/NAME.md, written from the YAML beside the weights, so that no figure stands twice.

``python -m img2img.zoo.card NAME > docs/models/NAME.md`` writes one anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from img2img.zoo.entry import Figure, ZooEntry
from img2img.zoo.shelf import entry_of

DIGITS = {"psnr": 2, "mae": 2}


def card(name: str, entry: ZooEntry) -> str:
    """The card of shipped weights as Markdown."""
    return "\n".join(_lines(name, entry)).rstrip() + "\n"


def _lines(name: str, entry: ZooEntry) -> Iterator[str]:
    yield from (f"# {name}", "", entry.description, "")
    yield from ("```sh", f"img2img infer --weights {name} {entry.use}", "```", "")
    yield from ("| | |", "|---|---|")
    for key, value in facts(entry).items():
        yield f"| {key} | {_cell(value)} |"
    yield from ("", "## Figures", "")
    yield from (
        "| pictures | measure | protocol | value | 95 % interval | untouched input |",
        "|---|---|---|---:|---:|---:|",
    )
    for figure in entry.figures:
        yield _row(figure)
    yield from (
        "",
        "Protocols and measures: [metrics.md](../metrics.md), of sets [gan.md](../gan.md).",
        "",
        "## Where it fails",
        "",
    )
    yield from (f"- {text}" for text in entry.fails)
    yield ""
    for picture in entry.pictures:
        yield from (f"![{picture.caption}]({picture.file})", "", picture.caption, "")
    yield from ("## Check", "", _check(name, entry))


def facts(entry: ZooEntry) -> dict[str, str]:
    """What is said in a word or a line each, by what it is."""
    said = {
        "task": entry.task,
        "network": entry.network,
        "parameters": f"{entry.parameters:,}",
        "trained on": entry.data,
        "speed": entry.speed,
        "licence": entry.licence,
        "sha256": entry.sha256 or "",
    }
    return {key: value for key, value in said.items() if value}


def figure_line(figure: Figure) -> str:
    """A figure in one line: ``psnr 24.10 [23.80, 24.40] (input 21.15), rgb, of 100 pictures``."""
    between = "" if figure.interval is None else f" [{', '.join(_ends(figure))}]"
    before = "" if figure.input is None else f" (input {shown(figure.metric, figure.input)})"
    value = shown(figure.metric, figure.value)
    return f"{figure.metric} {value}{between}{before}, {figure.protocol}, of {figure.data}"


def _ends(figure: Figure) -> tuple[str, ...]:
    return tuple(shown(figure.metric, value) for value in figure.interval or ())


def shown(metric: str, value: float) -> str:
    """A figure as it is written."""
    return f"{value:.{DIGITS.get(metric, 3)}f}"


def _row(figure: Figure) -> str:
    before = "" if figure.input is None else shown(figure.metric, figure.input)
    cells = (
        figure.data,
        figure.metric,
        figure.protocol,
        shown(figure.metric, figure.value),
        " to ".join(_ends(figure)),
        before,
    )
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def check_command(name: str, entry: ZooEntry) -> str:
    """What measures the weights on the sample again."""
    command = f"img2img evaluate --weights {name} --data {entry.sample.data}"
    return f"{command} --load none --crop none" if entry.sample.of_pairs else command


def _check(name: str, entry: ZooEntry) -> str:
    values = ", ".join(f"{metric} {value:.4f}" for metric, value in entry.sample.metrics.items())
    gives = f"`{check_command(name, entry)}` gives {values}"
    if not entry.sample.of_pairs:
        return f"{gives}; weights are stored in fp16."
    computed = entry.sample.bf16_costs
    bf16 = "" if computed is None else f", and computing in bf16 {computed:.4f} dB"
    return (
        f"{gives} (protocol rgb, fp32); weights are stored in fp16, which costs {entry.sample.fp16_costs:.4f} dB "
        f"there{bf16}."
    )


if __name__ == "__main__":
    print(card(sys.argv[1], entry_of(sys.argv[1])), end="")
