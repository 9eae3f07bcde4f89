"""One HTML file to look at a training with: curves, the history of its samples, what it is and on what it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from img2img.files import atomic_write_bytes
from img2img.reports.curves import Panel
from img2img.reports.pages.charts import chart
from img2img.reports.pages.document import data_uri, document, escape, shipped


@dataclass(frozen=True, kw_only=True)
class TrainingPage:
    """What the page tells.

    Attributes:
        title, state: the run's name, and in a sentence how far it is.
        facts: name and value of what is worth a line (speed, time left, best figures, ...).
        measures, losses, others: what is drawn.
        sheets: JPEGs of the sample sheets by step, rising; ``left_out`` of them are not there, to keep the page small.
        pairs: a JPEG of the labelled training pairs, None where there are none.
        notes: what was said of the data and of the start.
        texts: whole texts by heading (configuration, environment).
    """

    title: str
    state: str
    facts: Mapping[str, str]
    measures: Sequence[Panel] = ()
    losses: Sequence[Panel] = ()
    others: Sequence[Panel] = ()
    sheets: Mapping[int, bytes] = field(default_factory=dict)
    left_out: int = 0
    pairs: bytes | None = None
    notes: Sequence[str] = ()
    texts: Mapping[str, str] = field(default_factory=dict)


def write_page(path: Path, page: TrainingPage) -> None:
    """Write ``page``, whole or not at all.

    Raises:
        RunError: the file system refuses.
    """
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in page.facts.items())
    body = [
        f"<h1>{escape(page.title)}</h1>",
        f'<p id="state">{escape(page.state)}</p>',
        f"<dl>{facts}</dl>",
        *_curves(page),
        *_samples(page),
        *_data(page),
        *(
            f"<details><summary>{escape(name)}</summary><pre>{escape(text)}</pre></details>"
            for name, text in page.texts.items()
        ),
    ]
    style = shipped("palette.css") + shipped("training.css")
    html = document(page.title, style, "\n".join(body), shipped("training.js"))
    atomic_write_bytes(path, html.encode("utf-8", "replace"))


def _curves(page: TrainingPage) -> list[str]:
    panels = [*page.measures, *page.losses, *page.others]
    window = max((panel.window(curve) for panel in panels for curve in panel.curves), default=1)
    about = (
        f" Thick lines are means over up to {window} log lines, what they are of is drawn thin." if window > 1 else ""
    )
    none = "" if panels else "<p>Nothing is logged yet.</p>"
    return [
        "<h2>Curves</h2>",
        '<p><label><input type="checkbox" id="log"> logarithmic</label>'
        '<label><input type="checkbox" id="smooth"> smoothed lines alone</label></p>',
        f'<p class="faint">By step.{about}</p>{none}',
        '<div id="charts">',
        *map(chart, panels),
        "</div>",
    ]


def _samples(page: TrainingPage) -> list[str]:
    if not page.sheets:
        return []
    last = len(page.sheets) - 1
    images = [
        f'<img alt="step {step}" src="{data_uri("jpeg", content)}"{"" if index == last else " hidden"}>'
        for index, (step, content) in enumerate(page.sheets.items())
    ]
    gone = f" {page.left_out} further sheets lie in the run's folder samples." if page.left_out else ""
    return [
        "<h2>Samples</h2>",
        f'<p class="faint">The same pictures at every validation, reduced and as JPEG.{gone}</p>',
        f'<p><input type="range" id="at" min="0" max="{last}" value="{last}" aria-label="validation">'
        f' <output id="step" for="at">step {list(page.sheets)[-1]}</output></p>',
        '<div id="sheets">',
        *images,
        "</div>",
    ]


def _data(page: TrainingPage) -> list[str]:
    notes = "".join(f"<li>{escape(note)}</li>" for note in page.notes)
    pairs = page.pairs and f'<img id="pairs" alt="training pairs" src="{data_uri("jpeg", page.pairs)}">'
    return ["<h2>Data</h2>", f"<ul>{notes}</ul>" if notes else "", pairs or "", "<h2>Run</h2>"]
