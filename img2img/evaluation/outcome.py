"""What was found: a table for each protocol, with the pictures it was made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from img2img.evaluation.card import card_of
from img2img.evaluation.copies import copy_lines
from img2img.evaluation.entries import INPUT, Entry, Files
from img2img.evaluation.fit import Fitting
from img2img.evaluation.request import Request
from img2img.evaluation.scoring import Scored
from img2img.reports.explain import explain
from img2img.reports.table import Table
from img2img.reports.writing import sentence


@dataclass(frozen=True)
class Evaluation:
    """A table with the pictures it was made of (method, or a seed of it, to its files by picture).

    ``tables`` holds it by protocol label, with the others that were asked for by ``Request.explain``. ``fitting`` says
    how pictures of different size were made to agree. ``warnings`` are those of the table's notes that should be said
    at once. ``when`` says when it was made and how long that took: apart from it, the same pictures give the same
    report. ``keep`` is a folder that lives as long as the pictures are needed. ``seen`` says of each run of weights how
    many of the pictures it was trained on, ``data`` which part of a data set they were measured on, its cut and
    direction, or that targets were ``halved`` out of pairs. ``masks`` of the holes where these alone were measured.
    """

    table: Table
    tables: Mapping[str, Table]
    targets: Files
    results: Mapping[str, Files]
    sources: Files | None = None
    explained: tuple[str, ...] = ()
    fitting: Fitting | None = None
    warnings: tuple[str, ...] = ()
    when: Mapping[str, Any] = field(default_factory=dict)
    keep: Any = None
    seen: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    masks: Files | None = None

    def explanation(self) -> str:
        """The figures under every protocol (of an evaluation with ``Request.explain``)."""
        text = explain(self.tables, self.explained)
        fitted = [] if self.fitting is None else [f"All of them with {self.fitting.line()}."]
        return "\n".join([text, *fitted, *map(sentence, self.seen)])

    def gain(self) -> float:
        """The best method's mean PSNR minus the untouched input's, in dB (of an evaluation of weights with psnr)."""
        base = self.table.mean(INPUT, "psnr")[0]
        return max(self.table.mean(name, "psnr")[0] for name in self.table.methods if name != INPUT) - base


def evaluation_of(
    targets: Files,
    entries: Sequence[Entry],
    scored: Scored,
    request: Request,
    *,
    origins: Mapping[str, Any],
    notes: Sequence[str] = (),
    warnings: Sequence[str] = (),
    scenes: Mapping[str, str],
    columns: Mapping[str, Mapping[str, str]] | None = None,
    fitting: Fitting | None = None,
    made: str = "",
) -> Evaluation:
    """The tables of what was scored; ``origins`` say for the card where each row's pictures come from.

    ``made``: how sources were made of clean photos, where the data bring none.
    """
    warnings = [*warnings, *copy_lines(scored.copies, len(targets))]
    alpha = [f"the alpha of {method}'s pictures is left out" for method in scored.with_alpha]
    fit = "" if fitting is None else fitting.line()
    card = card_of(request, scored.digests, origins, fit, made)
    methods = tuple(dict.fromkeys(entry.method for entry in entries))
    tables = {
        protocol.label: Table(
            methods=methods,
            metrics=protocol.names(metrics),
            scores=scored.scores[protocol.label],
            protocol="; ".join([protocol.line(metrics), *([fit] if fit else [])]),
            notes=(*notes, *alpha, *warnings),
            scenes=scenes,
            against=request.against,
            columns=columns or {},
            quoted=tuple(row for table in request.published for row in table.quoted),
            card=card,
            spread=request.spread,
        )
        for protocol, metrics in request.asked
    }
    return Evaluation(
        table=tables[request.protocol.label],
        tables=tables,
        targets=targets,
        results={entry.label: entry.files for entry in entries if entry.method != INPUT},
        sources=next((entry.files for entry in entries if entry.method == INPUT), None),
        explained=tuple(request.metrics_to_explain) if request.explain else (),
        fitting=fitting,
        warnings=tuple(warnings),
    )
