"""A folder of odd files through reading, an identity and writing: what is true of each, and what comes back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from odd_files import LINKS, LOSSY, Odd, came_back, make, odd_files, translated
from translators import translator

from img2img.errors import UserError
from img2img.images import find, joined, read, size
from img2img.inference import list_jobs, output_names, translate_folder

ODD = odd_files()
READABLE = [odd for odd in ODD if odd.samples is not None]
EXACT = (".png", ".tif", ".tiff", ".bmp", ".ppm", ".pgm", ".gif", ".jp2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("odd")
    make(place)
    return place


def test_there_are_enough_of_them():
    assert len({odd.name for odd in ODD}) == len(ODD) >= 60


@pytest.mark.parametrize("odd", READABLE, ids=lambda odd: odd.name)
def test_what_is_read_is_true(folder, odd, recwarn):
    made = read(folder / odd.name)
    samples = joined(made)
    assert samples.dtype == odd.samples.dtype
    assert samples.shape == odd.samples.shape
    assert np.abs(samples.astype(int) - odd.samples.astype(int)).max() <= odd.near
    assert len(made.notes) == len(odd.says)
    assert all(any(part in note for note in made.notes) for part in odd.says)
    found = {"profile": made.icc, "exif": made.exif, "dpi": made.dpi}
    assert {name for name, value in found.items() if value} == odd.keeps
    assert size(folder / odd.name) == (samples.shape[1], samples.shape[0])
    if odd.format:
        assert made.format == odd.format
    assert len(recwarn) == 0


def lossy(odd: Odd) -> bool:
    """Whether it is written by a format that keeps its pixels nearly."""
    return odd.format in ("", "JPEG") and Path(odd.name).suffix.lower() not in EXACT and "ossless" not in odd.what


@pytest.mark.parametrize("odd", READABLE, ids=lambda odd: odd.name)
def test_what_comes_back(folder, tmp_path, odd):
    back = came_back(odd, folder, tmp_path)
    assert back.differ <= odd.near + (LOSSY if lossy(odd) or odd.format == "JPEG" else 0)
    assert back.alpha in (None, 0)
    assert (back.alpha is None) == (odd.samples.shape[2] in (1, 3))
    assert back.keeps == odd.keeps
    assert back.depth == 8 * odd.samples.itemsize
    assert back.place.stem == Path(odd.name).stem
    assert len(back.notes) == len(odd.says)


@pytest.mark.parametrize("odd", [odd for odd in ODD if odd.samples is None], ids=lambda odd: odd.name)
def test_what_cannot_be_read(folder, tmp_path, odd):
    with pytest.raises(UserError) as caught:
        translated(folder / odd.name, tmp_path)
    line = str(caught.value)
    assert line.startswith(f"{folder / odd.name}: ")
    assert odd.refused
    assert odd.refused in line
    assert "\n" not in line
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_found_whole_and_nothing_beside_it(folder):
    expected = {odd.name for odd in ODD if not odd.name.endswith(".mp4")}
    assert {str(path.relative_to(folder)) for path in find(folder)} == expected
    assert set(LINKS) & expected == set()
    assert {str(path.relative_to(folder)) for path in find(folder, videos=True)} == {odd.name for odd in ODD}


def test_names_are_kept_and_none_meets_another(folder):
    files = find(folder)
    places = output_names(files, folder, None)
    assert len({str(place).lower() for place in places.values()}) == len(files)
    for file, place in places.items():
        name = file.relative_to(folder)
        assert place == (name if name.suffix.lower() not in (".gif", ".jp2") else name.with_suffix(".png"))
    together = output_names(files, folder, ".png")
    assert len(set(together.values())) == len(files)
    assert str(together[folder / "names/same.jpg"]) == "names/same_jpg.png"
    assert str(together[folder / "names/-dash.png"]) == "names/-dash.png"


def test_the_script_makes_the_folder_and_the_table(tmp_path):
    script = Path(__file__).parents[1] / "odd_files.py"
    environment = {**os.environ, "PYTHONPATH": str(script.parents[1])}
    words = [sys.executable, script]
    done = subprocess.run([*words, tmp_path / "a"], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(find(tmp_path / "a", videos=True)) == len(ODD)
    done = subprocess.run([*words, "--table", tmp_path / "b"], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == len(ODD) + 2
    assert "lost |" not in done.stdout


def test_a_video_is_refused_alone_and_fails_among_pictures(folder, tmp_path):
    made = translator({"name": "unet", "width": 4})
    with pytest.raises(UserError, match=r"--input .*clip\.mp4: a video: split it \(mkdir frames; ffmpeg -i "):
        list_jobs(made, folder / "broken/clip.mp4", tmp_path / "out", None, None, 1)
    jobs = list_jobs(made, folder / "broken", tmp_path / "out", None, None, 1)
    assert folder / "broken/clip.mp4" in [job.source for job in jobs]
    summary = translate_folder(made, jobs)
    assert summary.done == 0
    assert "ffmpeg" in summary.failed[str(folder / "broken/clip.mp4")]
    assert len(summary.failed) == len(jobs) == len([odd for odd in ODD if odd.refused])


def test_the_documents_have_a_row_for_each_file():
    text = (Path(__file__).parents[2] / "docs/pictures.md").read_text(encoding="utf-8")
    assert {odd.name for odd in ODD if f"\n| {odd.name} | {odd.what} |" not in text} == set()
    assert text.count("| refused |") == len(ODD) - len(READABLE)
    assert f"a folder of {len(ODD)} such files" in text
