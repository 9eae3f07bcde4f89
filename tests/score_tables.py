"""Tables of scores that are small enough to know what is right."""

from __future__ import annotations

import math

from img2img.reports.published import Quoted
from img2img.reports.table import Score, Table

PROTOCOL = "rgb: RGB, 8 bit, data range 255"
LINE = "Protocol rgb: RGB, 8 bit, data range 255."
SCORES = (
    Score("input", "a", "psnr", 20.0), Score("input", "a", "mae", 9.0), Score("input", "b", "psnr", 22.0),
    Score("input", "b", "mae", 7.0), Score("my_net", "a", "psnr", 25.125), Score("my_net", "a", "mae", 3.0),
    Score("my_net", "b", "psnr", math.inf, "identical"), Score("my_net", "b", "mae", 0.0),
)  # fmt: skip
TABLE = Table(("input", "my_net"), ("psnr", "mae"), SCORES, PROTOCOL)
OURS = Quoted("PAN", {"psnr": 23.35, "vif": 0.4}, "a paper", "unknown: not said.", "Rain800", "read")
OTHER = Quoted("PAN", {"psnr": 24.0}, "another paper", "luminance")


def table(values, metric="psnr", **more):
    """A table of one metric from values by method."""
    scores = [
        Score(method, f"image{number}", metric, value)
        for method, column in values.items()
        for number, value in enumerate(column)
    ]
    return Table(tuple(values), (metric,), tuple(scores), PROTOCOL, **more)


def seeded(**more):
    """One method of three seeds, one of one."""
    scores = [Score("pan", "a", "psnr", value, "", seed) for seed, value in zip("012", (20, 23, 26), strict=True)]
    scores += [Score("pan", "b", "psnr", value, "", seed) for seed, value in zip("012", (30, 29, 31), strict=True)]
    scores += [Score("l2", "a", "psnr", 21.0), Score("l2", "b", "psnr", 25.0)]
    return Table(("pan", "l2"), ("psnr",), tuple(scores), PROTOCOL, **more)


def lines_of(text):
    return text.splitlines()
