"""Grids and sheets: every picture is there, whole and in its place."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from img2img.reports.figures import (
    FRAME,
    GAP,
    HEAD,
    grid,
    save_png,
    telling_box,
    vectors_side_by_side,
    zoomed_grid,
)

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
def test_generated_beside_real(count, side):
    # contact sheets of 1, 2 and 3 pictures of 8 px a side, enlarged by 16, 8 and 5
    generated, real = np.full((count, 3, 8, 8), -1.0), np.full((count, 3, 8, 8), 1.0)
    sheet = vectors_side_by_side(generated, real)[HEAD:]
    assert area(sheet[:, : GAP + side], (0, 0, 0)) == (GAP, GAP, side, side)
    right = sheet[GAP : GAP + side // 3, GAP * 2 + side :]
    assert (right == 255).all()


def with_error(places: dict[tuple[int, int], int], height: int = 40, width: int = 60) -> np.ndarray:
    """Mid-grey, wrong by some steps at (row, column)."""
    picture = flat((128, 128, 128), height, width)
    for (row, column), steps in places.items():
        picture[row, column] = 128 + steps
    return picture


def test_the_box_lies_where_methods_differ_most():
    target = flat((128, 128, 128), 40, 60)
    # both are wrong on the left, they differ on the right, in single pixels and most in their sum
    one = with_error({(5, 5): 100, (30, 50): 30, (32, 52): 30, (10, 30): 40})
    other = with_error({(5, 5): 100})
    left, top, width, height = telling_box([one, other], target, (15, 10))
    assert (width, height) == (15, 10)
    assert (left, top) == (52 - 14, 32 - 9)  # the first window with both
    assert telling_box([other, one], target, (15, 10)) == (left, top, width, height)


def test_the_box_of_one_method_lies_where_it_is_worst():
    target = flat((128, 128, 128), 40, 60)
    found = telling_box([with_error({(5, 5): 20, (30, 20): 21})], target, (1, 1))
    assert found == (20, 30, 1, 1)
    same = with_error({(5, 5): 20})
    assert telling_box([same, same], target, (1, 1)) == (5, 5, 1, 1)
    # dark errors count as bright ones: no wrap-around
    assert telling_box([with_error({(3, 4): -128, (9, 9): 127})], target, (1, 1)) == (4, 3, 1, 1)


def test_the_box_of_perfect_results_is_the_middle():
    target = flat(RED, 40, 60)
    assert telling_box([target, target], target, (20, 10)) == (20, 15, 20, 10)
    assert telling_box([target], target, (60, 40)) == (0, 0, 60, 40)


def test_a_detail_is_framed_and_enlarged_below():
    # not enlarged by the grid itself, so that places can be told
    pictures = [np.random.default_rng(seed).integers(0, 200, (100, 160, 3), dtype=np.uint8) for seed in range(3)]
    sheet = zoomed_grid([pictures], ["source", "m", "target"], [(40, 30, 26, 20)])
    for column, picture in enumerate(pictures):
        left, top = GAP + column * (160 + GAP), HEAD + GAP
        shown = sheet[top : top + 100, left : left + 160]
        framed = (shown == FRAME).all(2)
        assert set(zip(*np.nonzero(framed), strict=True)) == {
            (y, x) for y in range(28, 52) for x in range(38, 68) if not (30 <= y < 50 and 40 <= x < 66)
        }
        assert np.array_equal(shown[~framed], picture[~framed])
        below = sheet[top + 100 + GAP :, left : left + 160]
        detail = picture[30:50, 40:66].repeat(6, 0).repeat(6, 1)  # (160 - 4) / 26
        assert np.array_equal(below[2 : 2 + 120, 2 : 2 + 156], detail)
        assert (below[[0, 1, 122, 123], :160] == FRAME).all()
        assert (below[:124, [0, 1, 158, 159]] == FRAME).all()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 200), (64, 48), (129, 7), (500, 333), (1500, 900)])
def test_boxes_are_found_in_pictures_of_every_size(width, height):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 200, (height, width, 3), dtype=np.uint8) for _ in range(4)]
    sheet = zoomed_grid([pictures], ["source", "a", "b", "target"])
    assert (sheet == FRAME).all(2).sum() > 4 * 8
    assert np.array_equal(sheet, zoomed_grid([pictures], ["source", "a", "b", "target"]))


def test_the_box_is_chosen_by_the_results_against_the_target():
    target = flat((128, 128, 128), 120, 160)
    source = with_error({(y, x): 120 for y in range(60, 120) for x in range(80)}, 120, 160)
    result = with_error({(y, x): 9 for y in range(5, 15) for x in range(140, 150)}, 120, 160)
    sheet = zoomed_grid([[source, result, target]], ["source", "m", "target"])
    framed = (sheet[HEAD + GAP :][:120, GAP : GAP + 160] == FRAME).all(2)
    middle = np.argwhere(framed).mean(0)
    assert middle[0] < 40
    assert middle[1] > 100
    # the other way round the source is asked
    sheet = zoomed_grid([[target, result, source]], "tms", source=0, target=0)
    framed = (sheet[HEAD + GAP :][:120, GAP : GAP + 160] == FRAME).all(2)
    assert np.argwhere(framed).mean(0)[0] > 60


def test_what_a_zoomed_grid_refuses():
    picture = flat(RED, 30, 40)
    with pytest.raises(ValueError, match="one size"):
        zoomed_grid([[picture, flat(RED, 40, 30)]], "ab")
    for box in ((-1, 0, 5, 5), (0, 0, 41, 5), (0, 28, 5, 5), (0, 0, 0, 5)):
        with pytest.raises(ValueError, match="does not lie"):
            zoomed_grid([[picture, picture]], "ab", [box])
    with pytest.raises(ValueError, match="boxes must be given"):
        zoomed_grid([[picture, picture]], "ab", target=None)


def test_a_sheet_is_written_as_it_is(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    save_png(tmp_path / "deep/sheet.png", pixels)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "deep/sheet.png")), pixels)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["sheet.png"]
