"""The data doctor's report as one HTML page that needs no other file: verdict, findings, contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image

from img2img.doctor.findings import WEIGHTS, Diagnosis, Finding, Spot, data_line
from img2img.errors import UserError
from img2img.files import atomic_write_bytes
from img2img.images.raster import read_any, to_look_at
from img2img.reports.pages.document import data_uri, document, escape

# places of a finding that are shown with pictures, and pictures of one place
SHOWN = 8
FILES = 5
WIDE, HIGH = 360, 220
MEANING = {
    "stops": "training or evaluation would stop",
    "wrong": "it would run, and the results would be wrong",
    "note": "good to know",
}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 1180px; padding: 0 1em; color: #222; }
h1 { font-size: 1.5em; margin-bottom: .2em } h2 { margin-top: 2em; border-bottom: 1px solid #ccc }
.verdict { font-size: 1.15em; padding: .6em .9em; border-radius: 4px; background: #e5f3e5 }
.verdict.bad { background: #fbe4e2 }
section.finding { border-left: 5px solid #888; padding: .1em 1em; margin: 1.2em 0; background: #fafafa }
section.stops { border-color: #b3261e } section.wrong { border-color: #d9730d } section.note { border-color: #4a7ab5 }
.weight { font-weight: bold; text-transform: uppercase; font-size: .8em; letter-spacing: .05em }
.fix { background: #f0f0f0; padding: .3em .6em; overflow-wrap: anywhere }
.row { display: flex; flex-wrap: wrap; gap: 8px; margin: .3em 0 1em } .row p { flex-basis: 100%; margin: 0 }
figure { margin: 0 } figcaption { font-size: .75em; color: #666; max-width: 360px; overflow-wrap: anywhere }
img { display: block; border: 1px solid #ccc } .broken { padding: 2em; border: 1px dashed #b3261e; color: #b3261e }
.sheet figure { width: 176px } .sheet figcaption { max-width: 176px } .sheet .pair { display: flex; gap: 1px }
.sheet img { max-width: 176px; max-height: 130px } .sheet .pair img { max-width: 87px }
"""


def page(diagnosis: Diagnosis) -> str:
    """The page's HTML. Pictures are read again, small, and kept in it; names are escaped."""
    findings = [_finding(diagnosis, finding) for weight in WEIGHTS for finding in diagnosis.of(weight)]
    sheet = [_contact(diagnosis, part, files) for part, files in diagnosis.shown]
    total = sum(part.pictures for part in diagnosis.parts)
    name = diagnosis.path.resolve().name
    body = [
        f"<h1>{escape(name)}</h1>",
        f'<p class="verdict{" bad" if diagnosis.status else ""}">{escape(diagnosis.verdict)}</p>',
        f"<p>{escape(data_line(diagnosis))}; task {escape(diagnosis.task)}</p>",
        "<h2>Findings</h2>",
        *(findings or ["<p>None.</p>"]),
        f"<h2>Contact sheet</h2><p>{len(sheet)} of {total}, evenly through the set.</p>",
        '<div class="row sheet">',
        *sheet,
        "</div>",
    ]
    return document(f"{name}: data checked", STYLE, "\n".join(body))


def write_page(diagnosis: Diagnosis, folder: Path) -> Path:
    """Write the page as ``index.html`` into ``folder``.

    Raises:
        RunError: the file system refuses.
    """
    path = folder / "index.html"
    # a name that is no valid text cannot be written, and is nothing to stop for
    atomic_write_bytes(path, page(diagnosis).encode("utf-8", "replace"))
    return path


def _finding(diagnosis: Diagnosis, finding: Finding) -> str:
    shown = [_spot(diagnosis, spot) for spot in finding.spots[:SHOWN]]
    rest = [f"<li>{escape(spot.text)}</li>" for spot in finding.spots[SHOWN:]]
    more = [f"<details><summary>{len(rest)} more</summary><ul>", *rest, "</ul></details>"] if rest else []
    return "\n".join(
        [
            f'<section class="finding {finding.weight}">',
            f'<p><span class="weight">{finding.weight}</span> ({MEANING[finding.weight]})<br>',
            f"{escape(finding.text)}</p>",
            f'<p class="fix">fix: {escape(finding.fix)}</p>',
            *shown,
            *more,
            "</section>",
        ]
    )


def _spot(diagnosis: Diagnosis, spot: Spot) -> str:
    figures = [
        f"<figure>{_image(file)}<figcaption>{escape(_label(diagnosis, file))}</figcaption></figure>"
        for file in spot.files[:FILES]
    ]
    return "\n".join(['<div class="row">', f"<p>{escape(spot.text)}</p>", *figures, "</div>"])


def _contact(diagnosis: Diagnosis, part: str, files: Sequence[Path]) -> str:
    images = "".join(_image(file) for file in files)
    inner = f'<div class="pair">{images}</div>' if len(files) > 1 else images
    return f"<figure>{inner}<figcaption>{escape(_label(diagnosis, files[0]))}</figcaption></figure>"


def _label(diagnosis: Diagnosis, file: Path) -> str:
    return str(file.relative_to(diagnosis.path)) if file.is_relative_to(diagnosis.path) else str(file)


def _image(file: Path) -> str:
    try:
        image = Image.fromarray(to_look_at(read_any(file)))
    except UserError:
        return '<div class="broken">cannot be shown</div>'
    image.thumbnail((WIDE, HIGH))
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return f'<img alt="" src="{data_uri("jpeg", buffer.getvalue())}">'
