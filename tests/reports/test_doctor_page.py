"""The doctor's page: whole in itself, findings by weight, pictures side by side, names escaped."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from planted import scene, side_by_side, two_folders

from img2img.doctor import Diagnosis, examine
from img2img.doctor.findings import Finding, PartSummary, Spot
from img2img.errors import RunError
from img2img.recipes.settings import resolve
from img2img.reports.pages.doctor import page, write_page

HOSTILE = "<script>alert('a&b\"')</script>"


class Reader(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.sources: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        # the icon is there, and empty, so that none is asked for
        self.sources += [value or "" for name, value in attributes if name in ("src", "href") and value != "data:,"]
        if tag not in ("img", "meta", "link", "br", "!doctype"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open[-1] == "p" != tag:
            self.open.pop()
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(report: Diagnosis) -> Reader:
    reader = Reader()
    reader.feed(page(report))
    reader.close()
    assert reader.open == []
    return reader


def look(folder: Path, *extra: str) -> Diagnosis:
    return examine(resolve("derain", None, str(folder), None, ["data.crop=64", *extra]).data, "derain", threads=1)


def test_names_are_escaped_everywhere(tmp_path):
    folder = tmp_path / "<b>set&"
    spots = (Spot(f"spot {HOSTILE}", (folder / "<x>",)),) * 9
    report = Diagnosis(
        path=folder, task="<i>", layout="side_by_side", direction="<u>a & b</u>", quick=False,
        parts=(PartSummary(HOSTILE, 3, {1: 3}),),
        findings=tuple(
            Finding("kind", weight, f"text {HOSTILE}", f"fix {HOSTILE}", spots) for weight in ("note", "stops", "wrong")
        ),
        shown=((HOSTILE, (folder / "<y>",)),),
    )  # fmt: skip
    reader = parsed(report)
    assert not {"script", "b", "i", "u", "x", "y"} & set(reader.tags)
    # as text, all of it is there: of each finding its line, its fix, eight places and one that is folded away
    assert reader.text.count(f"text {HOSTILE}") == reader.text.count(f"fix {HOSTILE}") == 3
    assert reader.text.count(f"spot {HOSTILE}") == 27
    assert reader.tags.count("details") == 3
    assert "<x>" in reader.text
    assert "<y>" in reader.text


def test_findings_come_by_weight(tmp_path):
    told = [("note", "third"), ("wrong", "second"), ("stops", "first")]
    findings = tuple(Finding("kind", weight, text, "") for weight, text in told)
    report = Diagnosis(tmp_path, "derain", "photos", "", False, (), findings)
    text = parsed(report).text
    assert text.index("first") < text.index("second") < text.index("third")


def test_the_page_needs_no_other_file_and_shows_the_pictures(tmp_path):
    side_by_side(tmp_path / "train", range(6))
    side_by_side(tmp_path / "test", range(3, 5))
    (tmp_path / "train/bad.png").write_bytes(b"")
    report = look(tmp_path)
    assert [finding.kind for finding in report.findings] == ["unreadable", "leak"]
    reader = parsed(report)
    assert all(source.startswith("data:image/jpeg;base64,") for source in reader.sources)
    # two places of two files each, and the contact sheet
    assert len(reader.sources) == 2 * 2 + 8
    for source in reader.sources:
        with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as image:
            assert image.size == (256, 96)
    assert "cannot be shown" in reader.text
    assert report.verdict in reader.text
    assert not re.search(r"https?:|url\(|@import", page(report))
    # nor would a request or a script be let through
    assert "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\"" in page(report)


def test_both_sides_of_two_folders_are_on_the_contact_sheet(tmp_path):
    two_folders(tmp_path / "set", range(3))
    reader = parsed(look(tmp_path / "set"))
    assert len(reader.sources) == 6
    assert "source/0.png" in reader.text


def test_the_contact_sheet_stays_small(tmp_path):
    for number in range(60):
        (tmp_path / "set").mkdir(exist_ok=True)
        Image.fromarray(scene(number, 16, 24)).save(tmp_path / f"set/{number}.png")
    report = examine(resolve("images", None, str(tmp_path / "set")).data, "images", threads=1, quick=True)
    assert len(report.shown) == 48
    assert {report.shown[0][1][0].name, report.shown[-1][1][0].name} == {"0.png", "59.png"}
    assert "48 of 60" in parsed(report).text


def test_large_pictures_are_shown_small(tmp_path):
    Image.fromarray(scene(0, 600, 1200)).save(tmp_path / "big.png")
    report = Diagnosis(tmp_path, "images", "images", "", False, (), (), shown=(("all", (tmp_path / "big.png",)),))
    (source,) = parsed(report).sources
    with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as image:
        assert image.size == (360, 180)


def test_a_name_that_is_no_text_does_not_stop_the_page(tmp_path):
    report = Diagnosis(tmp_path, "images", "images", "", False, (), (Finding("a", "note", "x\udcff", "y"),))
    assert write_page(report, tmp_path / "out") == tmp_path / "out/index.html"
    assert "x?" in (tmp_path / "out/index.html").read_text(encoding="utf-8")


def test_what_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="cannot be written"):
        write_page(Diagnosis(tmp_path, "images", "images", "", False, (), ()), tmp_path / "file")
