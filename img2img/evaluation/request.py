"""What an evaluation shall say, and how."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from img2img.errors import UserError, unknown
from img2img.evaluation.cost import COLUMNS
from img2img.evaluation.fit import FITS, Fit
from img2img.evaluation.scoring import Asked
from img2img.metrics import METRICS, Protocol, read_protocol
from img2img.reports.explain import needed
from img2img.reports.published import Published

Spread = Literal["none", "std", "interval"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What an evaluation shall say, and how.

    ``explain``: also under every shipped protocol. ``against``: the row that the others are compared with. ``scenes``:
    a CSV with columns file and scene. ``columns``: of `COLUMNS`, at ``column_size`` (width, height). ``cut``: short
    side (``load``) and centre (``crop``) in px of the pictures that weights are run on, None for all, in place of what
    training validated on. ``fit``: of `FITS`, for results whose size is not their target's; None refuses them.
    ``match``: what files of results are called, ``{}`` being the target's path without ending, by row; under an empty
    name for all rows of results. ``direction`` (AtoB, BtoA) says which half of pairs side by side is the target.
    ``strict``: weights that have seen pictures they are measured on, or do not say what they have seen, are refused.
    ``masks``: a folder of the holes of results, where the protocol is of the hole alone (``region=hole``).

    Raises:
        UserError: an unknown metric, column or fit, or no metric at all.
    """

    metrics: tuple[str, ...] = ("psnr", "ssim")
    protocol: Protocol = field(default_factory=lambda: read_protocol("rgb"))
    explain: bool = False
    against: str | None = None
    spread: Spread = "none"
    scenes: Path | None = None
    published: tuple[Published, ...] = ()
    columns: tuple[str, ...] = ()
    column_size: tuple[int, int] = (256, 256)
    cut: Mapping[str, int | None] = field(default_factory=dict)
    fit: Fit | None = None
    match: Mapping[str, str] = field(default_factory=dict)
    direction: str | None = None
    strict: bool = False
    masks: Path | None = None

    def __post_init__(self) -> None:
        for names, known, what, flag in (
            (self.metrics, METRICS, "metric", "--metrics"),
            (self.columns, COLUMNS, "column", "--columns"),
            (() if self.fit is None else (self.fit,), FITS, "fit", "--fit"),
        ):
            for name in names:
                if name not in known:
                    raise unknown(what, name, known, flag)
        for pattern in self.match.values():
            if "{}" not in pattern:
                raise UserError(f"--match {pattern}: needs {{}} for the target's name, such as {{}}_fake_B")
        self.protocol.check_region(self.metrics)
        if self.masks is not None and self.protocol.region != "hole":
            raise UserError(f"--masks {self.masks}: says where holes are, which --region hole alone asks for")
        if self.protocol.region == "hole" and self.fit is not None:
            raise UserError(f"--fit {self.fit}: masks would not fit any more; leave --fit or --region hole out")
        if self.protocol.region == "hole" and self.explain:
            raise UserError("--explain: shipped protocols are of whole pictures; leave --explain or --region hole out")
        if not self.metrics:
            raise UserError(f"--metrics: at least one is needed (known: {', '.join(sorted(METRICS))})")

    @property
    def asked(self) -> list[Asked]:
        """What is to be measured, the chosen protocol first."""
        others = needed(self.metrics_to_explain) if self.explain else []
        return [(self.protocol, self.metrics), *(asked for asked in others if asked[0].label != self.protocol.label)]

    @property
    def metrics_to_explain(self) -> list[str]:
        """``ssim_auto`` is a protocol's form of ``ssim``."""
        return list(dict.fromkeys("ssim" if name == "ssim_auto" else name for name in self.metrics))

    def patterns(self, rows: Collection[str], source: str) -> dict[str, str]:
        """The pattern of each row that has one; the row ``source`` has one only under its own name.

        Raises:
            UserError: ``match`` names none of ``rows``.
        """
        for name in self.match:
            if name and name not in rows:
                raise unknown("row", name, rows, "--match")
        found = {row: self.match.get(row, "" if row == source else self.match.get("", "")) for row in rows}
        return {row: pattern for row, pattern in found.items() if pattern}

    def check_rows(self, methods: Collection[str]) -> None:
        """Refuse to compare with a row that the table will not have.

        Raises:
            UserError: ``against`` is none of ``methods``.
        """
        if self.against is not None and self.against not in methods:
            raise unknown("row", self.against, methods, "--against")
