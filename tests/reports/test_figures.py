"""Grids and sheets: every picture is there, whole and in its place."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from img2img.reports.figures import GAP, HEAD, grid, save_png, scatter, vectors_side_by_side

RED, GREEN, BLUE = (200, 0, 0), (0, 150, 0), (0, 0, 250)


def flat(colour: tuple[int, int, int], height: int, width: int) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (height, width, 3)).copy()


def area(sheet: np.ndarray, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """(top, left, height, width) of a colour, which must fill that rectangle."""
    found = np.argwhere((sheet == colour).all(2))
    (top, left), (bottom, right) = found.min(0), found.max(0)
    assert len(found) == (bottom - top + 1) * (right - left + 1)
    return top, left, bottom - top + 1, right - left + 1


def test_a_grid_has_each_picture_in_its_row_and_column():
    upper, lower = [flat(RED, 200, 150), flat(GREEN, 200, 150)], [flat(BLUE, 150, 200), flat((9, 9, 9), 150, 200)]
    sheet = grid([upper, lower], "ab")
    assert area(sheet, RED) == (HEAD + GAP, GAP, 200, 150)
    assert area(sheet, GREEN)[:2] == (HEAD + GAP, 2 * GAP + 200)
    assert area(sheet, BLUE) == (HEAD + 2 * GAP + 200, GAP, 150, 200)
    assert (sheet[:HEAD] < 128).any()  # labels


def test_large_pictures_are_fitted_and_small_ones_enlarged_by_whole_pixels():
    assert area(grid([[flat(RED, 800, 400)]], "a"), RED)[2:] == (384, 192)
    assert area(grid([[flat(RED, 10, 20)]], "a"), RED)[2:] == (60, 120)
    assert area(grid([[flat(RED, 1, 1)]], "a"), RED)[2:] == (128, 128)


@pytest.mark.parametrize(("count", "side"), [(1, 128), (4, 128), (5, 120)])
def test_made_beside_real(count, side):
    # contact sheets of 1, 2 and 3 pictures of 8 px a side, enlarged by 16, 8 and 5
    made, real = np.full((count, 3, 8, 8), -1.0), np.full((count, 3, 8, 8), 1.0)
    sheet = vectors_side_by_side(made, real)[HEAD:]
    assert area(sheet[:, : GAP + side], (0, 0, 0)) == (GAP, GAP, side, side)
    right = sheet[GAP : GAP + side // 3, GAP * 2 + side :]
    assert (right == 255).all()


def test_points_lie_where_they_should():
    made = np.array([[1.0, 1.0]])
    sheet = scatter(made, np.array([[-1.0, -1.0]]), side=100)
    y, x = np.argwhere((sheet == (200, 30, 30)).all(2)).mean(0)
    assert (x, y) == (pytest.approx(75, abs=1), pytest.approx(25, abs=1))
    y, x = np.argwhere((sheet == (170, 170, 170)).all(2)).mean(0)
    assert (x, y) == (pytest.approx(25, abs=1), pytest.approx(75, abs=1))


def test_a_sheet_is_written_as_it_is(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    save_png(tmp_path / "deep/sheet.png", pixels)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "deep/sheet.png")), pixels)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["sheet.png"]
