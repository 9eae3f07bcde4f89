"""What all pages share: each is one file that asks for nothing, and names of files are text in it."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
from pathlib import Path

from img2img.reports.writing import printable


def escape(text: str) -> str:
    """Text as HTML, for content and attributes; what is not Unicode is shown as ``?``."""
    return printable(html.escape(text))


@functools.cache
def shipped(name: str) -> str:
    """A file that lies beside this one: a part of a page's HTML, style or script."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def data_uri(kind: str, content: bytes) -> str:
    """The address of a picture that is held in the page; ``kind`` is ``jpeg``, ``webp``, ..."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def document(title: str, style: str, body: str, script: str = "") -> str:
    """A whole page; ``title`` is plain text, ``body`` HTML. Its policy allows no request, and no other script."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    scripts = f"; script-src 'sha256-{digest}'" if script else ""
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta http-equiv="Content-Security-Policy" '
        f"content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'{scripts}\">",
        '<link rel="icon" href="data:,">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{style.strip()}\n</style>",
        "</head>",
        "<body>",
        body.strip(),
        *([f"<script>{script}</script>"] if script else []),
        "</body>",
        "</html>",
        "",
    ]
    return "\n".join(lines)
