"""A mask's two values are hole and rest, whatever they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from translators import translator

from conftest import picture
from img2img.errors import UserError
from img2img.images import read
from img2img.images.masks import EMPTY, FROM_ALPHA, FULL, hole_of
from img2img.inference import list_jobs, translate_folder

INSIDE = np.zeros((48, 64), bool)
INSIDE[10:30, 20:50] = True


def grey(path: Path, low: int, high: int) -> None:
    Image.fromarray(np.where(INSIDE, high, low).astype(np.uint8)).save(path)


def deep(path: Path) -> None:
    Image.fromarray(INSIDE.astype(np.uint16)).save(path)


def index(path: Path, colours: list[int]) -> None:
    image = Image.fromarray(INSIDE.astype(np.uint8), "P")
    image.putpalette(colours)
    image.save(path)


def colour_and_alpha(path: Path, mode: str) -> None:
    shown = Image.new(mode[:-1], (64, 48), 0)
    shown.putalpha(Image.fromarray(INSIDE.astype(np.uint8) * 255))
    shown.save(path)


def soft(path: Path) -> None:
    plane = INSIDE.astype(np.uint8) * 255
    plane[10, 20:50], plane[9, 20:50] = 128, 127
    Image.fromarray(plane).save(path)


def coloured(path: Path) -> None:
    Image.fromarray(np.where(INSIDE[:, :, None], (255, 255, 0), (0, 0, 255)).astype(np.uint8)).save(path)


KINDS = {
    "0 and 255": lambda path: grey(path, 0, 255),
    "0 and 1": lambda path: grey(path, 0, 1),
    "0 and 100": lambda path: grey(path, 0, 100),
    "200 and 255": lambda path: grey(path, 200, 255),
    "0 and 1 of 65,535": deep,
    "palette index 1, dark red": lambda path: index(path, [0, 0, 0, 128, 0, 0]),
    "palette index 1, grey": lambda path: index(path, [0, 0, 0, 1, 1, 1]),
    "1 bit": lambda path: Image.fromarray(INSIDE).save(path),
    "yellow and blue": coloured,
    "soft border": soft,
    "alpha of grey": lambda path: colour_and_alpha(path, "LA"),
    "alpha of colour": lambda path: colour_and_alpha(path, "RGBA"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_hole_is_where_it_was_drawn(kind, tmp_path):
    KINDS[kind](tmp_path / "mask.png")
    hole, notes = hole_of(read(tmp_path / "mask.png"))
    assert np.array_equal(hole, INSIDE)
    assert notes == ((FROM_ALPHA,) if "alpha" in kind else ())


@pytest.mark.parametrize(("level", "inside", "said"), [(0, False, EMPTY), (1, True, FULL), (255, True, FULL)])
def test_a_mask_of_one_level_is_said(level, inside, said, tmp_path):
    grey(tmp_path / "mask.png", level, level)
    hole, notes = hole_of(read(tmp_path / "mask.png"))
    assert notes == (said,)
    assert (hole == inside).all()


def test_several_levels_all_under_the_half_are_an_empty_mask(tmp_path):
    Image.fromarray(np.arange(48 * 64, dtype=np.uint16).reshape(48, 64).astype(np.uint8) % 100).save(tmp_path / "m.png")
    hole, notes = hole_of(read(tmp_path / "m.png"))
    assert (hole.any(), notes) == (False, (EMPTY,))


def test_colours_of_one_brightness_are_refused(tmp_path):
    pixels = np.where(INSIDE[:, :, None], (255, 0, 0), (0, 255, 0)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    with pytest.raises(UserError, match="colours of the same brightness"):
        hole_of(read(tmp_path / "mask.png"))


def test_infer_fills_the_same_hole_whatever_the_two_values_are_and_names_empty_masks(tmp_path):
    made = translator({"name": "residual", "width": 4}, flow="inpaint", seed=3)
    made.fill = (117, 104, 123)
    for folder in ("in", "masks"):
        (tmp_path / folder).mkdir()
    for name, levels in (("a", (0, 255)), ("b", (0, 1)), ("empty", (0, 0))):
        Image.fromarray(picture(0)).save(tmp_path / f"in/{name}.png")
        grey(tmp_path / f"masks/{name}.png", *levels)
    jobs = list_jobs(made, tmp_path / "in", tmp_path / "out", tmp_path / "masks", None, 1)
    summary = translate_folder(made, jobs)
    assert (tmp_path / "out/a.png").read_bytes() == (tmp_path / "out/b.png").read_bytes()
    assert not np.array_equal(read(tmp_path / "out/a.png").pixels, picture(0))
    assert np.array_equal(read(tmp_path / "out/empty.png").pixels, picture(0))
    assert summary.notes == {EMPTY: [str(tmp_path / "in/empty.png")]}
