"""Results of another size than their targets: what is said of them, and how --fit makes them agree."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_run import evaluate, save

import img2img
from conftest import picture
from img2img.errors import UserError
from img2img.images import Picture, write

FITS = ("crop", "center", "resize")


def grey(*rows: list[int]) -> np.ndarray:
    """Rows of levels as (H, W, 3) uint8."""
    return np.repeat(np.array(rows, np.uint8)[:, :, None], 3, 2)


# 7 wide, 5 high: ten times the column plus the row, so that every place has its own level
TARGET = grey(*([10 * column + row for column in range(7)] for row in range(5)))


def mae(tmp_path: Path, target: np.ndarray, result: np.ndarray, fit: str | None) -> float:
    save(tmp_path / "clean/a.png", target)
    save(tmp_path / "dry/a.png", result)
    return img2img.evaluate(tmp_path / "dry", tmp_path / "clean", "mae", fit=fit).values("results", "mae")[0]


def test_crop_is_from_the_top_left(tmp_path):
    # two levels brighter than the upper left 4x4, so that any other place differs by more
    assert mae(tmp_path, TARGET, TARGET[:4, :4] + 2, "crop") == 2
    # the centre begins a column further right: ten levels more
    assert mae(tmp_path, TARGET, TARGET[:4, :4] + 2, "center") == 8


def test_the_centre_leaves_the_odd_pixel_at_the_end(tmp_path):
    # of 7 columns 4 are kept: 1 before, 2 after; of 5 rows 4: none before, 1 after
    assert mae(tmp_path, TARGET, TARGET[0:4, 1:5] + 3, "center") == 3
    assert mae(tmp_path, TARGET, TARGET[1:4, 2:5] + 3, "center") == 3


def test_resize_is_pillows_bicubic_of_the_result(tmp_path):
    # Keys' cubic (a = -1/2) from 2 to 4 columns: w(1/4) = 111/128, w(3/4) = 29/128, w(5/4) = -9/128, normalised
    # within the picture: the outer columns are 100 -+ 100 * 9/102, the inner ones 100 + 100 * 29/140
    made = [round(100 - 900 / 102), round(100 + 2900 / 140), round(200 - 2900 / 140), round(200 + 900 / 102)]
    assert made == [91, 121, 179, 209]
    flat = grey([100] * 4)
    assert mae(tmp_path, flat, grey([100, 200]), "resize") == (9 + 21 + 79 + 109) / 4


@pytest.mark.parametrize("fit", [None, *FITS])
def test_where_sizes_agree_nothing_changes(tmp_path, fit):
    assert mae(tmp_path, TARGET, TARGET + 5, fit) == 5


def test_what_several_results_show_is_what_all_are_measured_on(tmp_path):
    save(tmp_path / "clean/a.png", TARGET)
    save(tmp_path / "small/a.png", TARGET[1:4, 2:5] + 1)
    # wrong by ten levels where the small one shows nothing
    large = TARGET + 10
    large[1:4, 2:5] = TARGET[1:4, 2:5] + 2
    save(tmp_path / "large/a.png", large)
    folders = {name: tmp_path / name for name in ("small", "large")}
    table = img2img.evaluate(folders, tmp_path / "clean", "mae", fit="center")
    assert [table.values(name, "mae") for name in folders] == [[1], [2]]


def cropped(multiple: int) -> Callable[[int], int]:
    return lambda side: side // multiple * multiple


@pytest.mark.parametrize(
    ("change", "sizes", "guess"),
    [
        (cropped(16), "results are 48x32, targets 63x41", ": cropped to a multiple of 16? sizes must be the same"),
        (cropped(8), "results are 56x40, targets 63x41", ": cropped to a multiple of 8? sizes must be the same"),
        (lambda side: -(-side // 16) * 16, "results are 64x48, targets 63x41", ": padded to a multiple of 16? sizes"),
        (lambda side: side - 5, "results are 58x36, targets 63x41", "; sizes must be the same"),
    ],
)
def test_a_likely_reason_and_a_cure_are_named(tmp_path, change, sizes, guess):
    save(tmp_path / "clean/0.png", picture(0, 48, 64))
    save(tmp_path / "dry/0.png", picture(0, 48, 64))
    for number in (1, 2):
        save(tmp_path / f"clean/{number}.png", picture(number, 41, 63))
        save(tmp_path / f"dry/{number}.png", picture(number, change(41), change(63)))
    with pytest.raises(UserError) as caught:
        img2img.evaluate({"a": tmp_path / "dry"}, tmp_path / "clean")
    said = str(caught.value)
    files = f"{tmp_path / 'dry/1.png'} against {tmp_path / 'clean/1.png'} and 1 more"
    assert said.startswith(f"--results a={tmp_path / 'dry'}: {sizes} ({files}){guess}")
    if "padded" in said:
        assert said.endswith("cut them back to their targets' size")
    else:
        assert "--fit crop (top left), --fit center or --fit resize" in said


@pytest.fixture
def sizes(tmp_path: Path) -> Path:
    """Three targets; results of two of them cut to a multiple of 16, two levels brighter; their sources uncut."""
    for number, (height, width) in {1: (33, 49), 2: (32, 48), 10: (35, 50)}.items():
        clean = np.clip(picture(number, height, width), 10, 200)
        save(tmp_path / f"clean/{number}.png", clean)
        save(tmp_path / f"rainy/{number}.png", clean + 4)
        save(tmp_path / f"dry/{number}.png", clean[:32, :48] + 2)
    return tmp_path


FOLDERS = ("--metrics", "psnr", "--format", "md,latex,csv,json")
SAID = {
    "crop": "fit=crop: all pictures are cut from the top left to what every result shows, 2 of 3 pictures concerned",
    "center": "fit=center: all pictures are cut to their centre, to what every result shows, 2 of 3 pictures concerned",
    "resize": "fit=resize: results of ours are resized to their targets' size (Pillow's bicubic), 2 of 3 pictures "
    "concerned",
}


@pytest.mark.parametrize("fit", FITS)
def test_every_format_says_it(sizes, fit, capsys):
    words = ["--target", sizes / "clean", "--results", f"ours={sizes / 'dry'}", "--source", sizes / "rainy", *FOLDERS]
    assert evaluate(*words, "--fit", fit, "--explain", "--output", sizes / "out") == 0
    out = sizes / "out"
    shown = capsys.readouterr().out
    for name in ("table.md", "table.csv", "table.json", "table.tex", "card.json", "report.html", "explain.txt"):
        text = (out / name).read_text().replace("&#x27;", "'").replace("\\&#39;", "'")
        assert SAID[fit] in " ".join(text.replace("\\", "").split()), name
    assert SAID[fit] in shown.replace("\\", "")
    assert json.loads((out / "card.json").read_text())["fit"] == SAID[fit]
    with (out / "per_image.csv").open() as file:
        rows = list(csv.DictReader(file))
    # the source is measured on the same place, where it is four levels off throughout
    values = {(row["method"], row["image"]): float(row["value"]) for row in rows}
    for image in ("1", "2", "10"):
        assert values["input (untouched)", image] == pytest.approx(20 * math.log10(255 / 4), abs=1e-9)
    # of 49x33 the centre of 48x32 begins at the top left, of 50x35 it does not
    exact = {"crop": ["1", "2", "10"], "center": ["1", "2"], "resize": ["2"]}[fit]
    for image in ("1", "2", "10"):
        ours = values["ours", image]
        assert (abs(ours - 20 * math.log10(255 / 2)) < 1e-9) == (image in exact), image
    # the page shows what was measured: input, result and target of one size, to be laid over each other
    shown = re.findall(r"data:image/webp;base64,([A-Za-z0-9+/=]+)", (out / "report.html").read_text())
    found = {Image.open(io.BytesIO(base64.b64decode(data))).size for data in shown}
    assert len(shown) == 9
    assert found == ({(49, 33), (48, 32), (50, 35)} if fit == "resize" else {(48, 32)})


def test_without_it_nothing_is_said(sizes, capsys):
    words = ["--target", sizes / "clean", "--results", f"ours={sizes / 'rainy'}", *FOLDERS]
    assert evaluate(*words, "--explain") == 0
    assert "fit=" not in capsys.readouterr().out


def test_what_cannot_be_fitted(tmp_path):
    save(tmp_path / "clean/a.png", picture(0, 40, 40))
    save(tmp_path / "dry/a.png", picture(0, 40, 48))
    for fit in ("crop", "center"):
        with pytest.raises(UserError, match=rf"--fit {fit}: .*a\.png is 48x40, its target but 40x40; .*--fit resize"):
            img2img.evaluate(tmp_path / "dry", tmp_path / "clean", fit=fit)
    with pytest.raises(UserError, match="--fit: unknown fit 'centre'; did you mean 'center'"):
        img2img.evaluate(tmp_path / "dry", tmp_path / "clean", fit="centre")
    deep = picture(0, 40, 40).astype(np.uint16) * 257
    write(tmp_path / "clean/a.png", Picture(deep))
    write(tmp_path / "dry/a.png", Picture(deep[:32, :32]))
    with pytest.raises(UserError, match=r"a\.png: has 16 bits a sample, --fit resize rounds to 8"):
        img2img.evaluate(tmp_path / "dry", tmp_path / "clean", protocol="rgb,depth=16", fit="resize")
    table = img2img.evaluate(tmp_path / "dry", tmp_path / "clean", "mae", protocol="rgb,depth=16", fit="crop")
    assert table.values("results", "mae") == [0]
