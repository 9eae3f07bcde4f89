"""``img2img verify``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from img2img.commands import Parser, parser
from img2img.progress import say

EXAMPLES = """\
  img2img verify result                               the figures from the values, the values from the pictures
  img2img verify result --weights ours=runs/derain    also the results from the weights
  img2img verify result --data DIR                    also the hash of the data
One line for each thing that holds, DIFFERS or is open (could not be checked); exit 1 when something differs."""


def arguments() -> Parser:
    """What the command takes."""
    command = parser("verify", "Compute a report's figures again, and say what of it holds.", EXAMPLES)
    command.add_argument("report", type=Path, metavar="REPORT", help="a folder that evaluate --output wrote")
    command.add_argument(
        "--weights",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME=RUN",
        help="weights of rows of the report: their results are made again; a shipped name stands alone",
    )
    command.add_argument("--data", metavar="DIR", help="what was measured on: pairs of weights, targets of results")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    return command


def run(words: Sequence[str]) -> int:
    """Print the verdict; 0 nothing differs, 1 something does."""
    given = arguments().parse_args(list(words))
    from img2img.commands.evaluate import named
    from img2img.evaluation.verify import read_report, verify_files
    from img2img.evaluation.verify_pictures import verify_pictures, verify_weights

    weights = named(given.weights, "--weights")
    report = read_report(given.report)
    findings = []
    for part in (
        verify_files(report),
        verify_pictures(report, given.data),
        verify_weights(report, weights, given.device),
    ):
        for finding in part:
            findings.append(finding)
            print(finding)
    wrong = sum(finding.holds is False for finding in findings)
    unchecked = sum(finding.holds is None for finding in findings)
    say(f"{given.report}: {len(findings) - wrong - unchecked} hold, {wrong} differ, {unchecked} open")
    return 1 if wrong else 0
